"""A migration as it is run once: it holds the database for a while, as big ones do. Usage: python migrate_notes.py DATABASE COLUMN"""

import sqlite3
import sys
import time

database = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None)
database.execute("BEGIN IMMEDIATE")
database.execute(f"ALTER TABLE notes ADD COLUMN {sys.argv[2]} INTEGER")
database.execute(f"UPDATE notes SET {sys.argv[2]} = length(id)")
time.sleep(0.3)
database.execute("COMMIT")
