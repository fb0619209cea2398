"""Charts of quotes as inline SVG: no script, the same on paper. Beside each the page has a table with the same numbers.

Colours are classes (static/css/pricing.css); nothing is told by colour alone. Coordinates are rounded to a tenth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup, escape

from gateway.pricing.record import Calibration
from pricing.quotes import Histogram, IndexPoint, Part, Quote

WIDTH: Final = 720
RANGE_WIDTH: Final = 420
"""The range fits a phone without scrolling."""
_PAPER: Final = (
    'text{font-family:"Noto Sans CJK TC";font-size:14px;fill:#1a2130}.quiet{font-size:12px;fill:#5b6472}.num{font-size:13px}'
    ".big{font-size:22px}.on-dot{font-size:11px;fill:#fff}.axis{stroke:#c9ced6}.mark{stroke:#1a2130;stroke-width:2;stroke-dasharray:4 3}"
    ".curve{fill:none;stroke:#12467f;stroke-width:2.5}.band{fill:#e6eef8;stroke:#12467f}.band-2,.dot,.up{fill:#12467f}"
    ".band-off{fill:none;stroke:#67728a;stroke-dasharray:4 3}.dot-open{fill:#fff;stroke:#12467f;stroke-width:2}"
    ".down,.fail{fill:#fdf1d8;stroke:#7f5200;stroke-width:1.5}"
)
"""Colours of tokens.css in the light, for paper."""
Say = Callable[..., str]
Money = Callable[[int], str]


def _svg(height: float, label: str, body: Sequence[str], width: int = WIDTH, cls: str = "chart") -> Markup:
    inside = "".join(body)
    shape = f'viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{escape(label)}"'
    return Markup(  # noqa: S704  # every text in it was escaped by _text
        f'<div class="chart-box" tabindex="0"><svg class="{cls}" {shape}>{inside}</svg></div>'
    )


def on_paper(chart: Markup) -> str:
    """Return a chart as a picture of its own for the typesetter: with its colours and font in it."""
    text = str(chart).removeprefix('<div class="chart-box" tabindex="0">').removesuffix("</div>")
    return text.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
        ">", f"><style>{_PAPER}</style>", 1
    )


def _text(x: float, y: float, text: str, cls: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{cls}">{escape(text)}</text>'


def _bar(x: float, y: float, width: float, height: float, cls: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" rx="3" class="{cls}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, cls: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{cls}"/>'


def _log_scale(low: float, high: float, left: float, right: float) -> Callable[[float], float]:
    a, b = math.log(max(low, 1)), math.log(max(high, low * 1.01, 2))
    return lambda value: left + (right - left) * (math.log(max(value, 1)) - a) / (b - a)


def range_bar(quote: Quote, t: Say, money: Money) -> Markup:
    """The range first: 80 % light, the middle half dark, the middle as a line."""
    r = quote.range
    x = _log_scale(r.p05 * 0.9, r.p95 * 1.1, 10, RANGE_WIDTH - 10)
    body = [
        _line(10, 62, RANGE_WIDTH - 10, 62, "axis"),
        _bar(x(r.p10), 44, x(r.p90) - x(r.p10), 36, "band"),
        _bar(x(r.p25), 44, x(r.p75) - x(r.p25), 36, "band-2"),
        _line(x(r.p50), 38, x(r.p50), 86, "mark"),
        _text(x(r.p50), 28, money(r.p50), "big", "middle"),
        _text(x(r.p10), 106, money(r.p10), "num", "middle"),
        _text(x(r.p90), 106, money(r.p90), "num", "middle"),
        _text(x(r.p10), 124, "P10", "quiet", "middle"),
        _text(x(r.p90), 124, "P90", "quiet", "middle"),
    ]
    return _svg(132, t("pricing.chart.range"), body, RANGE_WIDTH, "chart chart--range")


def approaches(quote: Quote, t: Say, money: Money) -> Markup:
    """The approaches side by side, and what was made of them."""
    rows = [(t(f"pricing.approach.{a.name}"), a.p10_fen, a.p50_fen, a.p90_fen, a.weight) for a in quote.approaches]
    rows.append((t("pricing.approach.pooled"), quote.range.p10, quote.range.p50, quote.range.p90, 1.0))
    low, high = min(row[1] for row in rows), max(row[3] for row in rows)
    x = _log_scale(low * 0.9, high * 1.1, 190, WIDTH - 20)
    body = []
    for place, (name, p10, p50, p90, weight) in enumerate(rows):
        y = 14 + place * 44
        last = place == len(rows) - 1
        body.append(_text(4, y + 18, name, "strong" if last else ""))
        if not last:
            body.append(_text(4, y + 34, t("pricing.weight", percent=round(100 * weight)), "quiet"))
        body.append(_bar(x(p10), y + 6, x(p90) - x(p10), 16, "band-2" if last else "band" if weight else "band-off"))
        body.append(_line(x(p50), y + 2, x(p50), y + 26, "mark"))
        body.append(_text(min(max(x(p50), 230), WIDTH - 60), y + 39, money(p50), "num", "middle"))
    return _svg(14 + len(rows) * 44 + 6, t("pricing.chart.approaches"), body)


def comparables(quote: Quote, t: Say, money: Money) -> Markup:
    """Deals by their weight and their price as adjusted to this achievement."""
    deals = quote.comparables
    prices = [d.adjusted_fen for d in deals] + [quote.range.p10, quote.range.p90]
    scale = _log_scale(min(prices) * 0.8, max(prices) * 1.25, 220, 20)
    top = max(abs(d.weight) for d in deals) or 1.0
    body = [
        _bar(80, scale(quote.range.p90), WIDTH - 100, scale(quote.range.p10) - scale(quote.range.p90), "band"),
        _line(80, scale(quote.range.p50), WIDTH - 20, scale(quote.range.p50), "mark"),
        _text(74, scale(quote.range.p90) + 4, money(quote.range.p90), "num", "end"),
        _text(74, scale(quote.range.p10) + 4, money(quote.range.p10), "num", "end"),
        _line(80, 230, WIDTH - 20, 230, "axis"),
        _text(WIDTH - 20, 250, t("pricing.chart.weight_axis"), "quiet", "end"),
    ]
    for number, deal in enumerate(deals, start=1):
        share = abs(deal.weight) / top
        cx, cy = 100 + share * (WIDTH - 150), scale(deal.adjusted_fen)
        cls = "dot" if deal.sold else "dot-open"
        body.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="{6 + 8 * share:.1f}" class="{cls}"/>')
        body.append(_text(cx, cy + 4, str(number), "on-dot" if deal.sold else "num", "middle"))
    return _svg(258, t("pricing.chart.comparables"), body)


def tornado(quote: Quote, t: Say, money: Money) -> Markup:
    """What each input does alone."""
    base = next(a.p50_fen for a in quote.approaches if a.name == "income")
    low, high = min(s.low_fen for s in quote.tornado), max(s.high_fen for s in quote.tornado)
    span = max(high - low, 1)

    def x(value: float) -> float:
        return 170 + (WIDTH - 260) * (value - low) / span

    body = [_line(x(base), 8, x(base), 12 + 40 * len(quote.tornado), "mark")]
    for place, swing in enumerate(quote.tornado):
        y = 16 + place * 40
        body.append(_text(4, y + 16, t(f"pricing.swing.{swing.name}")))
        body.append(_bar(x(swing.low_fen), y, x(base) - x(swing.low_fen), 22, "down"))
        body.append(_bar(x(base), y, x(swing.high_fen) - x(base), 22, "up"))
        body.append(_text(x(swing.low_fen) - 5, y + 16, money(swing.low_fen), "num", "end"))
        body.append(_text(x(swing.high_fen) + 5, y + 16, money(swing.high_fen), "num"))
    return _svg(24 + 40 * len(quote.tornado), t("pricing.chart.tornado"), body)


def histogram(found: Histogram, t: Say, money: Money) -> Markup:
    """Draws that bring nothing apart from those that succeed: one bar, then the bins."""
    works = [count * (1 - found.worthless) / max(sum(found.bins), 1) for count in found.bins]
    top = max([*works, found.worthless]) or 1.0
    width = (WIDTH - 130) / len(works)
    fail = 170 * found.worthless / top
    body = [
        _bar(10, 190 - fail, 66, fail, "fail"),
        _text(43, 184 - fail, f"{found.worthless:.0%}", "num", "middle"),
        _text(43, 208, t("pricing.fails"), "quiet", "middle"),
        _line(10, 190, WIDTH - 10, 190, "axis"),
        _text(110, 208, money(0), "num"),
        _text(WIDTH - 14, 208, f"≥ {money(found.top_fen)}", "num", "end"),
        _text((WIDTH + 110) / 2, 208, t("pricing.works"), "quiet", "middle"),
    ]
    for place, share in enumerate(works):
        height = 170 * share / top
        body.append(_bar(110 + place * width, 190 - height, width - 2, height, "band-2"))
    return _svg(216, t("pricing.chart.histogram"), body)


def frontier(quote: Quote, t: Say, money: Money) -> Markup:
    """Expected revenue over the chance of a sale: a committee picks a point; ours is marked."""
    points = [p for p in quote.frontier if p.sold > 0.02]
    low, high = min(p.revenue_fen for p in points), max(p.revenue_fen for p in points)
    low = max(low, round(high * 0.5))
    span = max(high - low, 1)

    def at(sold: float, revenue: int) -> tuple[float, float]:
        return 90 + (WIDTH - 120) * sold, 190 - 160 * (max(revenue, low) - low) / span

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(p.sold, p.revenue_fen) for p in points if p.revenue_fen >= low))
    ours = min(points, key=lambda p: abs(p.reserve_fen - quote.suggestion.reserve_fen))
    x, y = at(ours.sold, ours.revenue_fen)
    body = [
        _line(90, 190, WIDTH - 30, 190, "axis"), _line(90, 20, 90, 190, "axis"),
        f'<polyline points="{path}" class="curve"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" class="dot"/>',
        _text(min(x, WIDTH - 130), y - 14, t("pricing.our_reserve", amount=money(quote.suggestion.reserve_fen)), "strong", "middle"),
        _text(84, 34, money(high), "num", "end"), _text(84, 190, money(low), "num", "end"),
        *[_text(at(s / 100, low)[0], 208, f"{s} %", "num", "middle") for s in (20, 40, 60, 80, 100)],
        _text(WIDTH - 30, 226, t("pricing.chance_of_sale"), "quiet", "end"),
    ]  # fmt: skip
    return _svg(232, t("pricing.chart.frontier"), body)


def waterfall(start_fen: int, parts: Sequence[Part], t: Say, money: Money) -> Markup:
    """From the start to the market's middle, factor by factor; the bars add up."""
    shown = [part for part in parts if part.fen]
    ends = [start_fen]
    for part in shown:
        ends.append(ends[-1] + part.fen)
    low, high = min([0, *ends]), max(ends)
    span = max(high - low, 1)

    def x(value: float) -> float:
        return 190 + (WIDTH - 290) * (value - low) / span

    body = [_text(4, 24, t("pricing.start")), _bar(x(0), 10, x(start_fen) - x(0), 20, "band"),
            _text(x(start_fen) + 6, 25, money(start_fen), "num")]  # fmt: skip
    for place, part in enumerate(shown, start=1):
        y = 10 + place * 28
        before, after = ends[place - 1], ends[place]
        left, right = min(before, after), max(before, after)
        sign = "+" if part.fen > 0 else "-"
        body.append(_text(4, y + 14, t(f"pricing.factor.{part.factor}")))
        body.append(_bar(x(left), y, x(right) - x(left), 20, "up" if part.fen > 0 else "down"))
        body.append(_text(x(right) + 6, y + 15, f"{sign}{money(abs(part.fen))}", "num"))
    y = 10 + (len(shown) + 1) * 28
    body += [_text(4, y + 14, t("pricing.market_middle"), "strong"), _bar(x(0), y, x(ends[-1]) - x(0), 20, "band-2"),
             _text(x(ends[-1]) + 6, y + 15, money(ends[-1]), "num")]  # fmt: skip
    return _svg(y + 30, t("pricing.chart.waterfall"), body)


