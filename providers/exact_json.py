"""JSON to values and back with the digits as they came, and notes for what no store can hold.

`read` is for what providers send: it never fails over a part. What cannot be kept (NaN, a number
out of range, nesting without end) becomes a text that begins with `NOTE`. `read_strictly` is for
what people and programs send to us and refuses the same. `write` gives UTF-8 that Postgres takes.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

MAX_DEPTH = 60  # nested lists and objects
MAX_DIGITS = 1000  # characters of one number; Python reads and Postgres keeps those
NOTE = "[not kept: "
TWICE = "[not kept]"  # the key under which an object tells of a key that it had twice
ODD_CHARACTER = "\N{REPLACEMENT CHARACTER}"

_BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# A text that never ends is one part, to the end: else it would be looked for from each quote anew.
_PART = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_NO_BRACKETS = re.compile(r"[^\[\]{}]+")
_UNFIT = re.compile("[\0\ud800-\udfff]")
_INT64 = range(-(2**63), 2**64)  # what orjson writes by itself


class Unfit(ValueError):
    """JSON that a stored value must not hold; `str()` is the end of a sentence."""


class Exact(float):
    """A number that a float alone would write with other digits: `1.10`, `0.1234567890123456789`.
    Counts as its float; `str` and `write` give the digits that came."""

    __slots__ = ("digits",)
    digits: str

    def __new__(cls, digits: str) -> Exact:
        number = super().__new__(cls, digits)
        number.digits = digits
        return number

    def __repr__(self) -> str:
        return self.digits

    __str__ = __repr__

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.digits,)


class Doubled(dict[str, Any]):
    """An object that named keys twice, with other values. As for every reader, the last counts;
    `twice` names them."""

    def __init__(self, pairs: Any, twice: tuple[str, ...]) -> None:
        super().__init__(pairs)
        self.twice = twice

    def __or__(self, other: Any) -> Any:
        return Doubled({**self, **other}, self.twice)

    def __reduce__(self) -> Any:
        return Doubled, (dict(self), self.twice)


def note(what: str) -> str:
    return f"{NOTE}{what}]"


# ----------------------------------------------------------------------------------------- reading


def read(content: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError for what is no JSON at all."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if _is_deep(text):
        text = _without_depths(text)
    value = _LENIENT.decode(text)
    return cleaned(value) if _may_be_unfit(text) else value


def read_strictly(content: bytes | str) -> Any:
    """The same for what we send on or store. Raises ValueError with a sentence for
    NaN, numbers out of range, a key twice, nesting without end and bytes that are not UTF-8."""
    text = content if isinstance(content, str) else content.decode("utf-8")
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if _is_deep(text) and _without_depths(text) != text:
        raise Unfit(f"it is nested more than {MAX_DEPTH} levels deep")
    value = _STRICT.decode(text)
    return cleaned(value) if _may_be_unfit(text) else value


def read_stored(text: bytes | str) -> Any:
    """What `write` has written, or a database that keeps digits."""
    return json.loads(text, cls=StoredJSON)


def cleaned(value: Any) -> Any:
    """Without NUL and lone surrogates, which Postgres refuses."""
    if isinstance(value, str):
        is_fit = value.isascii() and "\0" not in value
        return value if is_fit else _UNFIT.sub(ODD_CHARACTER, value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        result = {cleaned(key): cleaned(item) for key, item in value.items()}
        return Doubled(result, value.twice) if isinstance(value, Doubled) else result
    return value


def _may_be_unfit(text: str) -> bool:
    return "\\u0000" in text or "\\ud" in text or "\\uD" in text or "\0" in text


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    twice = {key: None for key, value in pairs if _differ(value, result[key])}
    return Doubled(result, tuple(twice)) if twice else result


def _object_strictly(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Unfit("an object names the same key twice")
    return result


def _differ(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or repr(one) != repr(other)


def number(text: str) -> float:
    """Of a JSON number with a point or an exponent. Raises Unfit for what neither a float nor a
    database could hold."""
    value = float(text)
    if repr(value) == text:
        return value
    is_lost = value == 0 and re.search("[1-9]", text.lower().partition("e")[0])
    if len(text) > MAX_DIGITS or not math.isfinite(value) or is_lost:
        raise Unfit("a number is out of range")
    return Exact(text)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Unfit("a number is out of range")
    return int(text)


def _constant(text: str) -> Any:
    raise Unfit(f"it holds {text}")


def _or_note(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except Unfit:
            return note(text if len(text) <= 40 else f"a number of {len(text):,} digits")

    return parsed


_LENIENT = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=_or_note(number),
    parse_int=_or_note(_whole),
    parse_constant=_or_note(_constant),
)
_STRICT = json.JSONDecoder(
    object_pairs_hook=_object_strictly,
    parse_float=number,
    parse_int=_whole,
    parse_constant=_constant,
)


class StoredJSON(json.JSONDecoder):
    """For columns and fields that keep digits, as a decoder to name there."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"parse_float": _or_note(number), **options})


