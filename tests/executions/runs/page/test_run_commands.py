"""The page of one run, its log and its data, and what people may ask of it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from executions.models import Command, Execution, ExecutionDetail, LogEntry, Output
from executions.runs.page.output_download import clean_name
from providers import contract
from providers.contract import Status
from tests.pages import Page

pytestmark = pytest.mark.django_db


def step(number: int, status: Status = Status.SUCCEEDED, **more) -> contract.Step:
    return contract.Step(
        ref=f"s{number}", name=f"Step {number}", status=status, native_status="x", **more
    )


@pytest.fixture
def failed(put) -> Execution:
    steps = (*(step(n) for n in range(1, 230)), step(230, Status.FAILED, error="no <b>stock</b>"))
    return put(
        "r1", Status.FAILED, error="no stock", input={"order": 4711}, steps=steps, questions=(),
        outputs=(), offers=frozenset(),
    )  # fmt: skip


def test_the_error_stands_before_the_steps(ana, failed):
    text = ana.get(f"/executions/{failed.pk}/").content.decode()
    assert text.index("Why it failed") < text.index('id="steps"')
    assert "Ended by an error." in text
    assert "4711" in text


def test_of_many_steps_what_matters_comes_first_and_the_rest_is_folded(ana, failed):
    page = Page(ana.get(f"/executions/{failed.pk}/"))
    rows = page.all("tr[id^='step-']")
    assert len(rows) == 40
    assert "Step 230" in rows[0]
    assert "190 more hidden" in page
    whole = Page(
        ana.get(page.link("Show all 230 steps").replace("?", f"/executions/{failed.pk}/?"))
    )
    assert len(whole.all("tr[id^='step-']")) == 200


def test_steps_come_200_at_a_time_and_failed_ones_first_if_asked(ana, failed):
    def names(query: str) -> list[str]:
        page = Page(ana.get(f"/executions/{failed.pk}/{query}"))
        return [row.one("th").text for row in page.all("tr[id^='step-']")]

    first = names("?steps=failed")
    assert (len(first), first[:2]) == (200, ["Step 230", "Step 1"])
    whole = Page(ana.get(f"/executions/{failed.pk}/?steps=failed")).one("#steps table")
    assert "no <b>stock</b>" in whole
    assert "Step 230" not in names("?steps=order")
    assert len(names("?steps=failed&steps_page=2")) == 30


def test_a_run_of_another_team_is_not_there(eve, failed):
    for path in ("", "changes/", "log/", "log.txt", "input.json"):
        assert eve.get(f"/executions/{failed.pk}/{path}").status_code == 404
    assert eve.post(f"/executions/{failed.pk}/cancellation/").status_code == 404


def test_the_log_is_searched_whole_and_shown_around_a_line(ana, put):
    run = put("r1")
    LogEntry.objects.bulk_create(
        LogEntry(
            execution=run, seq=n + 1, text=f"line {n + 1}", level="error" if n == 9 else "info"
        )
        for n in range(2500)
    )
    last = Page(ana.get(f"/executions/{run.pk}/?tab=log"))
    assert last.has("#line-2500")
    assert not last.has("#line-1500")
    around = Page(ana.get(f"/executions/{run.pk}/?line=700"))
    assert around.one("li[aria-current]")["id"] == "line-700"
    found = Page(ana.get(f"/executions/{run.pk}/log/?log_q=line 12"))
    assert found.has("#line-12")
    assert len(found.all("[data-line]", "line 12")) == 111  # 12, 120-129 and 1200-1299
    assert len(found.all("[data-line]")) == 111 + 4 + 4 + 4  # and two lines around each stretch
    assert "111 lines with" in found
    errors = Page(ana.get(f"/executions/{run.pk}/log/?level=error"))
    assert len(errors.all("[data-line]")) == 1
    text = b"".join(ana.get(f"/executions/{run.pk}/log.txt?log_q=line 7").streaming_content)
    assert text.count(b"\n") == 111


@pytest.mark.fault("B11")
def test_a_large_value_is_only_begun_and_can_be_downloaded(ana, put):
    run = put("r1", steps=(), questions=(), outputs=(), output={"x": "y" * 200_000})
    text = ana.get(f"/executions/{run.pk}/?tab=data").content.decode()
    assert "Only the beginning is shown" in text
    assert len(text) < 60_000
    assert "as a tree" in text
    values = ana.get(f"/executions/{run.pk}/tree/output/").content.decode()
    assert values.count("y") < 10_000  # a text of 200,000 characters is cut in a tree
    whole = ana.get(f"/executions/{run.pk}/output.json")
    assert len(whole.content) > 200_000
    assert "attachment" in whole["Content-Disposition"]


def test_the_page_is_told_what_changed_and_else_nothing(ana, put):
    run = put("r1", steps=(step(1, Status.RUNNING),), questions=(), outputs=())
    page = ana.get(f"/executions/{run.pk}/").content.decode()
    stamp = page.split('data-stamp="')[1].split('"')[0]
    asked = f"/executions/{run.pk}/changes/?stamp={stamp}"
    assert ana.get(f"{asked}&log=0").status_code == 204
    put("r1", seq=2, steps=(step(1), step(2, Status.RUNNING)), questions=(), outputs=())
    LogEntry.objects.create(execution=run, seq=1, text="began", at=timezone.now())
    answer = ana.get(f"{asked}&log=0").content.decode()
    assert "Step 2" in answer
    assert 'hx-target="#log" ' in answer  # its first line brings the tools of a log
    LogEntry.objects.create(execution=run, seq=2, text="went on", at=timezone.now())
    answer = ana.get(f"{asked}&log=1").content.decode()
    assert 'hx-target="#log-lines" hx-swap="beforeend"' in answer
    assert "2 lines" in answer


# ----------------------------------------------------------------------------------- asking


def test_a_cancel_is_a_row_and_the_page_says_who_asked(ana, put):
    run = put("r1")
    answer = ana.post(f"/executions/{run.pk}/cancellation/", {"reason": "wrong order"}, follow=True)
    command = Command.objects.get()
    assert (command.kind, command.reason, command.state) == ("cancel", "wrong order", "pending")
    text = answer.content.decode()
    assert "Cancel requested" in text
    assert 'data-dialog="dialog-cancel" disabled' in text


@pytest.mark.fault("C1")
def test_the_same_form_sent_twice_is_one_wish(ana, put):
    run = put("r1")
    for _ in range(2):
        key = "5f8b1a52-37f3-4b41-9a51-1d3a3c1c8f10"
        ana.post(f"/executions/{run.pk}/cancellation/", {"key": key})
    assert Command.objects.count() == 1


def test_a_reason_that_is_too_long_is_refused_and_stays_in_its_dialog(ana, put):
    run, reason = put("r1"), "because " * 70
    page = ana.post(f"/executions/{run.pk}/cancellation/", {"reason": reason}, follow=True)
    assert "at most 500 can be kept" in page.content.decode()
    assert f'value="{reason}"' in page.content.decode()
    assert not Command.objects.exists()
    assert reason not in ana.get(f"/executions/{run.pk}/").content.decode()


def test_a_viewer_gets_no_button_and_no_way_around_it(vik, put):
    run = put("r1")
    assert "Cancel run" not in vik.get(f"/executions/{run.pk}/").content.decode()
    assert vik.post(f"/executions/{run.pk}/cancellation/").status_code == 403
    assert Command.objects.count() == 0


def test_only_what_the_provider_takes_now_has_a_button(ana, put):
    run = put("r1")
    text = ana.get(f"/executions/{run.pk}/").content.decode()
    assert "dialog-cancel" in text
    assert "dialog-suspend" not in text
    ended = put("r2", Status.SUCCEEDED, offers=frozenset())
    answer = ana.post(f"/executions/{ended.pk}/cancellation/", follow=True)
    assert Command.objects.count() == 0
    assert "messages" in answer.content.decode()


def test_a_link_with_a_script_in_it_is_not_a_link(ana, put):
    run = put("r1", url="javascript:alert(1)")
    assert "javascript:" not in ana.get(f"/executions/{run.pk}/").content.decode()


@pytest.mark.fault("B12")
def test_a_document_that_cannot_be_read_says_why(ana, put):
    run = put("r1")
    wanted = Output.objects.create(execution=run, ref="d", name="note.pdf")
    answer = ana.get(f"/executions/{run.pk}/outputs/{wanted.pk}/")
    assert answer.status_code == 502
    assert "could not be read" in answer.content.decode()


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../a.pdf", "a.pdf"), ("x\u202efdp.html", "xfdp.html.txt"), ("", "document")],
)
@pytest.mark.fault("B12")
def test_a_file_name_is_only_a_name(given, kept):
    assert clean_name(given) == kept


def test_the_detail_of_a_run_that_was_never_read_closer_is_no_error(ana, put):
    run = put("r1")
    ExecutionDetail.objects.filter(pk=run.pk).delete()
    assert ana.get(f"/executions/{run.pk}/").status_code == 200
