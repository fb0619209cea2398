"""Charts as SVG made on the server: trend bars, a tile map of the fourteen reporting units. Pure; colours come from the page's style.

Everything that is shown is escaped; numbers are in the table beside each chart, so nobody needs to see colours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from gateway.statistics.naming import place_name

BAR_WIDTH, BAR_GAP, HEIGHT, BASE = 22, 8, 150, 26
TILE, STEP = 92, 96
TILES: Final[Mapping[str, tuple[int, int]]] = {
    "150700": (6, 0), "150781": (5, 0), "152200": (6, 1), "152500": (4, 1), "152501": (3, 1), "150500": (6, 2), "150400": (5, 2),
    "150900": (3, 2), "150800": (1, 2), "150200": (2, 2), "152900": (0, 3), "150300": (1, 3), "150600": (2, 3), "150100": (3, 3),
}  # fmt: skip
"""Column and row of each unit: roughly where it lies, Alxa in the west, Hulunbuir in the north-east."""
SHADES: Final = 5
FLOW_ROW, FLOW_BAR, FLOW_NAME, FLOW_WIDTH, FLOW_SHOWN = 30, 10, 82, 214, 64


def shade(value: int, most: int) -> int:
    """Return how dark a figure is shown: 0 for none, then 1 to `SHADES`."""
    return 0 if value <= 0 or most <= 0 else 1 + (SHADES - 1) * value // most


def flows(rows: Sequence[tuple[str, int, int]], title: str, shown: Callable[[int], str]) -> Markup:
    """Return two bars for each place, what it gave (above) and what it took in (below), with the amounts beside them."""
    most = max([amount for _, out, taken in rows for amount in (out, taken)] + [1])
    parts = [
        Markup('<svg class="chart flows" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            FLOW_NAME + FLOW_WIDTH + FLOW_SHOWN, len(rows) * FLOW_ROW, title
        )
    ]
    for place, (name, out, taken) in enumerate(rows):
        top = place * FLOW_ROW + 5
        parts.append(
            Markup('<text class="flows__name" x="0" y="{}">{}</text>').format(top + FLOW_BAR + 4, name)
        )  # fmt: skip
        for line, (kind, amount) in enumerate((("out", out), ("in", taken))):
            wide, upper = max(0, amount) * FLOW_WIDTH // most, top + line * (FLOW_BAR + 2)
            parts.append(
                Markup(
                    '<rect class="flows__bar flows__bar--{kind}" x="{x}" y="{y}" width="{w}" height="{h}" rx="2"/>'
                    '<text class="flows__shown" x="{end}" y="{base}">{shown}</text>'
                ).format(
                    kind=kind, x=FLOW_NAME, y=upper, w=wide, h=FLOW_BAR, end=FLOW_NAME + wide + 5, base=upper + FLOW_BAR - 2,
                    shown=shown(amount),
                )
            )  # fmt: skip
    return Markup("").join([*parts, Markup("</svg>")])


def trend(bars: Sequence[tuple[str, int]], title: str, shown: Mapping[str, str]) -> Markup:
    """Return bars from left to right; `shown` holds the exact figure of each label for its tooltip."""
    most = max([value for _, value in bars] + [1])
    width = max(1, len(bars)) * (BAR_WIDTH + BAR_GAP) + BAR_GAP
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(width, HEIGHT + BASE, title)
    ]
    for place, (label, value) in enumerate(bars):
        tall = max(0, value) * HEIGHT // most
        left = BAR_GAP + place * (BAR_WIDTH + BAR_GAP)
        parts.append(
            Markup(
                '<g><title>{label}: {shown}</title><rect class="chart__bar" x="{x}" y="{y}" width="{w}" height="{h}" rx="2"/>'
                '<text class="chart__label" x="{mid}" y="{base}">{short}</text></g>'
            ).format(
                label=label, shown=shown.get(label, ""), x=left, y=HEIGHT - tall, w=BAR_WIDTH, h=tall, mid=left + BAR_WIDTH // 2,
                base=HEIGHT + 16, short=label[2:] if len(label) > 5 else label,
            )
        )  # fmt: skip
    return Markup("").join([*parts, Markup("</svg>")])


def tiles(values: Mapping[str, int], title: str, shown: Mapping[str, str], language: str) -> Markup:
    """Return the tile map: the darker a unit, the more."""
    most = max([*values.values(), 1])
    columns, rows = max(x for x, _ in TILES.values()) + 1, max(y for _, y in TILES.values()) + 1
    parts = [
        Markup('<svg class="chart tiles" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            columns * STEP, rows * STEP, title
        )
    ]
    for code, (column, row) in TILES.items():
        value = max(0, values.get(code, 0))
        name = place_name(code, language)
        parts.append(
            Markup(
                '<g class="tile tile--{shade}"><title>{name}: {shown}</title><rect x="{x}" y="{y}" width="{size}" height="{size}" rx="6"/>'
                '<text x="{mid}" y="{upper}">{name}</text><text class="tile__value" x="{mid}" y="{lower}">{shown}</text></g>'
            ).format(
                shade=shade(value, most), name=name, shown=shown.get(code, "0"), x=column * STEP, y=row * STEP, size=TILE,
                mid=column * STEP + TILE // 2, upper=row * STEP + 40, lower=row * STEP + 64,
            )
        )  # fmt: skip
    return Markup("").join([*parts, Markup("</svg>")])
