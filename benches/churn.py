#!/usr/bin/env python3
"""Resident memory of the daemon over a time of churn, with one allocator beside another, as a table and a plot.

    benches/churn.py target/release/proxyctl --minutes 60 --preload mimalloc=/usr/lib/x86_64-linux-gnu/libmimalloc.so.2

Each side is `proxyctl demo`: steady load of every kind, a swap every few seconds, and kill -9 of the old side. Beside it comes, in
turns, what churns memory most: full TLS handshakes by the hundred, connections that are opened for one request, and HTTP/2
connections with many streams. Both sides run at the same time, so that they see the same machine.

Needs h2load (Debian: nghttp2-client). Writes churn.csv, churn.svg, what each demo said at its end, and both logs of its daemon
into the folder that --out names, which has to be on the file system of /tmp.
"""

import argparse
import csv
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

ROUND = (
    # Connections that carry one request each, so every request pays a handshake.
    ["-n", "300", "-c", "300"],
    # Few connections with many streams.
    ["-n", "8000", "-c", "16", "-m", "64"],
    # The same over HTTP/1.1.
    ["-n", "3000", "-c", "100", "--h1"],
)
SAMPLE_EVERY = 5.0
ROUND_EVERY = 10.0


class Side:
    """A demo with its daemon, and what was seen of its memory."""

    def __init__(self, name, proxyctl, preload, out):
        self.name = name
        self.samples = []
        self.failed = 0
        environment = dict(os.environ, NO_COLOR="1")
        # Each has a folder of its own, so that it is known whose daemon is whose.
        self.folder = tempfile.TemporaryDirectory(prefix="churn-", dir="/tmp")
        environment["TMPDIR"] = self.folder.name
        if preload:
            environment["LD_PRELOAD"] = preload
        self.demo = subprocess.Popen(
            [proxyctl, "demo", "--json"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.daemon = self.find_daemon()
        self.port = self.find_port()
        self.keep_logs(out)

    def find_daemon(self):
        for _ in range(200):
            children = pathlib.Path(f"/proc/{self.demo.pid}/task/{self.demo.pid}/children").read_text().split()
            for child in children:
                if b"__proxyd" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
            time.sleep(0.05)
        raise SystemExit(f"{self.name}: the demo starts no daemon")

    def find(self, name):
        """A file of the demo's folder, once it is there."""
        for _ in range(200):
            for found in pathlib.Path(self.folder.name).glob(f"*/{name}"):
                return found
            time.sleep(0.05)
        raise SystemExit(f"{self.name}: the demo makes no {name}")

    def find_port(self):
        for line in self.find("proxy.toml").read_text().splitlines():
            if line.startswith("https = "):
                return int(line.rsplit(":", 1)[1].strip('"'))
        raise SystemExit(f"{self.name}: no port in the demo's configuration")

    def keep_logs(self, out):
        """The demo removes its folder at its end; what failed is looked for in its logs."""
        for log in ("access.log", "daemon.log"):
            kept = out / f"{self.name}.{log}"
            kept.unlink(missing_ok=True)
            kept.hardlink_to(self.find(log))

    def sample(self, minute):
        resident = {}
        for line in pathlib.Path(f"/proc/{self.daemon}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Rss:", "Pss_Anon:", "Anonymous:")):
                key, value = line.split(":")
                resident[key] = int(value.split()[0])
        ticks = pathlib.Path(f"/proc/{self.daemon}/stat").read_text().rsplit(")", 1)[1].split()
        cpu = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
        self.samples.append((minute, resident["Rss"] / 1024, resident["Anonymous"] / 1024, cpu))

    def churn(self, options):
        run = subprocess.run(
            ["h2load", *options, f"--connect-to=127.0.0.1:{self.port}", f"https://app.localhost:{self.port}/"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        line = next((line for line in run.stdout.splitlines() if line.startswith("requests:")), "")
        done = f"{options[1]} succeeded"
        self.failed += run.returncode != 0 or done not in line

    def end(self):
        self.demo.send_signal(signal.SIGINT)
        out, _ = self.demo.communicate(timeout=60)
        self.folder.cleanup()
        return json.loads(out)


def plot(sides, path):
    """Resident memory over time: one line each, named at its end."""
    width, height, left, bottom = 900, 360, 56, 40
    last = max(side.samples[-1][0] for side in sides)
    top = max(sample[1] for side in sides for sample in side.samples) * 1.15

    def at(minute, mib):
        x = left + minute / last * (width - left - 150)
        return x, height - bottom - mib / top * (height - bottom - 20)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    step = next(step for step in (1, 2, 5, 10, 20, 50, 100) if top / step <= 6)
    for mib in range(0, int(top) + 1, step):
        x, y = at(0, mib)
        end, _ = at(last, mib)
        parts.append(f'<path d="M{x} {y:.1f}H{end:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#444">{mib} MiB</text>')
    for part in range(7):
        minute = last * part / 6
        x, y = at(minute, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 20:.1f}" text-anchor="middle" fill="#444">{minute:.0f} min</text>')
    for side, (colour, dash) in zip(sides, (("#1f5fa8", ""), ("#b4431f", "6 3"), ("#3d7a33", "2 2"))):
        points = " ".join("{:.1f},{:.1f}".format(*at(sample[0], sample[1])) for sample in side.samples)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8" stroke-dasharray="{dash}"/>'
        )
        x, y = at(last, side.samples[-1][1])
        parts.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{side.name}</text>')
    parts.append("</svg>")
    path.write_text("\n".join(parts) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("proxyctl", help="the binary to measure, a release build")
    arguments.add_argument("--minutes", type=float, default=60)
    arguments.add_argument("--preload", action="append", default=[], metavar="NAME=LIBRARY")
    arguments.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    asked = arguments.parse_args()
    named = [("system", None), *(preload.split("=", 1) for preload in asked.preload)]
    sides = [Side(name, asked.proxyctl, preload, asked.out) for name, preload in named]
    began = time.monotonic()
    next_sample = next_round = began
    turn = 0
    while (now := time.monotonic()) < began + asked.minutes * 60:
        if now >= next_sample:
            next_sample += SAMPLE_EVERY
            for side in sides:
                side.sample((now - began) / 60)
        if now >= next_round:
            next_round = now + ROUND_EVERY
            for side in sides:
                side.churn(ROUND[turn % len(ROUND)])
            turn += 1
        time.sleep(max(0.0, min(next_sample, next_round) - time.monotonic()))
    verdicts = [side.end() for side in sides]
    with open(asked.out / "churn.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["allocator", "minute", "resident_mib", "anonymous_mib", "cpu_s"])
        for side in sides:
            rows.writerows([side.name, *(f"{value:.2f}" for value in sample)] for sample in side.samples)
    plot(sides, asked.out / "churn.svg")
    for side, verdict in zip(sides, verdicts):
        resident = [sample[1] for sample in side.samples]
        quarter = len(resident) // 4 or 1
        print(
            f"{side.name:10} resident MiB: first {resident[0]:.1f}, 2nd quarter {sum(resident[quarter:2 * quarter]) / quarter:.1f}, "
            f"last quarter {sum(resident[-quarter:]) / quarter:.1f}, most {max(resident):.1f}; CPU {side.samples[-1][3]:.0f} s; "
            f"bursts that failed {side.failed}; requests of the demo that failed {verdict['failed']}"
        )
        (asked.out / f"{side.name}.json").write_text(json.dumps(verdict, indent=1) + "\n")


if __name__ == "__main__":
    main()
