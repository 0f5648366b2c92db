"""Charts as rectangles, labels and tables: what `chart_queries` counted, drawn for the overview.

Every mark and every number of a table leads to the list of exactly those runs. Units of a drawing
are its own: ten across for a bucket, a hundred up; the page stretches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import ceil, log

from executions.display.formatting import duration
from executions.display.statuses import LAMP_WORDS, STATUS_VIEWS
from executions.models import FINAL_STATUSES, RATED_STATUSES
from executions.overview.chart_queries import ENDED_LAMPS, Bucket, Endings, Hour
from executions.overview.time_buckets import ChartRange, stamp
from executions.storage.rollups import QUARTER
from providers.contract import Lamp, Status

TALL = 100.0
LEAST = 1.5  # height of what is there at all
LEVELS = 5  # shades of the heat map
X_LABELS = 5
DIRECT = timedelta(days=8)  # ranges up to which an hour of a weekday is one stretch of time
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NICE = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)

Pairs = Iterable[tuple[str, str]]
Link = Callable[[Pairs], str]  # an address from words of the query string


@dataclass(frozen=True)
class Mark:
    look: str
    x: str
    y: str
    width: str
    height: str
    href: str
    title: str


@dataclass(frozen=True)
class Cell:
    shown: str
    href: str = ""


NOTHING = Cell("0")


@dataclass(frozen=True)
class Line:
    """A row of a table."""

    label: str
    cells: list[Cell]


@dataclass(frozen=True)
class Chart:
    key: str
    title: str
    summary: str
    """Its accessible name: what it shows and how much, in one sentence."""
    width: int
    height: int
    marks: list[Mark]
    across: list[str]
    up: list[str]
    """Labels, topmost first."""
    head: list[str]
    lines: list[Line]
    legend: tuple[tuple[str, str], ...] = ()
    is_empty: bool = False


def statuses_of(*statuses: str) -> list[tuple[str, str]]:
    return [("status", status) for status in statuses]


def lamps_of(*lamps: Lamp) -> list[tuple[str, str]]:
    return [("lamp", lamp.value) for lamp in lamps]


def ended_between(first: int, last: int) -> list[tuple[str, str]]:
    return [("finished_from", stamp(first)), ("finished_to", stamp(last))]


EVERY = lamps_of(*ENDED_LAMPS)  # every way to end
EVERY_RATED = statuses_of(*RATED_STATUSES)
SUCCESS = statuses_of(Status.SUCCEEDED.value)


def runs_over_time(found: Endings, span: ChartRange, link: Link) -> Chart:
    """Stacked by lamp, failures at the foot, where the smallest is seen."""
    top = _nice(max((bucket.total for bucket in found.buckets), default=0))
    top += top % 2  # half of it is a number of runs too
    marks: list[Mark] = []
    lines: list[Line] = []
    for place, (bucket, cuts, title) in enumerate(_buckets(found, span)):
        floor = TALL
        for lamp in ENDED_LAMPS if bucket.total else ():
            number = bucket.of_lamp(lamp)
            if number:
                height = max(LEAST, TALL * number / top)
                floor -= height
                href = link([*lamps_of(lamp), *cuts])
                label = f"{title}: {number:,} {LAMP_WORDS[lamp]}"
                marks.append(_mark(f"fill-{lamp.value}", place, floor, height, href, label))
        every = _cell(bucket.total, link, [*EVERY, *cuts])
        own = [
            _cell(bucket.statuses.get(status, 0), link, [*statuses_of(status), *cuts])
            for status in FINAL_STATUSES
        ]
        lines.append(Line(title, [every, *own]))
    whole = found.whole
    counts = ", ".join(f"{whole.of_lamp(lamp):,} {LAMP_WORDS[lamp]}" for lamp in ENDED_LAMPS[::-1])
    return Chart(
        "runs",
        "Runs that ended",
        f"Runs that ended, per {span.grain_word}: {whole.total:,} in all, {counts}.",
        10 * len(found.buckets),
        100,
        marks,
        _across(span),
        [_number(top), _number(top / 2), "0"],
        ["When", "All", *(STATUS_VIEWS[status].word for status in FINAL_STATUSES)],
        lines,
        tuple((lamp.value, LAMP_WORDS[lamp]) for lamp in ENDED_LAMPS),
        not whole.total,
    )


def success_rate(found: Endings, span: ChartRange, link: Link) -> Chart:
    """Of a hundred, how many succeeded; what did not is drawn above it."""
    marks: list[Mark] = []
    lines: list[Line] = []
    bad = statuses_of(*(each for each in RATED_STATUSES if each != Status.SUCCEEDED))
    for place, (bucket, cuts, title) in enumerate(_buckets(found, span)):
        good = bucket.statuses.get(Status.SUCCEEDED, 0)
        if bucket.rated:
            height = TALL * good / bucket.rated
            if good < bucket.rated:
                height = min(height, TALL - LEAST)
                label = f"{title}: {bucket.rated - good:,} of {bucket.rated:,} did not succeed"
                href = link([*bad, *cuts])
                marks.append(_mark("fill-failed", place, 0, TALL - height, href, label))
            if good:
                label = f"{title}: {percent(bucket.rate)} succeeded, {good:,} of {bucket.rated:,}"
                href = link([*SUCCESS, *cuts])
                marks.append(_mark("fill-done", place, TALL - height, height, href, label))
        cells = [
            Cell(percent(bucket.rate)),
            _cell(good, link, [*SUCCESS, *cuts]),
            _cell(bucket.rated, link, [*EVERY_RATED, *cuts]),
        ]
        lines.append(Line(title, cells))
    whole = found.whole
    return Chart(
        "rate",
        "Success rate",
        f"Success rate per {span.grain_word}: {percent(whole.rate)} of {whole.rated:,} runs that "
        "succeeded, ended with a warning, failed or timed out.",
        10 * len(found.buckets),
        100,
        marks,
        _across(span),
        ["100 %", "50 %", "0 %"],
        ["When", "Success rate", "Succeeded", "Of"],
        lines,
        (("done", "succeeded"), ("failed", "ended with a warning, failed or timed out")),
        not whole.rated,
    )


def durations(found: Endings, span: ChartRange, link: Link) -> Chart:
    """From the median up to the 95th percentile of successes; doubling is the same step
    everywhere."""
    measured = [(bucket.took(0.5), bucket.took(0.95)) for bucket in found.buckets]
    low = min((p50 for p50, _ in measured if p50), default=1.0) / 1.3
    high = max((p95 for _, p95 in measured if p95), default=1.0) * 1.15
    marks: list[Mark] = []
    lines: list[Line] = []
    for place, (bucket, cuts, title) in enumerate(_buckets(found, span)):
        p50, p95 = measured[place]
        measured_runs = sum(bucket.slots.values())
        href = link([*SUCCESS, *cuts])
        if p50 is not None and p95 is not None:
            middle, top = _log(p50, low, high), _log(p95, low, high)
            label = (
                f"{title}: half took at most {duration(p50)}, 95 % at most {duration(p95)}, "
                f"of {measured_runs:,}"
            )
            marks.append(_mark("spread", place, top, max(LEAST, middle - top), href, label))
            marks.append(_mark("middle", place, middle - 1.2, 2.4, href, label))
        cells = [
            Cell(duration(p50) if p50 is not None else "–"),
            Cell(duration(p95) if p95 is not None else "–"),
            _cell(bucket.statuses.get(Status.SUCCEEDED, 0), link, [*SUCCESS, *cuts]),
        ]
        lines.append(Line(title, cells))
    whole = found.whole
    p50, p95 = whole.took(0.5), whole.took(0.95)
    spread = (
        f"half took at most {duration(p50)}, 95 % at most {duration(p95 or 0)}" if p50 else "none"
    )
    return Chart(
        "took",
        "Duration of successes",
        f"How long successes took, per {span.grain_word}: {spread}.",
        10 * len(found.buckets),
        100,
        marks,
        _across(span),
        [duration(high), duration((low * high) ** 0.5), duration(low)],
        ["When", "Median", "95th percentile", "Successes"],
        lines,
        (("active", "median up to the 95th percentile"),),
        p50 is None,
    )


def heat_map(
    found: Endings, span: ChartRange, link: Link, explain: Callable[[Hour], str], *, is_failed: bool
) -> Chart:
    """By hour and weekday of the reader's zone. Where a cell is several stretches of time, its
    address is `explain`'s, which tells them apart."""
    wanted = (Lamp.FAILED,) if is_failed else ENDED_LAMPS
    days = sorted(_weekdays(span))
    numbers = {
        (day, hour): sum(found.hours.get((day, hour), {}).get(lamp, 0) for lamp in wanted)
        for day in days
        for hour in range(24)
    }
    most, direct = max(numbers.values(), default=0), _direct(span)
    word = "failed" if is_failed else "ended"
    marks: list[Mark] = []
    lines: list[Line] = []
    for row, day in enumerate(days):
        marks.append(Mark("heat-none", "0.4", f"{10 * row + 0.4:g}", "239.2", "9.2", "", ""))
        cells = []
        for hour in range(24):
            number = numbers[day, hour]
            if not number:
                cells.append(NOTHING)
                continue
            href = _hour_href((day, hour), direct, wanted, link, explain)
            label = f"{DAYS[day]} {hour:02}:00 to {hour + 1:02}:00: {number:,} {word}"
            box = (f"{10 * hour + 0.4:g}", f"{10 * row + 0.4:g}", "9.2", "9.2")
            marks.append(Mark(f"heat heat-{ceil(LEVELS * number / most)}", *box, href, label))
            cells.append(Cell(f"{number:,}", href))
        lines.append(Line(DAYS[day], cells))
    zone = span.since.astimezone(span.zone)
    return Chart(
        "hours",
        "By hour and weekday",
        f"Runs that {word} by hour and weekday, in {zone:%Z}: {sum(numbers.values()):,} in all, at "
        f"most {most:,} in one hour of the week.",
        240,
        10 * len(days),
        marks,
        ["00", "06", "12", "18", "24"],
        [DAYS[day][:3] for day in days],
        ["Weekday", *(f"{hour:02}" for hour in range(24))],
        lines,
        is_empty=not most,
    )