def _is_deep(text: str) -> bool:
    """Whether it may be nested too deep: brackets inside of texts count here as well."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return False
    depth = 0
    for bracket in _NO_BRACKETS.sub("", text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            return True
    return False


def _without_depths(text: str) -> str:
    """The text with a note for each list and object that is nested too deep. Raises ValueError
    where they are never closed: the decoder would follow them until its stack ends."""
    kept: list[str] = []
    depth = start = 0
    for match in _PART.finditer(text):
        if match[0] in ("[", "{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept.append(text[start : match.start()])
                kept.append(json.dumps(note(f"nested more than {MAX_DEPTH} levels deep")))
        elif match[0] in ("]", "}"):
            depth -= 1
            if depth == MAX_DEPTH:
                start = match.end()
    if depth > MAX_DEPTH:
        raise json.JSONDecodeError("Lists or objects are not closed", text, len(text))
    return "".join(kept) + text[start:]


# ----------------------------------------------------------------------------------------- writing


def write(
    value: Any,
    *,
    notes: bool = False,
    indent: bool = False,
    sort: bool = False,
    other: Callable[[Any], Any] | None = None,
) -> bytes:
    """One line of UTF-8, unless `indent`. `notes`: tells of keys that came twice, too. `other`
    turns times and objects into values; without it a time is ISO 8601, an object a note."""
    option = orjson.OPT_PASSTHROUGH_SUBCLASS
    default: Callable[[Any], Any] = _noting if notes else _plainly
    if indent:
        option |= orjson.OPT_INDENT_2
    if sort:
        option |= orjson.OPT_SORT_KEYS
    if other is not None:
        option |= orjson.OPT_PASSTHROUGH_DATETIME
        default = partial(_plainly, other=other)
    try:
        text = orjson.dumps(value, default, option)
    except TypeError:  # an integer over 64 bits, a lone surrogate, a key that is no text, too deep
        return orjson.dumps(_fit(value), default, option)
    if b"\\u0000" in text:
        return orjson.dumps(_fit(value), default, option)
    return text


def written(value: Any, *, indent: bool = False) -> str:
    return write(value, indent=indent).decode()


def _plainly(value: Any, other: Callable[[Any], Any] | None = None) -> Any:
    """What orjson cannot write by itself."""
    if isinstance(value, Exact):
        return orjson.Fragment(value.digits)
    if isinstance(value, int):
        return _digits_of(int(value))
    if isinstance(value, Decimal):
        return orjson.Fragment(f"{value:f}") if value.is_finite() else note(str(value))
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if other is not None:
        return other(value)
    return note(f"a value of the type {type(value).__name__}")


def _noting(value: Any) -> Any:
    if isinstance(value, Doubled):
        names = ", ".join(f"“{name}”" for name in value.twice)
        return {**value, TWICE: f"another value of {names}, which came twice"}
    return _plainly(value)


def _digits_of(value: int) -> Any:
    if value.bit_length() > 4 * MAX_DIGITS:
        return note(f"a number of {value.bit_length():,} bits")
    return orjson.Fragment(str(value))


def _fit(value: Any, depth: int = 0) -> Any:
    """The same value without what orjson or Postgres refuse."""
    if isinstance(value, str):
        return _UNFIT.sub(ODD_CHARACTER, value)
    if isinstance(value, bool | None | float):
        return value
    if isinstance(value, int):
        return value if value in _INT64 else _digits_of(value)
    if isinstance(value, Mapping | list | tuple) and depth > 2 * MAX_DEPTH:
        return note("nested too deep")
    if isinstance(value, Mapping):
        fit = {_fit(str(key)): _fit(item, depth + 1) for key, item in value.items()}
        return Doubled(fit, value.twice) if isinstance(value, Doubled) else fit
    if isinstance(value, list | tuple):
        return [_fit(item, depth + 1) for item in value]
    return value
