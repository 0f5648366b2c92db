"""One field between its JSON value and what a browser shows and posts.

`shown` turns a value into input text, `answered` turns posted text into the value to send. What a
person did not touch comes back as the very value that was there.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn

from executions.display.html_sanitizing import plain
from executions.display.local_time_input import UnclearTime
from executions.forms import dates, files
from executions.forms.compiled_nodes import Leaf
from executions.forms.json_path import MISSING
from executions.forms.options import index_of
from providers import exact_json
from providers.redaction import MASK

Typed = str | list[str]

MAX_TEXT = 200_000  # characters of one answer
MAX_NUMBER = 100  # characters of a typed number
DATE_CONTROLS = ("date", "datetime", "time")
CHOICE_CONTROLS = ("select", "radios")
LIST_CONTROLS = ("checkboxes", "multiselect")
FOREIGN = "x"  # posted instead of an index for a value that is not in the list

_BREAKS = re.compile(r"\r\n?")


class Unreadable(Exception):
    """The text is no value of this field. `code` is tv4's number for the complaint."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


def control_for(leaf: Leaf, start: Any) -> str:
    """The control that can show the present value: a native one may have no way to."""
    control = leaf.control
    if control in DATE_CONTROLS and start not in (MISSING, None, ""):
        readable = isinstance(start, str) and dates.to_input(control, start, leaf.style)
        return control if readable else "text"
    if control == "color":
        # The native input cannot be empty and turns a color's name into black.
        is_hex = isinstance(start, str) and re.fullmatch("#[0-9a-fA-F]{6}", start)
        return "color" if is_hex else "text"
    if control in ("text", "email", "url", "tel") and isinstance(start, str) and "\n" in start:
        return "textarea"  # a line input would swallow the line breaks
    if control in ("text", "textarea") and isinstance(start, list | dict):
        return "json"
    return control


def shown(leaf: Leaf, control: str, value: Any) -> Typed:
    """The text (texts, for a list of choices) with which an input stands for `value`."""
    if control in LIST_CONTROLS:
        return _shown_list(leaf, value)
    if value is MISSING or control in ("password", "file", "elsewhere"):
        return ""
    if control == "checkbox":
        return "1" if value is True else ""
    if control in CHOICE_CONTROLS:
        index = index_of(leaf.options, value)
        if index is None:
            return "" if value in (None, "") else FOREIGN
        return str(index)
    if control == "json":
        return _clean(exact_json.written(value, indent=True))
    if value is None:
        return ""
    if control in DATE_CONTROLS and isinstance(value, str):
        return dates.to_input(control, value, leaf.style) or ""
    return _clean(value if isinstance(value, str) else exact_json.written(value))


def _shown_list(leaf: Leaf, value: Any) -> list[str]:
    texts = []
    for position, item in enumerate(value if isinstance(value, list) else []):
        index = index_of(leaf.options, item)
        texts.append(f"{FOREIGN}{position}" if index is None else str(index))
    return texts


def normal(control: str, typed: object) -> Typed:
    """Typed input in the one form everything here compares: plain line breaks, sorted lists."""
    if control in LIST_CONTROLS:
        items = typed if isinstance(typed, list) else [typed]
        return sorted({item for item in items if isinstance(item, str) and item})
    if isinstance(typed, list):
        typed = next((item for item in reversed(typed) if isinstance(item, str)), "")
    if not isinstance(typed, str):
        return ""
    return _clean(_BREAKS.sub("\n", typed))


def _clean(text: str) -> str:
    """Without what no page and no database can hold."""
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)


def is_blank(typed: Typed) -> bool:
    return not typed or (isinstance(typed, str) and not typed.strip())


def answered(leaf: Leaf, control: str, typed: Typed, start: Any) -> Any:
    """The value to send, MISSING for "leave it out". Raises Unreadable."""
    if typed == normal(control, shown(leaf, control, start)):
        return False if control == "checkbox" and start is MISSING else start
    if control == "checkbox":
        return typed == "1"
    if control in LIST_CONTROLS:
        return _read_list(leaf, typed, start)
    if is_blank(typed):
        return cleared(leaf, start)
    text = str(typed)
    if len(text) > MAX_TEXT and control != "file":
        raise Unreadable("This is too long.", 201)
    if control == "file":
        return _read_file(leaf, text, start)
    if control in CHOICE_CONTROLS:
        return _read_choice(leaf, text, start)
    if control == "json":
        return read_json(text)
    if control == "number":
        return read_number(text, must_be_whole=leaf.shape.kind == "integer")
    if control in DATE_CONTROLS:
        return _read_date(leaf, control, text, start)
    return text if control in ("password", "textarea") else text.strip()


