"""What a door is given to do. Each work takes a running door, and returns what it did of it."""

import contextlib
import json
import subprocess
import time

import machine
from peers import loads
from peers.doors import greengate

POSTED = 1024
# Requests a second that keep a door busy without hurrying it, and bursts of 64.
MODERATE, BURSTS = 3000, 40
# Until the memory of new connections has settled.
SETTLE = 1
# A swap begins so long after the one before; its requests are those that were sent until so long after it began.
SWAP_EVERY, IN_A_SWAP = 0.4, 0.1


def http1(bench, running):
    return loads.wrk(running, f"http://127.0.0.1:{running.place.plain}/", bench.seconds)


def http1_tls(bench, running):
    return loads.wrk(running, f"https://localhost:{running.place.tls}/", bench.seconds)


def http1_post(bench, running):
    script = f'wrk.method, wrk.body = "POST", string.rep("b", {POSTED})'
    return loads.wrk(running, f"https://localhost:{running.place.tls}/", bench.seconds, script)


def http1_hosts(bench, running):
    """Every plain host in turn."""
    hosts = [host for site in running.place.sites if not site.secure for host in site.hosts]
    named = ", ".join(f'"{host}"' for host in hosts)
    script = f"""
local requests, at = {{}}, 0
function init() for _, host in ipairs({{ {named} }}) do requests[#requests + 1] = wrk.format("GET", "/", {{ Host = host }}) end end
function request() at = at % #requests + 1; return requests[at] end
"""
    return loads.wrk(running, f"http://127.0.0.1:{running.place.plain}/", bench.seconds, script)


def http2(bench, running):
    return loads.h2load(running, "localhost", "/", 8, 16, bench.seconds)


def http2_hosts(bench, running):
    """The last host that has TLS."""
    host = [host for site in running.place.sites if site.secure for host in site.hosts][-1]
    return loads.h2load(running, host, "/", 8, 16, bench.seconds)


def http2_post(bench, running):
    return loads.h2load(running, "localhost", "/", 8, 16, bench.seconds, 0, "-d", _file(bench, POSTED))


def handshakes(kind):
    def work(bench, running):
        seen = loads.tool(running, bench, ["handshakes", kind, running.place.tls, running.place.certificate, bench.seconds], bench.seconds)
        if kind == "resumed" and seen["resumed"] < seen["requests"] * 0.9:
            raise loads.Failed(f"{seen['resumed']} of {seen['requests']} sessions were resumed")
        return seen

    return work


def bulk(size, up, http2):
    """1 MiB for as long as everything takes; 100 MiB so often that it can be told by the clock of a process."""

    def work(bench, running):
        more = [] if http2 else ["--h1"]
        more += ["-d", _file(bench, size << 20)] if up else []
        path = "/" if up else f"/{size}m"
        if size > 1:
            return loads.h2load(running, "localhost", path, 2, 1, 0, 4 * min(bench.seconds, 2), *more)
        connections, streams = (4, 2) if http2 else (8, 1)
        return loads.h2load(running, "localhost", path, connections, streams, bench.seconds, 0, *more)

    return work


def arrivals(rhythm, protocol):
    def work(bench, running):
        return loads.tool(running, bench, _arrivals(running, rhythm, protocol, bench.seconds), bench.seconds)

    return work


def websockets(bench, running):
    return loads.tool(running, bench, ["websockets", running.place.tls, running.place.certificate, bench.seconds], bench.seconds)


def _arrivals(running, rhythm, protocol, seconds):
    rate = MODERATE if rhythm == "poisson" else BURSTS
    return ["arrivals", rhythm, protocol, running.place.tls, running.place.certificate, rate, seconds]


def idle(protocol):
    """KiB of memory that a connection takes which has had an answer and waits."""

    def work(bench, running):
        first, count = bench.idle // 10, bench.idle
        with _idle(bench, running, protocol, first):
            before = running.memory()
            with _idle(bench, running, protocol, count):
                return {"kib": (running.memory() - before) / count}

    return work


@contextlib.contextmanager
def _idle(bench, running, protocol, count):
    command = machine.on(machine.LOAD_CORE, [bench.tools, "idle", protocol, running.place.tls, running.place.certificate, count])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        if not said or json.loads(said)["failed"]:
            raise loads.Failed(f"idle connections: {said or 'none'}")
        time.sleep(SETTLE)
        yield
        process.stdin.close()


def swaps(bench, running):
    """The 99th percentile of requests in swaps beside that of requests while `proxyctl` asks how things stand, which takes as much of the
    load's core."""
    log = running.place.folder / "answers.log"
    seconds = max(bench.seconds, 3)
    command = [bench.tools, *_arrivals(running, "poisson", "http/1.1", seconds), log]
    began = {"status": [], "swap": []}
    with subprocess.Popen(machine.on(machine.LOAD_CORE, command), stdout=subprocess.DEVNULL) as load:
        time.sleep(SWAP_EVERY)
        until = time.monotonic() + seconds - 2 * SWAP_EVERY
        while time.monotonic() < until:
            for word, at in began.items():
                at.append(time.monotonic())
                greengate.proxyctl(running, word, *[running.place.sites[1].name][: word == "swap"])
                time.sleep(max(0, at[-1] + SWAP_EVERY / 2 - time.monotonic()))
    if load.returncode:
        raise loads.Failed("requests failed in swaps")
    answers = [tuple(map(int, line.split())) for line in log.read_text().splitlines()]
    p99 = {word: _p99(answers, at) for word, at in began.items()}
    return {"swaps": p99["swap"] / p99["status"], "p99": p99["swap"] / 1e3}


def _p99(answers, began):
    # The answers of those that were asked for meanwhile.
    took = sorted(took for asked, took in answers if any(0 <= asked / 1e9 - at < IN_A_SWAP for at in began))
    if not took:
        raise loads.Failed("not one request was sent in a swap")
    return took[len(took) * 99 // 100]


def _file(bench, size):
    """A file of so many bytes."""
    path = bench.folder / f"{size}.bin"
    if not path.exists():
        path.write_bytes(b"b" * size)
    return path
