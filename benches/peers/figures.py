"""What was measured, as figures: medians, ratios with their spread, who is best, and whether a goal is met."""

import dataclasses
import statistics

from peers.doors import FLOOR, OURS

# Nearer than this is a tie.
TIE = 0.05


@dataclasses.dataclass(frozen=True)
class Figure:
    """Something that is measured in each round."""

    name: str
    title: str
    unit: str
    more_is_better: bool = False


FIGURES = [
    Figure("cpu", "CPU time for one request", "µs"),
    Figure("rate", "Requests a second", "/s", more_is_better=True),
    Figure("p50", "Time until the answer, median", "µs"),
    Figure("p99", "Time until the answer, 99th percentile", "µs"),
    Figure("memory", "Memory of the whole door behind the load", "KiB"),
    Figure("kib", "Memory for one idle connection", "KiB"),
    Figure("beside", "CPU time beside the same door with 2 hosts, one worker and no log", "×"),
    Figure("swaps", "99th percentile in swaps beside that between them", "×"),
]
BY_NAME = {figure.name: figure for figure in FIGURES}


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One door beside another: the median of the rounds, and the least and the most of them."""

    median: float
    least: float
    most: float

    def __str__(self):
        return f"{self.median:.2f} ({self.least:.2f}–{self.most:.2f})"


class Measured:
    """One row of what was measured."""

    def __init__(self, row, seen):
        self.row, self.seen = row, {name: rounds for name, rounds in seen.items() if rounds}

    def values(self, door, figure):
        return [round_[figure] for round_ in self.seen.get(door, []) if figure in round_]

    def median(self, door, figure):
        values = self.values(door, figure)
        return statistics.median(values) if values else None

    def ratio(self, figure, one, other):
        """Round by round, because the machine is another one from minute to minute."""
        pairs = [a / b for a, b in zip(self.values(one, figure), self.values(other, figure)) if b]
        return Ratio(statistics.median(pairs), min(pairs), max(pairs)) if pairs else None

    def best(self, figure):
        """The best door that is not ours."""
        others = {name: self.median(name, figure) for name in self.seen if name not in (OURS, FLOOR)}
        others = {name: value for name, value in others.items() if value is not None}
        choose = max if BY_NAME[figure].more_is_better else min
        return choose(others, key=others.get) if others else None

    def loses(self, figure):
        """Whether another door is better than ours, by more than a tie."""
        best = self.best(figure)
        ratio = best and self.ratio(figure, OURS, best)
        if not ratio:
            return False
        worse = 1 / ratio.median if BY_NAME[figure].more_is_better else ratio.median
        return worse > 1 + TIE

    def reached(self, goal):
        """What a goal is measured by, if it was measured."""
        if goal.of == "itself":
            return self.median(OURS, goal.figure)
        of = self.best(goal.figure) if goal.of == "best" else goal.of
        ratio = of and self.ratio(goal.figure, OURS, of)
        return ratio.median if ratio else None