def cleared(leaf: Leaf, start: Any) -> Any:
    """What an emptied field sends: nothing where nothing was, else the type's own "empty"."""
    if leaf.control == "password":
        # A stored secret is never shown; leaving the field empty keeps it, if we have it at all.
        return MISSING if start == MASK else start
    if leaf.shape.is_nullable:
        return None
    if start is MISSING:
        return MISSING
    return "" if leaf.shape.kind == "string" else MISSING


def _read_list(leaf: Leaf, typed: Typed, start: Any) -> Any:
    chosen = set(typed)
    values = [o.value for i, o in enumerate(leaf.options) if str(i) in chosen]
    known = start if isinstance(start, list) else []
    values += [item for i, item in enumerate(known) if f"{FOREIGN}{i}" in chosen]
    return values if values or start is not MISSING else MISSING


def _read_file(leaf: Leaf, text: str, start: Any) -> str:
    if not text.startswith("data:"):
        raise Unreadable("This file is too large to be sent from here.")
    if not files.is_accepted(text, leaf.accepts):
        raise Unreadable(f"Choose a file of one of these types: {', '.join(leaf.accepts)}.")
    return files.sent_url(text, start)


def _read_choice(leaf: Leaf, text: str, start: Any) -> Any:
    if text == FOREIGN and start is not MISSING:
        return start
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < len(leaf.options):
        return leaf.options[int(text)].value
    raise Unreadable("Choose one of the options.", 1)


def _read_date(leaf: Leaf, control: str, text: str, start: Any) -> str:
    like = start if isinstance(start, str) else ""
    try:
        return dates.from_input(control, text, like, leaf.style)
    except UnclearTime as error:
        choose = " Choose which one is meant." if error.moments else ""
        raise Unreadable(f"{error}{choose}") from error
    except ValueError as error:
        word = {"date": "date", "time": "time"}.get(control, "date and time")
        raise Unreadable(f"Enter a {word}.") from error


def read_number(text: str, *, must_be_whole: bool) -> int | float:
    """A number exactly as typed; one decimal comma is taken for a point. Raises Unreadable."""
    bare = re.sub(r"[\s\u00a0\u202f]", "", text).replace("\u2212", "-")
    if re.fullmatch(r"[+-]?[0-9]*,[0-9]+", bare):
        if re.fullmatch(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}", bare):
            raise Unreadable("What the comma means is unclear. Write a point, or no separator.")
        bare = bare.replace(",", ".")
    pattern = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
    if len(bare) > MAX_NUMBER or not re.fullmatch(pattern, bare):
        raise Unreadable("Enter a whole number." if must_be_whole else "Enter a number.")
    number = Decimal(bare)
    is_integral = number == number.to_integral_value()
    if must_be_whole and not is_integral:
        raise Unreadable("Enter a whole number.")
    if is_integral and (must_be_whole or not re.search("[.eE]", bare)):
        return int(number)
    return exact_float(str(number))


def exact_float(text: str) -> float:
    """The number with the digits of this JSON text, refused where none could carry it."""
    try:
        return exact_json.number(text)
    except exact_json.Unfit as error:
        raise Unreadable("This number is too large or too small to be sent.") from error


def read_json(text: str) -> Any:
    """Any JSON value. Raises Unreadable."""
    try:
        value = json.loads(text, parse_float=exact_float, parse_constant=_refuse)
        json.dumps(value)  # nesting that can be read but not written
    except (ValueError, RecursionError) as error:
        raise Unreadable("This is not JSON. Text needs double quotes around it.") from error
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(word)


def words_for(leaf: Leaf, value: Any) -> str:
    """A value as a person reads it, for a field that is only shown."""
    if value is MISSING or value in (None, ""):
        return ""
    if leaf.is_secret:
        return MASK
    items = value if isinstance(value, list) and leaf.options else [value]
    words = []
    for item in items:
        index = index_of(leaf.options, item)
        if index is not None:
            words.append(leaf.options[index].label)
        elif isinstance(item, bool):
            words.append("Yes" if item else "No")
        else:
            text = item if isinstance(item, str) else exact_json.written(item)
            words.append(plain(text, 5000))
    return ", ".join(words)
