#!/usr/bin/env python3
"""What more workers cost a front door: CPU time for one request and for one connection with a full handshake, by the number of workers.

    benches/workers.py target/release/proxyd --tools target/release/deps/peers-… --workers 1,2,4,8,16,32,64

All of a door's workers share core 1, load and app share core 0, so that what is seen is what workers cost each other by being there: who is woken for
a new connection, what is looked at for each of them. Not seen are cache lines that travel between cores; `--spread` gives all of them both cores.
Doors take turns, five rounds of two seconds; told are medians, and in brackets the ratio to the first.

Needs what `benches/peers` needs (`cargo bench --no-run --bench peers` builds `--tools`).
"""

import argparse
import contextlib
import statistics

from peers import bench, doors, measure, rows, works
from peers.doors import Setting

WORKS = {"request, HTTP/1.1": works.http1, "request, HTTP/2": works.http2, "connection, full handshake": works.handshakes("full")}


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


if __name__ == "__main__":
    main()
