"""A migration as it is run once: it holds the database for a while, as big ones do. Usage: python migrate_notes.py DATABASE COLUMN

Unless `PATIENCE` says how long, it does not wait for a lock. A second run for one column fails.
"""

import os
import sqlite3
import sys
import time

database = sqlite3.connect(sys.argv[1], timeout=float(os.environ.get("PATIENCE", 0)), isolation_level=None)
database.execute("BEGIN IMMEDIATE")
database.execute("CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY)")
database.execute(f"ALTER TABLE notes ADD COLUMN {sys.argv[2]} INTEGER")
database.execute(f"UPDATE notes SET {sys.argv[2]} = length(id)")
time.sleep(0.3)
database.execute("COMMIT")