def _hour_href(
    hour: Hour,
    direct: Mapping[Hour, tuple[int, int]],
    wanted: Iterable[Lamp],
    link: Link,
    explain: Callable[[Hour], str],
) -> str:
    if hour in direct:
        return link([*lamps_of(*wanted), *ended_between(*direct[hour])])
    return explain(hour)


def percent(rate: float | None) -> str:
    """Never rounded up to 100 %: that word means all of them."""
    if rate is None:
        return "–"
    return "100 %" if rate == 1 else f"{min(rate * 100, 99.9):.1f} %"


# ------------------------------------------------------------------------------------- drawing


def _buckets(
    found: Endings, span: ChartRange
) -> Iterable[tuple[Bucket, list[tuple[str, str]], str]]:
    cuts = pairwise(span.stamps)
    for bucket, (first, last), title in zip(found.buckets, cuts, span.titles, strict=True):
        yield bucket, [("finished_from", first), ("finished_to", last)], title


def _mark(look: str, place: int, y: float, height: float, href: str, title: str) -> Mark:
    return Mark(look, str(10 * place + 1), f"{max(0, y):.2f}", "8", f"{height:.2f}", href, title)


def _cell(number: int, link: Link, pairs: Pairs) -> Cell:
    return Cell(f"{number:,}", link(pairs)) if number else NOTHING


