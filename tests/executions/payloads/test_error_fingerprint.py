"""Which error texts are the same error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.payloads.error_fingerprint import KEY_LENGTH, error_key, is_error_key, mask

SAME = {
    "numbers": ("Timeout to ERP after 30 s", "Timeout to ERP after 31.5 s"),
    "identifiers": ("Order ORD-17 not found", "Order ORD-2041 not found"),
    "mixed identifiers": ("Job a8f3k2l9 lost", "Job 77zz81ab lost"),
    "uuids": (
        "Run 6f1c1e0a-2b7e-4d8f-9d57-0a1b2c3d4e5f died",
        "Run 00000000-2b7e-4d8f-9d57-0a1b2c3d4e5f died",
    ),
    "dates": ("No rate for 2026-11-22", "No rate for 2026-11-23T10:00:00Z"),
    "dates in words": ("Closed since Nov 3 2026", "Closed since Dec 14 2026"),
    "times of day": ("Refused at 09:12:03", "Refused at 10:00:59"),
    "quoted values": ('Field "amount" is missing', "Field 'date' is missing"),
    "paths": ("Cannot read /data/in/a.csv", "Cannot read /data/out/2026/b.csv"),
    "windows paths": (r"Cannot read C:\in\a.csv", r"Cannot read D:\out\b.csv"),
    "addresses": (
        "No answer from https://erp.example.com/orders/17?x=1",
        "No answer from https://erp.example.com/orders/9",
    ),
    "case, space and a full stop": ("Connection  refused.", "connection refused"),
    "colours of a terminal": ("\x1b[31mdisk full\x1b[0m", "disk full"),
}
DIFFERENT = {
    "words": ("Timeout to ERP", "Timeout to CRM"),
    "answers of http": ("HTTP 404 from the archive", "HTTP 502 from the archive"),
    "answers by their phrase": ("404 Client Error: Not Found", "500 Server Error: Internal"),
    "codes of a database": ("ORA-12170: timeout", "ORA-01017: timeout"),
    "exit codes": ("exit code 1", "exit code 137"),
    "hosts": ("No answer from https://a.example.com/1", "No answer from https://b.example.com/1"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_differs_from_run_to_run_does_not_tell_errors_apart(one, other):
    assert mask(one) == mask(other)
    assert error_key(one) == error_key(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_tells_errors_apart_stays(one, other):
    assert error_key(one) != error_key(other)


def test_an_apostrophe_is_no_quote():
    assert mask("Can't open 'a.txt', it's gone") == "can't open <value>, it's gone"


def test_no_text_has_no_key():
    assert error_key("") == error_key(" \n ") == ""


@given(st.text())
def test_any_text_has_a_key_of_one_shape(text):
    key = error_key(text)
    assert key == "" or (is_error_key(key) and len(key) == KEY_LENGTH)


@given(st.text(alphabet="/\\'\"-:.0aA <#>", max_size=300))
def test_what_was_masked_stays_as_it_is_when_masked_again(text):
    assert "0" not in mask(text)
