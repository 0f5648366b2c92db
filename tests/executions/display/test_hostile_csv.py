"""Any text in a cell: one row with as many cells, and none of them a formula."""

from __future__ import annotations

import csv
import io
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from executions.display.csv_lines import head, line, safe
from tests import hostile

SIGNS = "=+-@|%\N{MINUS SIGN}"
WIDE = "\N{FULLWIDTH EQUALS SIGN}\N{SMALL PLUS SIGN}\N{FULLWIDTH COMMERCIAL AT}"
STARTS = st.text(
    st.sampled_from(SIGNS + WIDE + " \t\r\n\0'\";,\u200b\u00a0\ufeff\u2028\u3164\u061c")
)
TEXTS = st.builds("{}{}".format, STARTS, hostile.STORED_TEXTS)
UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}
CELLS = TEXTS | st.none() | st.integers() | st.booleans()


def cells_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@hostile.examples(500)
@given(st.lists(CELLS, min_size=1, max_size=5))
@pytest.mark.fault("B12")
def test_any_cells_are_one_row_of_as_many(cells: list[Any]) -> None:
    rows = cells_of(line(cells))
    assert rows == [[safe(cell) for cell in cells]]
    line(cells).encode()


@hostile.examples(750)
@given(TEXTS)
@example("\u3164=1+1")
@pytest.mark.fault("B12")
def test_no_text_is_a_formula_in_any_spreadsheet(text: str) -> None:
    """Whether it trims spaces, drops what cannot be seen, or takes full-width signs for signs."""
    [[cell]] = cells_of(line([text]))
    seen = "".join(c for c in cell if unicodedata.category(c) not in UNSEEN and c != "\u3164")
    for first in (cell[:1], cell.strip()[:1], seen[:1]):
        assert unicodedata.normalize("NFKC", first)[:1] not in {*SIGNS, "\t", "\r", "\n"}
    kept = text.replace("\0", "")
    assert cell in (kept, f"'{kept}")


@hostile.examples(150)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_the_first_line_is_read_as_the_others_are(names: list[str]) -> None:
    assert head(names).encode("utf-8").decode("utf-8-sig") == line(names)
