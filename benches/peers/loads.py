"""Load: wrk, h2load, and what they cannot do, by our own tools. Each returns how many requests were answered, in which time, and how
long the median and the 99th percentile of them took in microseconds."""

import json
import re
import subprocess
import time

import machine

MICROSECONDS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 6e7}
# Beyond what a load was to take.
GRACE = 120


class Failed(Exception):
    """What a load could not do."""


def run(running, command, seconds, **more):
    """What the command prints, on the core of the load, or on all."""
    core = None if running.place.setting.spread else machine.LOAD_CORE
    try:
        done = subprocess.run(machine.on(core, command), capture_output=True, text=True, timeout=seconds + GRACE, check=False, **more)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} takes longer than {seconds + GRACE} s") from None
    if done.returncode:
        raise Failed(f"{command[0]}: {(done.stdout + done.stderr)[-300:]}")
    return done.stdout


def wrk(running, url, seconds, script=""):
    """HTTP/1.1 over 64 connections."""
    lua = running.place.write("load.lua", script)
    said = run(running, ["wrk", "-t1", "-c64", f"-d{seconds}s", "--latency", "-s", lua, url], seconds)
    for bad in (r"Non-2xx or 3xx responses: \d+", r"Socket errors: .*"):
        if found := re.search(bad, said):
            raise Failed(f"{url}: {found[0]}")
    requests, took = re.search(r"(\d+) requests in (\S+),", said).groups()
    at = {share: _microseconds(re.search(rf"^ +{share}% +(\S+)", said, re.M)[1]) for share in (50, 99)}
    return {"requests": int(requests), "seconds": _microseconds(took) / 1e6, "p50": at[50], "p99": at[99]}


def h2load(running, host, path, connections, streams, seconds=0, requests=0, *more):
    """HTTP/2 over TLS (with `--h1` HTTP/1.1), for so long or for so many requests."""
    log = running.place.folder / "answers.tsv"
    log.unlink(missing_ok=True)
    place = f"127.0.0.1:{running.place.tls}"
    much = [f"-D{seconds}"] if seconds else [f"-n{requests}"]
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", *much, f"--connect-to={place}", f"--log-file={log}", *more]
    said = run(running, [*command, f"https://{host}:{running.place.tls}{path}"], seconds)
    took = _microseconds(re.search(r"finished in ([\d.]+\w+),", said)[1]) / 1e6
    failed = sum(map(int, re.search(r"(\d+) failed, (\d+) errored", said).groups()))
    answered = int(re.search(r"status codes: (\d+) 2xx", said)[1])
    if not answered or failed or re.search(r", 0 3xx, 0 4xx, 0 5xx", said) is None:
        raise Failed(f"{host}{path}: {failed} requests failed: {re.search('status codes.*', said)[0]}")
    sorted_ = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    at = {share: sorted_[len(sorted_) * share // 100] for share in (50, 99)}
    return {"requests": answered, "seconds": seconds or took, "p50": at[50], "p99": at[99]}


def tool(running, bench, words, seconds):
    """One of our own."""
    began = time.monotonic()
    said = json.loads(run(running, [bench.tools, *words], seconds))
    if said["failed"] or not said["requests"]:
        raise Failed(f"{words[0]}: {said['failed']} requests failed, {said['requests']} were answered")
    return {**said, "seconds": time.monotonic() - began}


def _microseconds(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * MICROSECONDS[unit]
