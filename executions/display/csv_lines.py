"""Lines of CSV files, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable
from typing import Any

from providers.contract import shows

CONTENT_TYPE = "text/csv; charset=utf-8"
MARK = "\ufeff"  # without it a spreadsheet takes the file for one of its country's old encoding
SIGNS = frozenset("=+-@|%\N{MINUS SIGN}")  # with which a formula begins
BREAKS = frozenset("\t\r\n")  # which some spreadsheets drop before they look


class _Line:
    """A file for `csv` that keeps nothing: what is written is returned."""

    def write(self, text: str) -> str:
        return text


def line(cells: Iterable[Any]) -> str:
    """One line of a CSV file."""
    return str(csv.writer(_Line()).writerow([safe(cell) for cell in cells]))


def head(names: Iterable[str]) -> str:
    """The first line of a CSV file that is opened with CONTENT_TYPE."""
    return MARK + line(names)


def safe(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula. Only text can be one: our own numbers and
    times stay as they are."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = value.replace("\0", "")
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """By its first character that is seen, full-width and other forms of a sign included."""
    for char in text:
        if char in BREAKS:
            return True
        if shows(char):
            return not SIGNS.isdisjoint(unicodedata.normalize("NFKC", char)[:1])
    return False
