"""The measurement itself: for each row all doors are open, and take turns round by round."""

import contextlib
import time

from peers.doors import Setting
from peers.loads import Failed

# What a connection takes differs little from one to the next.
FRESH_ROUNDS = 2


def measure(bench, doors, rows, tell):
    """Row → door → what was seen of it in each round. `tell` hears how it goes."""
    with contextlib.ExitStack() as ends:
        usual = {name: ends.enter_context(door.open(bench)) for name, door in doors.items()}
        for row in rows:
            names = [name for name, door in doors.items() if row.is_for(name, door.kind)]
            began = time.monotonic()
            seen = _row(bench, row, {name: doors[name] for name in names}, usual, tell)
            tell(f"{row.name:16}{time.monotonic() - began:5.0f} s")
            yield row.name, seen


def _row(bench, row, doors, usual, tell):
    seen = {name: [] for name in doors}
    with contextlib.ExitStack() as ends:

        def running(setting):
            if setting == Setting():
                return usual
            return {name: ends.enter_context(door.open(bench, setting)) for name, door in doors.items()}

        measured = {} if row.fresh else running(row.setting)
        beside = running(row.beside) if row.beside else {}
        for number in range(min(bench.rounds, FRESH_ROUNDS) if row.fresh else bench.rounds):
            # Each round begins with another door.
            for name in _turned(list(doors), number):
                # A door that failed once is not asked again.
                if number != len(seen[name]):
                    continue
                try:
                    with contextlib.ExitStack() as once:
                        door = once.enter_context(doors[name].open(bench)) if row.fresh else measured[name]
                        now = once(bench, row, door)
                        if beside:
                            now["beside"] = now["cpu"] / once(bench, row, beside[name])["cpu"]
                        seen[name].append(now)
                except Failed as failed:
                    tell(f"{row.name}, {doors[name].kind.TITLE}: {failed}")
    return seen


def _turned(names, by):
    by %= len(names)
    return names[by:] + names[:by]


def once(bench, row, running):
    """What the work says of itself, and what the door needed for it: microseconds of CPU for a request, requests a second, and KiB."""
    bench.spread(running.place.setting.spread)
    before = running.cpu()
    seen = row.work(bench, running)
    if "requests" in seen:
        if not seen["requests"]:
            raise Failed("not one request was answered")
        seen["cpu"] = (running.cpu() - before) * 1e6 / seen["requests"]
        seen["rate"] = seen["requests"] / seen["seconds"]
        seen["memory"] = running.memory()
    return seen
