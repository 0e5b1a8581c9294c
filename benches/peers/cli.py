"""Front doors side by side on this machine: CPU time for a request, throughput, latency and memory of Greengate, nginx, HAProxy and Caddy, and of
a relay that copies bytes and parses nothing, as a table, JSON and a picture.

    python3 benches/peers                      everything: about 45 minutes
    python3 benches/peers --quick              the rows that say most: about 3 minutes
    python3 benches/peers --works h1s,h2s --rounds 5 --h2o /opt/h2o/bin/h2o
    python3 benches/peers --from benches/peers/results/results.json

Everything stays on 127.0.0.1, and ends by itself. The door has core 1, load and app share core 0; with two workers all have both. Doors take
turns within each round, so that compare what is in one run alone. Nothing else may run meanwhile.

Needs wrk, h2load and openssl (Debian: wrk nghttp2-client openssl). A door whose program is not there is left out: nginx-light, haproxy and caddy are
Debian's. Without --proxyd and --tools, `cargo bench` builds both first.
"""

import argparse
import json
import pathlib
import shutil
import signal
import subprocess
import sys

from peers import bench, chart, doors, measure, results, rows, table

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ("nginx", "haproxy", "caddy", "h2o", "proxyd", "tools")


def main():
    options = _options()
    # Whoever ends this ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if options.results_from:
        return _tell(results.read(options.results_from), options.results)
    for program in ("wrk", "h2load", "openssl", "taskset"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: apt install wrk nghttp2-client openssl util-linux")
    programs = {name: getattr(options, name) for name in PROGRAMS if getattr(options, name)}
    programs = _built() | programs if not {"proxyd", "tools"} <= programs.keys() else programs
    found, missing = doors.find(programs | {"greengate": programs["proxyd"], "relay": programs["tools"]})
    for line in missing:
        print(line)
    chosen = [row for row in rows.ROWS if (row.name in options.works if options.works else row.quick or not options.quick)]
    with bench.begin(programs["tools"], options.rounds, options.seconds, 1000 if options.quick else 3000) as run:
        result = results.of_this_machine(found, missing, run)
        for name, seen in measure.measure(run, found, chosen, lambda line: print(line, file=sys.stderr, flush=True)):
            result["rows"][name] = seen
    return _tell(result, options.results)


def _tell(result, folder):
    text = table.render(result)
    print(text)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        results.write(folder / "results.json", result)
        (folder / "README.md").write_text(f"# Measured by `python3 benches/peers`\n\n{text}")
        (folder / "peers.svg").write_text(chart.render(result))


def _options():
    parser = argparse.ArgumentParser("benches/peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer works, two rounds of a second")
    parser.add_argument("--works", type=lambda text: text.split(","), help="only these: " + ", ".join(row.name for row in rows.ROWS))
    parser.add_argument("--rounds", type=int, help="5, or 2 with --quick")
    parser.add_argument("--seconds", type=int, help="of one round: 3, or 1 with --quick")
    parser.add_argument("--results", type=pathlib.Path, metavar="FOLDER", help="where table, JSON and picture are written")
    parser.add_argument("--from", type=pathlib.Path, dest="results_from", metavar="JSON", help="measures nothing, and tells of this")
    for program in PROGRAMS:
        parser.add_argument(f"--{program}", metavar="PATH")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 3)
    unknown = set(options.works or []) - {row.name for row in rows.ROWS}
    if unknown:
        parser.error(f"there is no work named {', '.join(sorted(unknown))}")
    return options


def _built():
    """`proxyd` and our tools, as they are released."""
    command = ["cargo", "bench", "--locked", "--no-run", "--bench", "peers", "--message-format", "json-render-diagnostics"]
    said = subprocess.run(command, cwd=HERE, stdout=subprocess.PIPE, text=True, check=True).stdout
    built = {}
    for line in said.splitlines():
        message = json.loads(line)
        if message.get("executable"):
            built[message["target"]["name"]] = message["executable"]
    return {"proxyd": built["proxyd"], "tools": built["peers"]}