def _across(span: ChartRange) -> list[str]:
    labels = span.labels()
    if len(labels) <= X_LABELS:
        return labels
    last = len(labels) - 1
    return [labels[round(last * step / (X_LABELS - 1))] for step in range(X_LABELS)]


def _nice(most: int) -> float:
    """The round number above."""
    scale = 1
    while scale * 10 < most:
        scale *= 10
    return next((step * scale for step in NICE if step * scale >= most), 1) if most else 1


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _log(value: float, low: float, high: float) -> float:
    """How far from the top."""
    share = (log(max(value, low)) - log(low)) / (log(high) - log(low))
    return TALL * (1 - min(1.0, share))


def _weekdays(span: ChartRange) -> set[int]:
    start, end = span.since.astimezone(span.zone), (span.until - QUARTER).astimezone(span.zone)
    days = min(6, end.toordinal() - start.toordinal())
    return {(start.weekday() + day) % 7 for day in range(days + 1)}


def _direct(span: ChartRange) -> dict[Hour, tuple[int, int]]:
    """Hours of a weekday that are one stretch of the range."""
    if span.until - span.since > DIRECT:
        return {}
    found: dict[Hour, list[tuple[int, int]]] = {}
    for quarter, (_, weekday, hour) in span.hours():
        stretches = found.setdefault((weekday, hour), [])
        if stretches and stretches[-1][1] == quarter:
            stretches[-1] = (stretches[-1][0], quarter + 1)
        else:
            stretches.append((quarter, quarter + 1))
    return {hour: stretches[0] for hour, stretches in found.items() if len(stretches) == 1}


def spreads(values: Sequence[tuple[float, float]]) -> list[tuple[str, str]]:
    """(x, width) of a bar from each median to its 95th percentile, of a hundred; one scale, on
    which doubling is the same step everywhere."""
    low = min((p50 for p50, _ in values), default=1.0)
    low, high = max(low, 0.5) / 1.5, max((p95 for _, p95 in values), default=1.0) * 1.1
    high = max(high, low * 2)
    found = []
    for p50, p95 in values:
        x, end = TALL - _log(p50, low, high), TALL - _log(p95, low, high)
        found.append((f"{x:.1f}", f"{max(LEAST, end - x):.1f}"))
    return found
