"""The list as CSV: everything that matches, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import UTC

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.display import csv_lines
from executions.models import AuditEntry
from executions.web import download_limits
from providers.contract import Status
from tests.executions.conftest import NOW

pytestmark = pytest.mark.django_db


def table(response) -> list[dict[str, str]]:
    assert response["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"), newline="")))


def test_every_run_of_the_list_is_in_the_file_and_no_other(ana, put):
    for number in range(130):
        put(f"r{number}", Status.FAILED if number % 2 else Status.RUNNING, age=number)
    rows = table(ana.get("/executions.csv?lamp=failed"))
    assert [row["ref"] for row in rows] == [f"r{n}" for n in range(1, 130, 2)]
    assert {row["status"] for row in rows} == {"failed"}


def test_what_no_database_takes_in_the_address_is_no_error(ana, put):
    put("a", Status.FAILED)
    assert len(table(ana.get("/executions.csv?from=%00&not_account=a%00b"))) == 1
    said = AuditEntry.objects.get(action="runs.exported").detail["ignored"]
    assert "is not a time" in said[0] or "is not a time" in said[1]


def test_times_are_iso_in_utc_whatever_the_readers_zone(ana, put):
    put("a", Status.SUCCEEDED, started_at=NOW, finished_at=NOW)
    (row,) = table(ana.get("/executions.csv"))
    assert row["started_at"] == NOW.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert row["took_seconds"] == "0.0"


def test_a_spreadsheet_knows_the_letters_of_the_file(ana, put):
    put("a", Status.FAILED, name="Müller – Straße")
    response = ana.get("/executions.csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    file = b"".join(response)
    assert file.startswith(b"\xef\xbb\xbfid,")
    assert file.count(b"\xef\xbb\xbf") == 1
    assert "Müller – Straße" in file.decode("utf-8")


@pytest.mark.parametrize(
    "start",
    [
        *("=", "+", "-", "@", "\t", "\r", "\n", "|", "%"),
        *("＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "−"),
        *(
            "\u200b=",
            "\ufeff=",
            "\u00a0=",
            "\u202e-",
            "\u2800+",
            "\u3164@",
            "\u0301=",
            " \u200d ＝",
        ),
    ],
)
def test_no_cell_is_a_formula(start):
    assert csv_lines.safe(f"{start}HYPERLINK(1)") == f"'{start}HYPERLINK(1)"
    assert csv_lines.safe(-5) == "-5"  # a number of ours is a number
    for plain in ("plain = text", "\u200bplain", "3 - 2", "Ä", "'quoted'", ""):
        assert csv_lines.safe(plain) == plain


def test_provider_text_arrives_disarmed_and_quoted(ana, put):
    put("=1+1", Status.FAILED, name='=cmd|"/c calc"!A1', error="@SUM(1,2)\nsecond line")
    (row,) = table(ana.get("/executions.csv"))
    assert (row["ref"], row["name"]) == ("'=1+1", '\'=cmd|"/c calc"!A1')
    assert row["error"] == "'@SUM(1,2)"


def test_a_stranger_gets_an_empty_file(eve, put):
    put("secret")
    assert table(eve.get("/executions.csv")) == []
    assert eve.post("/executions.csv").status_code == 405


def test_an_export_is_in_the_audit_log_with_its_filter(ana, put):
    b"".join(ana.get("/executions.csv?lamp=failed"))
    entry = AuditEntry.objects.get(action="runs.exported")
    assert (entry.actor, entry.target) == ("ana", "?lamp=failed")


def test_it_is_read_piece_by_piece_by_short_queries_of_their_own(ana, put, monkeypatch):
    monkeypatch.setattr("executions.search.csv_rows.CHUNK", 10)
    for number in range(35):
        put(f"r{number}", age=number)
    response = ana.get("/executions.csv")
    with CaptureQueriesContext(connection) as queries:
        pieces = list(response)
    assert response.streaming
    assert max(piece.count(b"\r\n") for piece in pieces) <= 10
    assert len([each for each in queries if 'FROM "executions_execution"' in each["sql"]]) == 4
    assert not any("DECLARE" in each["sql"] or "BEGIN" in each["sql"] for each in queries)
    refs = [row["ref"] for row in csv.DictReader(io.StringIO(b"".join(pieces).decode("utf-8-sig")))]
    assert refs == [f"r{number}" for number in range(35)]


def test_one_person_begins_so_many_exports_a_minute_and_others_are_not_the_worse_for_it(
    ana, vik, put, monkeypatch
):
    put("a", Status.FAILED)
    now = [1000.0]
    monkeypatch.setattr(download_limits.time, "monotonic", lambda: now[0])
    for _ in range(download_limits.EXPORTS):
        assert len(table(ana.get("/executions.csv"))) == 1
        now[0] += 1
    refused = ana.get("/executions.csv")
    assert (refused.status_code, refused["Retry-After"]) == (429, "40")
    assert "20 exports within a minute, the most for one person" in refused.content.decode()
    assert len(table(vik.get("/executions.csv"))) == 1
    assert AuditEntry.objects.filter(actor="ana").count() == download_limits.EXPORTS
    now[0] += 40
    assert len(table(ana.get("/executions.csv"))) == 1
