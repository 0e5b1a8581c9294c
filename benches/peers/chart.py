"""The picture: for each row how many times as much as Greengate the other doors need, on a logarithmic scale, in light and dark."""

import html
import math

from peers.doors import ALL, FLOOR, OURS
from peers.figures import BY_NAME
from peers.results import measured

# Which figures are shown, each as a part of its own.
PARTS = ("cpu", "p99", "kib")
LEFT, RIGHT, LINE, TOP = 320, 840, 22, 92
WIDTH = 940
LEAST, MOST = 1 / 4, 16
STYLE = """
svg { --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --rule: #d1d9e0; --ours: #1a7f37; --better: #fff4ea;
 --nginx: #0969da; --haproxy: #bc4c00; --caddy: #8250df; --h2o: #bf3989; --relay: #6e7781; }
@media (prefers-color-scheme: dark) { svg { --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --rule: #3d444d; --ours: #3fb950; --better: #241a12;
 --nginx: #58a6ff; --haproxy: #ff9b50; --caddy: #c297ff; --h2o: #ff80c8; --relay: #9198a1; } }
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--ink); }
.faint { fill: var(--faint); font-size: 12px; }
.head { font-weight: 600; }
"""
# A shape each, so that nobody has to tell colours apart.
SHAPES = {
    "relay": "M-1.2,-6.5h2.4v13h-2.4z",
    "nginx": "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0z",
    "haproxy": "M-4.2,-4.2h8.4v8.4h-8.4z",
    "caddy": "M0,-5.4L5.2,4H-5.2z",
    "h2o": "M0,-5.8L5.8,0L0,5.8L-5.8,0z",
}


def render(result):
    rows = measured(result)
    names = [name for name in ALL if name != OURS and any(name in row.seen for row in rows)]
    lines, y = [], TOP
    for figure in map(BY_NAME.get, PARTS):
        shown = [row for row in rows if figure.name in row.row.figures and row.median(OURS, figure.name) is not None]
        # Time until the answer says something where a door is not as busy as it can be.
        shown = [row for row in shown if figure.name != "p99" or row.row.figures[0] == "p50"]
        if not shown:
            continue
        lines.append(_text(16, y + 15, figure.title, "head"))
        y += LINE + 4
        for row in shown:
            lines += _row(row, figure, names, y)
            y += LINE
        y += 12
    bottom = y - 6
    said = f"{result['date']} · Linux {result['kernel']} · {result['cores']} cores · {result['rounds']} rounds of {result['seconds']} s"
    frame = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 34}" width="{WIDTH}" role="img" aria-label="{_label(names)}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{bottom + 34}" fill="var(--ground)"/>',
        f'<rect x="{LEFT}" y="{TOP - 6}" width="{_x(1) - LEFT:.1f}" height="{bottom - TOP + 6}" fill="var(--better)"/>',
        *_axis(bottom),
        _text(16, 26, "Times as much as Greengate", "head"),
        *_legend(names, result["versions"]),
    ]
    return "\n".join([*frame, *lines, _text(16, bottom + 22, said, "faint"), "</svg>"]) + "\n"


def _label(names):
    return "How many times as much as Greengate need " + ", ".join(ALL[name].TITLE for name in names)


def _x(ratio):
    place = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LEFT + place * (RIGHT - LEFT)


def _axis(bottom):
    for power in range(int(math.log2(LEAST)), int(math.log2(MOST)) + 1):
        at = _x(2**power)
        colour, width = ("--ours", 2) if power == 0 else ("--rule", 1)
        yield f'<path d="M{at:.1f} {TOP - 6}V{bottom}" stroke="var({colour})" stroke-width="{width}"/>'
        yield _text(at, TOP - 12, f"{2**power:g}" if power >= 0 else f"1/{2**-power}", "faint", "middle")
    yield _text(_x(1) - 10, TOP - 30, "← needs less", "faint", "end")
    yield _text(_x(1) + 10, TOP - 30, "needs more →", "faint")
    yield _text(WIDTH - 14, TOP - 12, "Greengate", "faint", "end")


def _legend(names, versions):
    at = LEFT
    for name in names:
        title = f"{ALL[name].TITLE} {versions.get(name, '').split('-')[0]}".strip()
        yield _mark(name, at + 6, 22)
        yield _text(at + 18, 26, title)
        at += 36 + 7.2 * len(title)


def _row(row, figure, names, y):
    middle = y + LINE / 2
    yield _text(28, middle + 4, row.row.title)
    yield f'<path d="M{LEFT} {middle}H{RIGHT}" stroke="var(--rule)" stroke-dasharray="1 4"/>'
    for name in names:
        ratio = row.ratio(figure.name, name, OURS)
        if ratio:
            ends = f"M{_x(ratio.least):.1f} {middle}H{_x(ratio.most):.1f}"
            yield f'<path d="{ends}" stroke="var(--{name})" stroke-width="1.5" opacity="0.55"/>'
            yield _mark(name, _x(ratio.median), middle)
    yield _text(WIDTH - 14, middle + 4, _amount(row.median(OURS, figure.name), figure.unit), "", "end")


def _amount(value, unit):
    if unit == "µs" and value >= 1000:
        value, unit = value / 1000, "ms"
    return f"{value:,.1f} {unit}" if value < 100 else f"{value:,.0f} {unit}"


def _mark(name, x, y):
    # Marks that lie on each other keep their edges.
    fill = f'fill="var(--{name})"' + ("" if name == FLOOR else ' stroke="var(--ground)"')
    return f'<path transform="translate({x:.1f} {y:.1f})" d="{SHAPES[name]}" {fill}/>'


def _text(x, y, text, kind="", anchor="start"):
    style = f' class="{kind}"' if kind else ""
    at = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{at}{style}>{html.escape(text)}</text>'
