"""Any name of a provider's file: a name alone, in one line of a header."""

from __future__ import annotations

import unicodedata

import pytest
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from hypothesis import example, given
from hypothesis import strategies as st

from executions.runs.page.output_download import clean_name
from tests import hostile

PIECES = st.sampled_from(
    ["..", "/", "\\", "\r\n", "Set-Cookie: a=b", '"', "'", ";", "filename=", "%2e%2e%2f", "\u202e",
     "fdp", ".html", ".HTM", ".js", ".svg", ".exe", ".lnk", ".pdf", " ", ".", "\0", "\x7f", ":",
     "é", "e\u0301", "\ud800", "\u2028", "／", "\u2024", "x" * 130, "." * 130, "C:", "~", "-", "*"]
)  # fmt: skip
NAMES = st.lists(PIECES, max_size=10).map("".join) | hostile.TEXTS


@hostile.examples(750)
@given(NAMES)
@example("a." + "b" * 119)
@example("a" + " " * 9 + "b" * 119)
@pytest.mark.fault("B12")
def test_a_file_name_is_one_name_in_one_line(name: str) -> None:
    kept = clean_name(name)
    assert 0 < len(kept) <= 124
    assert not set('/\\:*?"<>|') & set(kept)
    assert not [char for char in kept if unicodedata.category(char)[0] == "C"]
    assert not kept.startswith((".", " "))
    assert not kept.endswith((".", " "))
    answer = HttpResponse(headers={"Content-Disposition": content_disposition_header(True, kept)})
    sent = answer["Content-Disposition"]
    assert sent.isascii()
    assert sent.isprintable()
    assert sent.startswith("attachment; filename")


@hostile.examples(250)
@given(NAMES, st.sampled_from(["html", "HTM", "svg", "js", "exe", "Bat", "lnk", "url", "xml"]),
       st.text(". \r\n\0\u202e/:", max_size=3))  # fmt: skip
def test_nothing_that_a_desktop_would_run_keeps_its_ending(
    name: str, ending: str, behind: str
) -> None:
    assert clean_name(f"{name}x.{ending}{behind}").endswith(".txt")