def reliability(found: Calibration, t: Say) -> Markup:
    """What ranges promised and what they held."""
    body = []
    for place, one in enumerate(found.promises):
        y = 10 + place * 46
        body.append(_text(4, y + 16, t("pricing.promised", percent=round(100 * one.promised))))
        body.append(_bar(190, y, (WIDTH - 270) * one.held, 22, "band-2"))
        target = 190 + (WIDTH - 270) * one.promised
        body.append(_line(target, y - 5, target, y + 28, "mark"))
        body.append(_text(WIDTH - 70, y + 16, t("pricing.held", percent=round(100 * one.held)), "num"))
    return _svg(12 + 46 * len(found.promises), t("pricing.chart.reliability"), body)


def pit(found: Calibration, t: Say) -> Markup:
    """In which tenth of their forecasts prices fell: even bars are what honest forecasts make."""
    total = max(sum(found.pit), 1)
    top = max(max(found.pit) / total, 0.2)
    width = (WIDTH - 40) / len(found.pit)
    even = 150 - 130 * 0.1 / top
    body = [_line(20, 150, WIDTH - 20, 150, "axis"), _line(20, even, WIDTH - 20, even, "mark")]
    for place, count in enumerate(found.pit):
        height = 130 * count / total / top
        body.append(_bar(24 + place * width, 150 - height, width - 8, height, "band-2"))
        body.append(_text(20 + (place + 0.5) * width, 168, f"{place * 10}–{place * 10 + 10} %", "quiet", "middle"))
    return _svg(176, t("pricing.chart.pit"), body)


