"""Charts as SVG that needs no script, no style and no other file: columns stacked by series, and a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from markupsafe import Markup, escape

COLOURS = ("#0b57d0", "#1a7f37", "#8a5a00", "#7b3fa0", "#b3261e", "#0e7c86", "#5b6470")
WIDTH, HEIGHT, LEFT, BELOW, ABOVE = 860, 250, 84, 26, 28
KEYS_A_ROW, KEY_WIDTH = 4, 190
MOST_SERIES = len(COLOURS) - 1


def stacked(columns: Sequence[str], series: Mapping[str, Sequence[Decimal]], unit: str) -> Markup:
    """Columns from left to right, each the sum of its series; amounts below zero count as none. Nothing where there is nothing."""
    totals = [sum((max(values[place], Decimal(0)) for values in series.values()), Decimal(0)) for place in range(len(columns))]
    if not columns or not any(totals):
        return Markup("")
    top, step = _top(max(totals)), (WIDTH - LEFT) / len(columns)
    parts = [_axis(top, unit)]
    for place, name in enumerate(columns):
        height = Decimal(0)
        for (label, values), colour in zip(series.items(), COLOURS, strict=False):
            value = max(values[place], Decimal(0))
            if not value:
                continue
            height += value
            parts.append(
                Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}: {} {:,.2f} {}</title></rect>').format(
                    round(LEFT + place * step + step * 0.15, 1),
                    _y(height, top),
                    round(step * 0.7, 1),
                    round(_y(height - value, top) - _y(height, top), 1),
                    colour,
                    name,
                    label,
                    value,
                    unit,
                )
            )
        if len(columns) <= 24 or place % 3 == 0:
            parts.append(_text(LEFT + place * step + step / 2, HEIGHT - 8, name, "middle"))
    key = Markup("").join(
        Markup('<rect x="{0}" y="{1}" width="10" height="10" fill="{2}"/>').format(
            LEFT + place % KEYS_A_ROW * KEY_WIDTH, HEIGHT + 6 + place // KEYS_A_ROW * 18, colour
        )
        + _text(LEFT + 14 + place % KEYS_A_ROW * KEY_WIDTH, HEIGHT + 15 + place // KEYS_A_ROW * 18, label, "start")
        for place, (label, colour) in enumerate(zip(series, COLOURS, strict=False))
    )
    return _picture(
        Markup("").join(parts) + key,
        HEIGHT + 26 + 18 * ((len(series) - 1) // KEYS_A_ROW),
        f"Amounts by {columns[0]} to {columns[-1]}",
    )


def stacked_largest(columns: Sequence[str], series: Mapping[str, Mapping[str, Decimal]], unit: str) -> Markup:
    """As `stacked`, of the largest series by name of the column; the others together."""
    totals = {name: sum((values.get(column, Decimal(0)) for column in columns), Decimal(0)) for name, values in series.items()}
    largest = sorted(totals, key=lambda name: (-totals[name], name))
    named, others = largest[:MOST_SERIES], largest[MOST_SERIES:]
    shown = {name: [series[name].get(column, Decimal(0)) for column in columns] for name in named}
    if others:
        shown["others"] = [sum((series[name].get(column, Decimal(0)) for name in others), Decimal(0)) for column in columns]
    return stacked(columns, shown, unit)


def line(points: Sequence[tuple[str, Decimal, Decimal]], unit: str, labels: tuple[str, str]) -> Markup:
    """Two lines over the same places: a solid one, and a dashed one of what is expected."""
    if not points or not any(one or other for _, one, other in points):
        return Markup("")
    top = _top(max(max(one, other) for _, one, other in points))
    step = (WIDTH - LEFT) / max(1, len(points) - 1)
    parts = [_axis(top, unit)]
    for values, dash in (([one for _, one, _ in points], "none"), ([other for _, _, other in points], "4 4")):
        path = " ".join(
            f"{round(LEFT + place * step, 1)},{_y(max(value, Decimal(0)), top)}" for place, value in enumerate(values)
        )
        parts.append(
            Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2" stroke-dasharray="{}"/>').format(
                path, COLOURS[0], dash
            )
        )
    every = max(1, len(points) // 8)
    parts += [
        _text(LEFT + place * step, HEIGHT - 8, point[0], "end" if place == len(points) - 1 else "middle")
        for place, point in enumerate(points)
        if place % every == 0
    ]
    parts.append(_text(LEFT, HEIGHT + 14, f"solid: {labels[0]}; dashed: {labels[1]}", "start"))
    return _picture(Markup("").join(parts), HEIGHT + 24, labels[0])


def waterfall(start: tuple[str, Decimal], steps: Sequence[tuple[str, Decimal]], end: str, unit: str) -> Markup:
    """From one amount to another by what each step adds or takes. Nothing where no step changes anything."""
    changes = [(name, value) for name, value in steps if value]
    if not changes:
        return Markup("")
    running, steps_at = start[1], list[tuple[str, Decimal, Decimal, str]]()
    for name, value in changes:
        steps_at.append((name, running, running + value, COLOURS[1] if value > 0 else COLOURS[4]))
        running += value
    bars = [(start[0], Decimal(0), start[1], COLOURS[0]), *steps_at, (end, Decimal(0), running, COLOURS[0])]
    # what changes is small beside what it changes: the axis begins below the smallest bar's foot
    least = min(min(low, high) for _, low, high, _ in steps_at)
    foot = max(Decimal(0), least - abs(running - least) * Decimal("0.5")) if least > 0 else Decimal(0)
    top, step = _top(max(max(low, high) for _, low, high, _ in bars) - foot), (WIDTH - LEFT) / len(bars)
    parts = []
    for place, (name, low, high, colour) in enumerate(bars):
        upper, lower = max(low, high, foot) - foot, max(min(low, high), foot) - foot
        is_end = place in (0, len(bars) - 1)
        said, middle = high if is_end else high - low, LEFT + (place + 0.5) * step
        drawn = Markup('<rect x="{}" y="{}" width="{}" height="{}" fill="{}"><title>{}: {:,.2f} {}</title></rect>')
        height = max(round(_y(lower, top) - _y(upper, top), 1), 1)
        where = round(middle - step * 0.35, 1), _y(upper, top), round(step * 0.7, 1), height
        parts.append(drawn.format(*where, colour, name, said, unit))
        parts.append(_text(middle, _y(upper, top) - 4, f"{said:,.2f}" if is_end else f"{said:+,.2f}", "middle"))
        parts.append(_text(middle, HEIGHT - 8, name, "middle"))
    return _picture(Markup("").join(parts), HEIGHT, f"From {start[0]} to {end}")


def _picture(content: Markup, height: int, says: str) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, height, WIDTH, height, says, content
    )


def _axis(top: Decimal, unit: str) -> Markup:
    parts = []
    for part in range(5):
        value = top * part / 4
        y = _y(value, top)
        parts.append(Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" stroke="#dfe3e8"/>').format(LEFT, y, WIDTH, y))
        parts.append(_text(LEFT - 8, y + 4, f"{value:,.0f}", "end"))
    parts.append(_text(LEFT - 8, 12, unit, "end"))
    return Markup("").join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(round(x, 1), round(y, 1), anchor, escape(text))


def _y(value: Decimal, top: Decimal) -> float:
    return round(ABOVE + float(1 - value / top) * (HEIGHT - BELOW - ABOVE), 1)


def _top(value: Decimal) -> Decimal:
    """The next round number above a value."""
    step = Decimal(10) ** (len(f"{int(value)}") - 1)
    for factor in (1, 2, 4, 5, 10):
        if value <= step * factor:
            return step * factor
    return step * 10
