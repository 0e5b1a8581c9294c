"""The measurement itself: for each row all doors are open, and take turns round by round."""

import contextlib
import time

from machine import NotStarted
from peers.doors import Setting
from peers.loads import Failed

# What a connection takes differs little from one to the next.
FRESH_ROUNDS = 2


def measure(bench, doors, rows, tell):
    """Row → door → what was seen of it in each round. `tell` hears how it goes."""
    with contextlib.ExitStack() as ends:
        usual = _open(ends, bench, doors, Setting(), tell)
        for row in rows:
            began = time.monotonic()
            yield row.name, _row(bench, row, {name: doors[name] for name in usual if row.is_for(name, doors[name].kind)}, usual, tell)
            tell(f"{row.name:16}{time.monotonic() - began:5.0f} s")


def _open(ends, bench, doors, setting, tell):
    """Those of the doors that start with this setting."""
    running = {}
    for name, door in doors.items():
        try:
            running[name] = ends.enter_context(door.open(bench, setting))
        except NotStarted as why:
            tell(f"{door.kind.TITLE} is left out: {why}")
    return running


def _row(bench, row, doors, usual, tell):
    with contextlib.ExitStack() as ends:
        measured = usual if row.fresh or row.setting == Setting() else _open(ends, bench, doors, row.setting, tell)
        beside = usual if row.beside in (None, Setting()) else _open(ends, bench, doors, row.beside, tell)
        seen = {name: [] for name in doors if name in measured and name in beside}
        for number in range(min(bench.rounds, FRESH_ROUNDS) if row.fresh else bench.rounds):
            # Each round begins with another door. One that failed is not asked again.
            for name in _turned(list(seen), number):
                if number == len(seen[name]):
                    try:
                        seen[name].append(_round(bench, row, doors[name], measured[name], beside[name]))
                    except (Failed, NotStarted) as why:
                        tell(f"{row.name}, {doors[name].kind.TITLE}: {why}")
    return seen


def _round(bench, row, door, measured, beside):
    if row.fresh:
        with door.open(bench) as fresh:
            return once(bench, row, fresh)
    now = once(bench, row, measured)
    if row.beside:
        now["beside"] = now["cpu"] / once(bench, row, beside)["cpu"]
    return now


def _turned(names, by):
    by %= len(names)
    return names[by:] + names[:by]


def once(bench, row, running):
    """What the work says of itself, and what the door needed for it: microseconds of CPU for a request, requests a second, and KiB."""
    bench.spread(running.place.setting.spread)
    before = running.cpu()
    seen = row.work(bench, running)
    # Where connections are opened first, that is not counted.
    before = seen.pop("before", before)
    if "requests" in seen:
        if not seen["requests"]:
            raise Failed("not one request was answered")
        seen["cpu"] = (running.cpu() - before) * 1e6 / seen["requests"]
        seen["rate"] = seen["requests"] / seen["seconds"]
        seen["memory"] = running.memory()
    return seen
