#!/usr/bin/env python3
"""What it costs to be looked at: CPU time of the front door for one request, unseen, and with metrics that are scraped every second and a
dashboard that somebody has open.

    benches/metrics.py target/release/proxyd --before /tmp/before/proxyd --rounds 12 --seconds 2

Each row is a daemon of its own, on core 1 with one worker; the load (wrk, h2load), the viewer, the scraper and the app (nginx) share core 0.
Rows take turns within a round, and what is told of a row is its best round, because whatever else the machine does only adds. `--before`
names a build to compare with, such as one that counts less, and comes first.

Needs two cores, proxyctl beside proxyd, and nginx, wrk, h2load and curl (Debian: nginx-light wrk nghttp2-client curl).
"""

import importlib.util
import pathlib
import subprocess
import time

# By its path: a module of Python's own has the same name.
spec = importlib.util.spec_from_file_location("rows", pathlib.Path(__file__).with_name("site.py"))
rows = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rows)

PLAIN = "plain.test"
PORTS = iter(range(21910, 21930))
WORKS = {"HTTP/1.1": "http", "HTTP/1.1 over TLS": "https", "HTTP/2 over TLS": "h2"}


def main():
    with rows.beside(__doc__, 12) as (options, root, ends):
        doors = {"before": Door(ends, root / "before", options.before)} if options.before else {}
        doors["unseen"] = Door(ends, root / "unseen", options.proxyd)
        doors["looked at"] = Door(ends, root / "seen", options.proxyd, seen=True)
        processes = {name: door.process for name, door in doors.items()}
        for work, scheme in WORKS.items():
            head = [f"Host: {PLAIN}"] if scheme == "http" else []
            table = {name: (name, f"{scheme}://localhost:{door.ports[scheme]}/", head) for name, door in doors.items()}
            rows.measure(f"{work}, small answer", table, processes, options)
        unasked(processes)


def unasked(processes, seconds=20):
    """What the looks alone cost, while nobody asks for anything else."""
    before = {name: running(process.pid) for name, process in processes.items()}
    time.sleep(seconds)
    print("\n== nobody asks for anything, ms of CPU each second")
    for name, process in processes.items():
        print(f"{name:28}{(running(process.pid) - before[name]) * 1000 / seconds:10.2f}")


def running(pid):
    """Seconds that the threads of a process have run, finer than its ticks."""
    threads = pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


class Door:
    """A daemon with one app behind it, which somebody looks at or nobody."""

    def __init__(self, ends, folder, proxyd, seen=False):
        folder.mkdir()
        http, https, metrics, dashboard = (next(PORTS) for _ in range(4))
        self.ports = {"http": http, "https": https, "h2": https}
        looks = f'metrics = "127.0.0.1:{metrics}"\ndashboard = "127.0.0.1:{dashboard}"' if seen else ""
        config = rows.write(folder / "proxy.toml", f"""
[server]
http = "127.0.0.1:{http}"
https = "127.0.0.1:{https}"
socket = "{folder}/control.sock"
state_dir = "{folder}/state"
access_log = "{folder}/access.log"
workers = 1
{looks}
[defaults]
log = false
[env.plain]
tls = "off"
host = "{PLAIN}"
upstream = {rows.APPS[0]}
[env.secure]
tls = "internal"
host = "localhost"
upstream = {rows.APPS[1]}
""")
        self.process = rows.start(ends, [proxyd, "--config", config], http, rows.DOOR_CORE)
        if seen:
            self.look(ends, f"curl -sN -o /dev/null http://127.0.0.1:{dashboard}/events")
            self.look(ends, f"while curl -s -o /dev/null http://127.0.0.1:{metrics}/metrics; do sleep 1; done")

    @staticmethod
    def look(ends, command):
        process = subprocess.Popen(["taskset", "-c", rows.LOAD_CORE, "sh", "-c", command], start_new_session=True)
        ends.callback(process.wait)
        ends.callback(process.terminate)


if __name__ == "__main__":
    main()
