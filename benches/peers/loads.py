"""Load: wrk, h2load, and what they cannot do, by our own tools. Each returns how many requests were answered, in which time, and how
long the median and the 99th percentile of them took in microseconds."""

import contextlib
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


def run(running, command, seconds):
    """What the command prints, on the core of the load, or on all."""
    with begun(running, command) as process:
        return _said(process, command, seconds)


@contextlib.contextmanager
def begun(running, command):
    """The command as it runs; it ends with this."""
    core = None if running.place.setting.spread else machine.LOAD_CORE
    with subprocess.Popen(machine.on(core, command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            machine.end(process)


def _said(process, command, seconds):
    try:
        said, _ = process.communicate(timeout=seconds + GRACE)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} takes longer than {seconds + GRACE} s") from None
    if process.returncode:
        raise Failed(f"{command[0]}: {said[-300:]}")
    return said


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
    took_each = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    at = {share: took_each[len(took_each) * share // 100] for share in (50, 99)}
    return {"requests": answered, "seconds": seconds or took, "p50": at[50], "p99": at[99]}


def tool(running, bench, words, seconds):
    """One of our own, which says when it begins; what the door had needed by then is `before`."""
    command = [bench.tools, *words]
    with begun(running, command) as process:
        process.stdout.readline()
        before, began = running.cpu(), time.monotonic()
        said = json.loads(_said(process, command, seconds))
    if said["failed"] or not said["requests"]:
        raise Failed(f"{words[0]}: {said['failed']} requests failed, {said['requests']} were answered")
    return {**said, "seconds": time.monotonic() - began, "before": before}


def _microseconds(text):
    number, unit = re.match(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * MICROSECONDS[unit]
