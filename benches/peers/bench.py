"""What a run has: its folder, the app, ports, and how long everything takes."""

import contextlib
import dataclasses
import itertools
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import typing

import machine

# Below those that the kernel gives to clients.
PORTS = range(20000, 32000)
# An environment of ours has an app of its own; a thousand hosts are a hundred environments.
APPS = 100


@dataclasses.dataclass
class Bench:
    """One run."""

    folder: pathlib.Path
    tools: str
    rounds: int
    seconds: int
    idle: int
    apps: range = range(0)
    app: subprocess.Popen = None
    ports: typing.Iterator = iter(PORTS)
    # Of the doors' folders.
    numbers: itertools.count = dataclasses.field(default_factory=itertools.count)

    def port(self):
        """One that nobody has."""
        return next(port for port in self.ports if _is_free(port))

    def spread(self, is_spread):
        """Lets the app have all cores, or the one of the load."""
        cores = machine.CORES if is_spread else [int(machine.LOAD_CORE)]
        os.sched_setaffinity(self.app.pid, cores)


@contextlib.contextmanager
def begin(tools, rounds, seconds, idle):
    """A run with a certificate and an app that answers."""
    if os.cpu_count() < 2:
        raise SystemExit("this needs two cores: one for the door, one for load and app")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ends:
        folder = pathlib.Path(folder)
        # nginx reads as another user than root.
        folder.chmod(0o755)
        machine.certificate(folder, "localhost", "*.bench.test")
        # A client, an app and a few files share what one process may open.
        bench = Bench(folder, tools, rounds, seconds, min(idle, (most - 2000) // 2))
        first = next(first for first in PORTS[::APPS] if all(map(_is_free, range(first, first + APPS))))
        bench.apps = range(first, first + APPS)
        bench.ports = iter(range(first + APPS, PORTS.stop))
        bench.app = machine.start(ends, [tools, "app", first, APPS], bench.apps[-1], machine.LOAD_CORE)
        yield bench


def _is_free(port):
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return True
    return False