def price_index(points: Sequence[IndexPoint], t: Say) -> Markup:
    """The index by quarter: a filled point stands on its own deals, an open one leans on the quarter before."""
    levels = [point.level for point in points]
    low, high = min(*levels, 95.0), max(*levels, 105.0)
    step = (WIDTH - 110) / max(len(points) - 1, 1)

    def at(place: int, level: float) -> tuple[float, float]:
        return 60 + place * step, 160 - 125 * (level - low) / (high - low)

    spots = [at(place, point.level) for place, point in enumerate(points)]
    base = at(0, 100.0)[1]
    body = [
        _line(50, 190, WIDTH - 30, 190, "axis"), _line(50, base, WIDTH - 30, base, "mark"), _text(44, base + 4, "100", "num", "end"),
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in spots)}" class="curve"/>',
    ]  # fmt: skip
    told = max(math.ceil(len(points) / 8), 1)
    for place, (point, (x, y)) in enumerate(zip(points, spots, strict=True)):
        body.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" class="{"dot" if point.published else "dot-open"}"/>')
        if place % told == 0:
            body.append(_text(x, 208, point.quarter, "quiet", "middle"))
            body.append(_text(x, y - 12 if point.level >= 100 else y + 22, f"{point.level:.0f}", "num", "middle"))
    return _svg(216, t("pricing.chart.index"), body)
