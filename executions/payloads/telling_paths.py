"""Which values of an input tell the runs of a workflow apart, for a person. Pure functions.

A path is the names from the top of the input, joined by `/`: `order/customer`. What is inside lists
has none, nor what lies deeper than DEPTH.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.redaction import MASK
from providers.secret_names import is_secret_name

DEPTH = 2
MOST = 2  # values that are learned for a workflow
ENOUGH = 5  # inputs before anything is learned
LONGEST = 40  # characters of a value that is chosen by itself
MAX_PATH = 200
MAX_CHOICES = 40  # values that a run's page offers

_ID_NAME = re.compile(
    r"(?:^|[^a-z])(?:ids?|uuid|guid|ref|refs|key|keys|hash|checksum|etag|cursor|trace|span|token|"
    r"ur[li]s?|href|link|links|endpoint|host|path|callback|webhook|at|on|time|timestamp|date|day|"
    r"created|updated|started|finished|version|schema|email|mail|phone)$",
)
_GOOD_NAME = re.compile(
    r"(?:^|[^a-z])(?:name|title|subject|label|customer|client|supplier|vendor|order|invoice|claim|"
    r"case|ticket|product|item|project|site|store|region|country|city|topic|file|report|number|no)$"
)
_AMOUNT_NAME = re.compile(r"(?:^|[^a-z])(?:amount|total|sum|price|cost|premium|limit|quantity)$")
_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I)
_TIME = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}[.:/]\d{2}[.:/]\d{2,4}|^\d\d:\d\d")
_RANDOM = re.compile(r"^[0-9a-f]{12,}$|^[A-Za-z0-9_-]{20,}$", re.I)
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://|^www\.|^/|^\w:\\|@", re.I)


def scalars(value: Any) -> Iterator[tuple[str, Any]]:
    """(path, value) of every text and number of an input that has a path, in its order."""
    yield from _scalars(value, (), DEPTH)


def _scalars(value: Any, above: tuple[str, ...], depth: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return
    for name, each in value.items():
        if not isinstance(name, str) or not name or "/" in name or is_secret_name(name):
            continue
        if isinstance(each, Mapping):
            if depth > 1:
                yield from _scalars(each, (*above, name), depth - 1)
        elif isinstance(each, bool) or each is None or isinstance(each, list | tuple):
            continue
        elif len(path := "/".join((*above, name))) <= MAX_PATH and MASK not in str(each):
            yield path, each


def is_telling(name: str, value: Any) -> bool:
    """Whether a person may know a run by it: short, and no identifier, time or address."""
    text = str(value).strip()
    if not 1 < len(text) <= LONGEST or "\n" in text or MASK in text:
        return False
    if _ID_NAME.search(_words(name)):
        return False
    if isinstance(value, int | float):
        return abs(value) < 1e9
    looks = (_UUID, _TIME, _RANDOM, _ADDRESS)
    return not any(pattern.search(text) for pattern in looks)


def of_one(given: Any, chosen: Sequence[str]) -> list[tuple[str, Any]]:
    """(path, value) of what a person most likely knows one input by, the best first: what is at the
    chosen paths, then names and the like, then amounts, then other short texts."""
    places = {path: place for place, path in enumerate(chosen)}

    def rank(path: str, value: Any) -> tuple[int, int]:
        if path in places:
            return 0, places[path]
        words = _words(path.rpartition("/")[2])
        if isinstance(value, str):
            return (1 if _GOOD_NAME.search(words) else 3), 0
        return (2 if _AMOUNT_NAME.search(words) else 4), 0

    found = [
        (path, value)
        for path, value in scalars(given)
        if path in places or is_telling(path.rpartition("/")[2], value)
    ]
    ranked = sorted(found, key=lambda pair: rank(*pair))
    return [(path, value) for path, value in ranked if rank(path, value) < (4, 0)]


def learn(inputs: Sequence[Any]) -> list[str] | None:
    """Paths of at most MOST values that differ between these inputs and are telling, the best
    first. None where there are too few to say."""
    if len(inputs) < ENOUGH:
        return None
    seen: dict[str, list[Any]] = {}
    for each in inputs:
        for path, value in scalars(each):
            seen.setdefault(path, []).append(value)
    rated = []
    for place, (path, values) in enumerate(seen.items()):
        name = path.rpartition("/")[2]
        if len(values) < 0.6 * len(inputs) or not all(is_telling(name, each) for each in values):
            continue
        differing = len({str(each) for each in values}) / len(values)
        if differing < 0.25 or len({str(each) for each in values}) < 2:
            continue
        is_text = all(isinstance(each, str) for each in values)
        good = bool(_GOOD_NAME.search(_words(name)))
        rated.append((-(2 * good + 1.5 * is_text + differing), path.count("/"), place, path))
    return [path for *_, path in sorted(rated)[:MOST]]


def _words(name: str) -> str:
    """`customerName` and `customer_name` alike: `customer name`."""
    return re.sub(r"[_\-.\s]+", " ", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)).lower()
