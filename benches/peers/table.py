"""The table, in Markdown: for each figure ours, and how many times as much the others have."""

from peers.doors import ALL, FLOOR, OURS
from peers.figures import BY_NAME, FIGURES, TIE
from peers.results import measured

ABOUT = """Greengate's own figure stands in its column, as the median of the rounds; in the column of another door stands how many times as much that
has, as the median, the least and the most of the rounds. "Beside the best" is the other way round: Greengate's figure, divided by that of the best
other door. Less than 5 % is a tie."""


def render(result):
    rows = measured(result)
    parts = [_machine(result), ABOUT]
    parts += filter(None, (_figure(figure, rows, result["versions"]) for figure in FIGURES))
    parts += [_goals(rows), _losses(rows)]
    return "\n\n".join(parts) + "\n"


def _machine(result):
    versions = ", ".join(f"{_title(name)} {version}".strip() for name, version in result["versions"].items())
    said = f"""{result["date"]}, Linux {result["kernel"]}, {result["cores"]} cores ({result["processor"]}); {versions}. {result["rounds"]} rounds of
{result["seconds"]} s in turn, load and app on one core and the door on another."""
    return "\n\n".join([said, *(f"{line}." for line in result["missing"])])


def _title(name):
    return ALL[name].TITLE if name in ALL else name


def _figure(figure, rows, versions):
    """One figure of all rows that have it."""
    rows = [row for row in rows if figure.name in row.row.figures and row.median(OURS, figure.name) is not None]
    if not rows:
        return None
    own = figure.name in ("beside", "swaps")
    others = [name for name in ALL if name != OURS and any(row.median(name, figure.name) is not None for row in rows)]
    heads = ["work", _title(OURS), *map(_title, others), *([] if own else ["beside the best"])]
    lines = [f"### {figure.title}", "", _line(heads), _line(["---"] * len(heads))]
    for row in rows:
        cells = [row.row.title, _own(row, figure, OURS)]
        cells += [(_own(row, figure, name) if own else _beside(row, figure, name)) for name in others]
        if not own:
            best = row.best(figure.name)
            cells.append(f"**{row.ratio(figure.name, OURS, best)}** {_title(best)}" if best else "–")
        lines.append(_line(cells))
    return "\n".join(lines)


def _own(row, figure, name):
    values = row.values(name, figure.name)
    if not values:
        return "–"
    value = row.median(name, figure.name)
    if figure.unit == "×":
        return f"{value:.2f} ({min(values):.2f}–{max(values):.2f})"
    return f"{value:,.1f} {figure.unit}" if value < 100 else f"{value:,.0f} {figure.unit}"


def _beside(row, figure, name):
    return str(row.ratio(figure.name, name, OURS) or "–")


def _goals(rows):
    lines = ["### Goals", "", _line(["work", "figure", "at most", "reached", ""]), _line(["---"] * 5)]
    for row in rows:
        for goal in row.row.goals:
            reached = row.reached(goal)
            if reached is not None:
                of = {"itself": "", "best": " × the best other"}.get(goal.of, f" × {_title(goal.of)}")
                met = "met" if reached <= goal.most else "missed"
                lines.append(_line([row.row.title, BY_NAME[goal.figure].title, f"{goal.most:g}{of}", f"{reached:.2f}", met]))
    return "\n".join(lines)


def _losses(rows):
    lines = ["### Where another door is better", ""]
    for row in rows:
        for name in row.row.figures:
            if row.loses(name):
                figure, best = BY_NAME[name], row.best(name)
                lines.append(f"- {row.row.title}: {figure.title} is {row.ratio(name, OURS, best)} times that of {_title(best)}")
    if len(lines) == 2:
        lines.append(f"In no row by more than {TIE:.0%}.")
    return "\n".join(lines)


def _line(cells):
    return "| " + " | ".join(cells) + " |"
