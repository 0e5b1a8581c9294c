"""The front doors that are compared, each in a file of its own, and what a door is given.

A door's file says what it is called (`TITLE`), which program it is (`PROGRAM`, `VERSION`: what prints its version), and has `command(program,
place)`, which writes its configuration and returns what starts it. `WITHOUT` names the works that it cannot do.
"""

import contextlib
import dataclasses
import pathlib
import re
import shutil
import subprocess
import types

import machine
from peers.doors import caddy, greengate, h2o, haproxy, nginx, relay

# Ours first; the relay is a floor and no front door.
ALL = {"greengate": greengate, "relay": relay, "nginx": nginx, "haproxy": haproxy, "caddy": caddy, "h2o": h2o}
OURS, FLOOR = "greengate", "relay"


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is different about a door in some works."""

    hosts: int = 2
    log: bool = False
    workers: int = 1
    slots: int = 1
    # Over all cores, with load and app, in place of one core each.
    spread: bool = False


@dataclasses.dataclass(frozen=True)
class Site:
    """Hosts with an app behind them, with TLS or without."""

    name: str
    hosts: list
    secure: bool
    app: int
    # The other slot, where there is one.
    other: int


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a door is: its folder, its ports, the certificate, and whom it serves."""

    folder: pathlib.Path
    plain: int
    tls: int
    certificate: pathlib.Path
    key: pathlib.Path
    sites: list
    setting: Setting

    def write(self, name, text):
        return machine.write(self.folder / name, text)


def sites(count, apps):
    """So many hosts, half of them with TLS, ten to a site; the first two are those that most works ask for."""
    of_each = [["127.0.0.1"], ["localhost"]]
    for letter, hosts in zip("ps", of_each):
        hosts += [f"{letter}{number}.bench.test" for number in range(1, count // 2)]
    for place, (hosts, app) in enumerate(zip(_tens(*of_each), apps)):
        yield Site(f"site{place}", hosts, bool(place % 2), app, apps[-1 - place])


def _tens(plain, secure):
    """Ten plain ones, ten secure ones, and so on."""
    for first in range(0, len(plain), 10):
        yield plain[first : first + 10]
        yield secure[first : first + 10]


@dataclasses.dataclass
class Door:
    """A front door that can be started."""

    name: str
    program: str
    version: str
    kind: types.ModuleType

    @contextlib.contextmanager
    def open(self, bench, setting=Setting()):
        """A running door with this setting."""
        with contextlib.ExitStack() as ends:
            folder = bench.folder / f"door{next(bench.numbers)}"
            folder.mkdir()
            of_apps = list(sites(setting.hosts, bench.apps))
            place = Place(folder, bench.port(), bench.port(), bench.folder / "cert.pem", bench.folder / "key.pem", of_apps, setting)
            core = None if setting.spread else machine.DOOR_CORE
            command = self.kind.command(self.program, place)
            process = machine.start(ends, command, place.plain, core, setting.workers)
            yield Running(self, place, process)


@dataclasses.dataclass
class Running:
    """A door that runs."""

    door: Door
    place: Place
    process: subprocess.Popen

    def cpu(self):
        return machine.cpu(self.process.pid)

    def memory(self):
        return machine.memory(self.process.pid)


def find(programs):
    """The doors that are here, and a line for each that is not. `programs` names those that are elsewhere."""
    found, missing = {}, []
    for name, kind in ALL.items():
        program = shutil.which(programs.get(name) or kind.PROGRAM)
        if program is None:
            missing.append(f"{kind.TITLE} is left out: there is no {programs.get(name) or kind.PROGRAM}; {kind.HINT}")
            continue
        said = subprocess.run([program, *kind.VERSION], capture_output=True, text=True, check=False) if kind.VERSION else None
        number = said and re.search(r"\d+\.\d+[\w.~+-]*", said.stdout + said.stderr)
        found[name] = Door(name, program, number[0] if number else "", kind)
    return found, missing
