#!/usr/bin/env python3
"""What more workers cost a front door: CPU time for one request and for one connection with a full handshake, by the number of workers.

    benches/workers.py target/release/proxyd --tools target/release/deps/peers-… --workers 1,2,4,8,16,32,64

All of a door's workers share core 1, load and app share core 0, so that what is seen is what workers cost each other by being there: who is woken for
a new connection, what is looked at for each of them. Not seen are cache lines that travel between cores; `--spread` gives all of them both cores.
Doors take turns, five rounds of two seconds; told are medians, and in brackets the ratio to the first. At the end: how often threads of a door that has
nothing else to do are woken for one connection, which other work on the machine does not change.

Needs what `benches/peers` needs (`cargo bench --no-run --bench peers` builds `--tools`).
"""

import argparse
import contextlib
import pathlib
import re
import socket
import ssl
import statistics
import time

from peers import bench, doors, measure, rows, works
from peers.doors import Setting

WORKS = {"request, HTTP/1.1": works.http1, "request, HTTP/2": works.http2, "connection, full handshake": works.handshakes("full")}

ALONE = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proxyd")
    parser.add_argument("--tools", required=True)
    parser.add_argument("--workers", type=lambda text: [int(one) for one in text.split(",")], default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--spread", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    found, _ = doors.find({"greengate": options.proxyd, "relay": options.tools})
    with bench.begin(options.tools, options.rounds, options.seconds, 0) as run, contextlib.ExitStack() as ends:
        settings = {workers: Setting(workers=workers, spread=options.spread) for workers in options.workers}
        running = {workers: ends.enter_context(found[doors.OURS].open(run, setting)) for workers, setting in settings.items()}
        print(f"{'µs of CPU':28}" + "".join(f"{workers:>16}" for workers in running))
        for title, work in WORKS.items():
            row = rows.Row("", title, work, ("cpu",))
            seen = {workers: [] for workers in running}
            for _ in range(options.rounds):
                for workers, door in running.items():
                    seen[workers].append(measure.once(run, row, door)["cpu"])
            costs = [statistics.median(values) for values in seen.values()]
            print(f"{title:28}" + "".join(f"{cost:9.1f} ({cost / costs[0]:.2f})" for cost in costs), flush=True)
        wakes = [wakes_for_one(door) for door in running.values()]
        print(f"{'wake-ups for one connection':28}" + "".join(f"{count:16.1f}" for count in wakes))


def wakes_for_one(door):
    """Connections one after another, each with a handshake and a request, and time to fall asleep behind it."""
    context = ssl.create_default_context(cafile=door.place.certificate)
    switches(door)
    before, began = switches(door), time.monotonic()
    time.sleep(1)
    asleep = (switches(door) - before) / (time.monotonic() - began)
    before, began = switches(door), time.monotonic()
    for _ in range(ALONE):
        with socket.create_connection(("127.0.0.1", door.place.tls)) as tcp, context.wrap_socket(tcp, server_hostname="localhost") as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            tls.recv(4096)
        time.sleep(0.01)
    return (switches(door) - before - asleep * (time.monotonic() - began)) / ALONE


def switches(door):
    """How often its threads have given the processor up by themselves."""
    threads = pathlib.Path(f"/proc/{door.process.pid}/task").glob("*/status")
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", thread.read_text(), re.M)[1]) for thread in threads)


if __name__ == "__main__":
    main()
