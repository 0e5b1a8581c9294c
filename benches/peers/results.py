"""What a run leaves: on which machine it was, with which versions, and each round of each row. From it come the table and the picture."""

import datetime
import json
import os
import pathlib
import platform
import re
import subprocess

from peers.figures import Measured
from peers.rows import ROWS


def of_this_machine(doors, missing, bench):
    """A result without rows."""
    processor = re.search(r"^model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    programs = {name: door.version for name, door in doors.items()}
    return {
        "date": datetime.date.today().isoformat(),
        "kernel": platform.release(),
        "processor": processor[1] if processor else platform.machine(),
        "cores": os.cpu_count(),
        "versions": programs | {"wrk": _version("wrk", "-v"), "h2load": _version("h2load", "--version")},
        "missing": missing,
        "rounds": bench.rounds,
        "seconds": bench.seconds,
        "rows": {},
    }


def _version(*command):
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    number = re.search(r"\d+\.\d+[\w.~+-]*", said.stdout + said.stderr)
    return number[0] if number else ""


def write(path, result):
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def read(path):
    return json.loads(path.read_text())


def measured(result):
    """Its rows that are in the table, in the order of the table."""
    return [Measured(row, result["rows"][row.name]) for row in ROWS if row.name in result["rows"]]
