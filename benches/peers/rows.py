"""The rows of the table: what is measured of which doors, and what we want of it."""

import dataclasses
import typing

from peers import works
from peers.doors import OURS, Setting


@dataclasses.dataclass(frozen=True)
class Goal:
    """So much at most of a figure: of the best of the others, of the floor, of one of the doors, or of itself."""

    figure: str
    most: float
    of: str = "best"


@dataclasses.dataclass(frozen=True)
class Row:
    """A work, for every door that can do it."""

    name: str
    title: str
    work: typing.Callable
    figures: tuple
    goals: tuple = ()
    # What a door has to do for it (`WITHOUT` of those that cannot).
    needs: frozenset = frozenset()
    # With this setting; `beside` is what the same door needs for it with that one.
    setting: Setting = Setting()
    beside: Setting | None = None
    # With a door of its own for each round.
    fresh: bool = False
    ours_alone: bool = False
    quick: bool = False

    def is_for(self, name, kind):
        return (name == OURS or not self.ours_alone) and not self.needs & set(kind.WITHOUT)


LOAD = ("cpu", "rate", "p50", "p99", "memory")
BULK = ("cpu", "rate")
WAIT = ("p50", "p99", "cpu")


def _load(name, title, work, most, *needs, floor=None, of="best", figures=LOAD, quick=False):
    goals = (Goal("cpu", most, of),) if most else ()
    goals += (Goal("cpu", floor, "relay"),) if floor else ()
    return Row(name, title, work, figures, goals, frozenset(needs), quick=quick)


def _bulk(size, up, http2, most):
    way, protocol = ("upload" if up else "download"), ("HTTP/2" if http2 else "HTTP/1.1 TLS")
    needs = ("h2",) if http2 else ()
    title = f"{protocol} {way} of {size} MiB"
    name = f"{size}m-{'up' if up else 'down'}-{'h2' if http2 else 'h1s'}"
    return _load(name, title, works.bulk(size, up, http2), most, *needs, figures=BULK, quick=size == 1 and not up)


def _wait(rhythm, protocol, title, quick=False):
    needs = frozenset({"h2"} if protocol == "h2" else ())
    name = f"{rhythm}-{'h2' if protocol == 'h2' else 'h1s'}"
    return Row(name, title, works.arrivals(rhythm, protocol), WAIT, (Goal("p99", 1.0),), needs, quick=quick)


def _beside(name, title, work, most, setting, *needs, beside=Setting()):
    return Row(name, title, work, ("beside",), (Goal("beside", most, "itself"),), frozenset(needs), setting, beside)


_LOG, _HOSTS = Setting(log=True), Setting(hosts=1000)
_ONE, _TWO = Setting(spread=True), Setting(workers=2, spread=True)

ROWS = [
    _load("h1", "HTTP/1.1 GET", works.http1, 0.85, floor=1.12, quick=True),
    _load("h1s", "HTTP/1.1 TLS GET", works.http1_tls, 0.85, floor=1.12, quick=True),
    _load("h2s", "HTTP/2 GET", works.http2, 0.85, "h2", quick=True),
    _load("post-h1s", "HTTP/1.1 TLS POST, 1 KiB", works.http1_post, 0.85),
    _load("post-h2s", "HTTP/2 POST, 1 KiB", works.http2_post, 0.85, "h2"),
    _load("full", "full handshake, one request", works.handshakes("full"), 0.5, "handshakes", of="nginx", quick=True),
    _load("resumed", "resumed handshake, one request", works.handshakes("resumed"), 0.5, "handshakes", of="nginx"),
    _bulk(1, up=False, http2=False, most=0.65),
    _bulk(1, up=False, http2=True, most=0.6),
    _bulk(100, up=False, http2=False, most=0.65),
    _bulk(100, up=False, http2=True, most=0.65),
    _bulk(1, up=True, http2=False, most=0.65),
    _bulk(1, up=True, http2=True, most=0.65),
    _bulk(100, up=True, http2=False, most=0.65),
    _bulk(100, up=True, http2=True, most=0.65),
    _load("websockets", "WebSocket message there and back, TLS", works.websockets, None),
    _wait("poisson", "http/1.1", "HTTP/1.1 TLS, moderate load", quick=True),
    _wait("poisson", "h2", "HTTP/2, moderate load"),
    _wait("bursts", "http/1.1", "HTTP/1.1 TLS, bursts of 64"),
    _wait("bursts", "h2", "HTTP/2, bursts of 64"),
    Row("idle-h1s", "idle connection, HTTP/1.1 TLS", works.idle("http/1.1"), ("kib",), (Goal("kib", 5.5, "itself"),), frozenset({"idle"}), fresh=True, quick=True),
    Row("idle-h2s", "idle connection, HTTP/2", works.idle("h2"), ("kib",), (Goal("kib", 12, "itself"),), frozenset({"idle", "h2"}), fresh=True, quick=True),
    _beside("log-h1", "HTTP/1.1 GET, access log", works.http1, 1.04, _LOG, "log"),
    _beside("log-h2s", "HTTP/2 GET, access log", works.http2, 1.04, _LOG, "log", "h2"),
    _beside("hosts-h1", "HTTP/1.1 GET, 1,000 hosts in turn", works.http1_hosts, 1.03, _HOSTS, "hosts"),
    _beside("hosts-h2s", "HTTP/2 GET, one of 1,000 hosts", works.http2_hosts, 1.03, _HOSTS, "hosts", "h2"),
    # Two cores that do 1.9 times as much.
    _beside("workers-h1s", "HTTP/1.1 TLS GET, two workers", works.http1_tls, 1.05, _TWO, beside=_ONE),
    _beside("workers-h2s", "HTTP/2 GET, two workers", works.http2, 1.05, _TWO, "h2", beside=_ONE),
    Row("swaps", "requests in swaps beside those between", works.swaps, ("swaps",), (Goal("swaps", 1.1, "itself"),), setting=Setting(slots=2), ours_alone=True, quick=True),
]
