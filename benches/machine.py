"""What the measurements here share: programs that run on a core of their own, and what these use of the machine."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time

LOAD_CORE, DOOR_CORE = "0", "1"
CORES = os.sched_getaffinity(0)
TICKS = os.sysconf("SC_CLK_TCK")
# Until a program listens, and until it has ended when it was told to.
PATIENCE = 10


class NotStarted(SystemExit):
    """A program ended, or did not listen in time."""


def write(path, text):
    path.write_text(text)
    return str(path)


def on(core, command):
    """The command on this core, or on any."""
    return ["taskset", "-c", core, *map(str, command)] if core else list(map(str, command))


def start(ends, command, port, core, threads=1):
    """Starts a program, which ends with `ends`, and returns it when it listens."""
    log = ends.enter_context(tempfile.NamedTemporaryFile("w+"))
    environment = {**os.environ, "HOME": tempfile.gettempdir(), "GOMAXPROCS": str(threads)}
    process = subprocess.Popen(on(core, command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
    ends.callback(end, process)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        time.sleep(0.05)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            # Some listen before they have read all of their configuration.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.2)
                break
            return process
    log.seek(0)
    raise NotStarted(f"{command[0]} does not start: {log.read()}")


def end(process):
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def tree(pid):
    """The process and all below it."""
    todo = [pid]
    while todo:
        pid = todo.pop()
        yield pid
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split())


def cpu(pid):
    """Seconds of the process and all below it."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory(pid):
    """KiB of the process and all below it; what they share counts once."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            shares = re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)
            total += int(shares[1]) if shares else 0
    return total


def certificate(folder, *names):
    """Writes `cert.pem` and `key.pem` for these names, signed by nobody else."""
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    make += ["-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", f"/CN={names[0]}"]
    make += ["-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names), "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(make, check=True, capture_output=True)
