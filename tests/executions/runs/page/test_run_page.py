"""The run page in full: time line, log, data, causes, relatives; small, large, odd and hostile."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions import database_clock
from executions.models import Command, Execution, ExecutionDetail, LogEntry, Step
from executions.runs.page.json_tree import tree
from executions.runs.page.log_line_rendering import parts_of
from executions.storage.typical_durations import measure
from providers import contract
from providers.contract import Status
from providers.models import ProviderAccount
from tests.executions.conftest import NOW, step
from tests.pages import Page, Part

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
HOSTILE = "<img src=x onerror=alert(1)>\u202e</td></tr>"


def shown(client, run: Execution, query: str = "") -> Page:
    answer = client.get(f"/executions/{run.pk}/{query}")
    assert answer.status_code == 200
    return Page(answer)


def part(page: Page, name: str) -> Part:
    """One section of the page."""
    return page.one(f"section#{name}")


def rows_of(page: Page) -> list[str]:
    """The names in the time line, as a reader has them; not the run's own row."""
    found = part(page, "steps").all("tr[id^='step-'] > th, tr[id^='group-'] > th")
    return [cell.text for cell in found]


def keys_of(page: Page) -> list[str]:
    """The groups of steps that can be opened."""
    return [each["data-key"] for each in page.all("[data-key]")]


def lines_of(part: Part) -> list[str]:
    """The numbers of the log lines."""
    return [each["data-line"] for each in part.all("[data-line]")]


def hits_of(part: Part) -> list[str]:
    """What is marked as found in the log."""
    return [each.text for each in part.all("[data-line] .hit")]


@pytest.fixture
def detailed(put):
    def stored(ref: str, status: Status = Status.RUNNING, **more: Any) -> Execution:
        return put(ref, status, **{"steps": (), "questions": (), "outputs": (), **more})

    return stored


@pytest.fixture
def large(detailed) -> Execution:
    """2,000 steps in 50 records of five batches; two of them failed."""
    steps = tuple(
        step(
            f"s{n}",
            Status.FAILED if n in (777, 1501) else Status.SUCCEEDED,
            start=n / 4,
            name=("Read", "Map", "Check", "Write")[n % 4],
            path=(f"Batch {n // 400}", f"Record {n // 40}"),
            error="no stock" if n in (777, 1501) else "",
            output={"row": n, "text": "z" * 60_000 if n < 300 else ""},
        )
        for n in range(2000)
    )
    return detailed("large", Status.FAILED, error="no stock", steps=steps)


# ------------------------------------------------------------------------------------- time line


def test_the_error_names_the_step_that_failed_and_leads_to_it(ana, large):
    failed = Step.objects.get(ref="s777")
    error = part(shown(ana, large), "run-error")
    assert error.links(f"?step={failed.pk}#step-{failed.pk}")
    assert "and in 1 more" in error
    there = shown(ana, large, f"?step={failed.pk}")
    assert there.has(f"tr#step-{failed.pk}[aria-current=true]")


def test_2000_nested_steps_are_a_few_rows_until_somebody_opens_a_group(ana, large):
    ana.get(f"/executions/{large.pk}/")  # sign-in and content types are read once
    with CaptureQueriesContext(connection) as queries:
        text = shown(ana, large)
    assert len(queries) <= 37
    assert len(text.source) < 60_000
    assert rows_of(text)[:4] == [
        "Batch 1 1 failed, 399 succeeded", "Map", "Batch 3 1 failed, 399 succeeded", "Map",
    ]  # fmt: skip
    assert "2000, 2 failed" in text
    key = keys_of(text)[0]
    opened = shown(ana, large, f"?turn={key}")
    assert "Record 19 1 failed, 39 succeeded" in rows_of(opened)
    assert opened.has("[aria-expanded=true]")
    assert part(opened, "steps")["data-keep"] == f"open={key}"
    assert not any("Record" in row for row in rows_of(shown(ana, large, f"?open={key}&turn={key}")))


def test_a_page_of_rows_stays_small_whatever_is_open(ana, large):
    page = shown(ana, large, "?steps=order")
    keys = set(keys_of(page))
    for _ in range(2):  # batches, then their records
        query = "?steps=order&" + "&".join(f"open={key}" for key in sorted(keys))
        page = shown(ana, large, query)
        keys |= set(keys_of(page))
    assert len(rows_of(page)) == 200
    assert page.has("nav[aria-label='Pages of steps']")
    assert len(page.source) < 250_000


def test_steps_of_one_name_are_one_row_with_a_count(ana, detailed):
    steps = [step("Begin", start=0)]
    steps += [step(f"l{n}", name="Load", start=1 + n, took=1) for n in range(40)]
    steps += [step(f"m{n}", name=f"map-{n:x}f", start=50, took=5) for n in range(5)]
    text = shown(ana, detailed("r", Status.SUCCEEDED, steps=tuple(steps)))
    assert rows_of(text)[:3] == ["Begin", "Load ×40 40 succeeded", "map ×5"]
    assert "up to 5 at a time" in text
    assert rows_of(text)[3] == "map-0f"  # five are few enough to be open


def test_a_block_has_its_own_row_and_its_steps_below_it(ana, detailed):
    steps = (
        step("Try", start=0, took=9),
        step("Book", start=1, path=("Try",)),
        step("Sub", start=2, path=("Try", "deep", "deeper")),
        step("again", name="Book", start=3, took=2, path=("Catch",)),
    )
    text = shown(ana, detailed("r", Status.SUCCEEDED, steps=steps))
    assert rows_of(text) == ["Try", "Book", "deep", "deeper", "Sub", "Catch", "Book"]
    assert text.has("[aria-expanded=true][aria-label=Try]")


def test_what_waits_is_drawn_hollow_and_idle_time_has_a_line(ana, detailed):
    begin = timezone.now() - timedelta(minutes=5)  # its line goes on to now
    steps = (
        step("first", start=0, took=10, since=begin),
        step("late", start=100, took=10, since=begin),
        step("asks", Status.USER_INPUT, start=120, since=begin),
    )
    run = detailed("r", Status.USER_INPUT, steps=steps, started_at=begin)
    text = part(shown(ana, run), "steps")
    assert len(text.all("tbody rect.gap")) == 2  # before two of them
    assert "1 m 30 s idle before" in text
    assert text.has("rect.needs_you.hollow")  # how a bar looks is its class
    assert len(text.all("thead svg text")) in range(2, 9)
    assert "UTC" in text


def test_the_run_itself_has_a_row_with_what_it_waited_for(ana, detailed):
    detailed("r", Status.QUEUED, started_at=None)
    detailed("r", Status.USER_INPUT, seq=2)
    run = detailed("r", Status.RUNNING, seq=3, steps=(step("a"),))
    with connection.cursor() as cursor:  # seen one minute after the other
        cursor.execute(
            "UPDATE executions_transition SET provider_time = NULL,"
            " observed_at = observed_at - (5 - version) * interval '1 minute'"
        )
    text = part(shown(ana, run), "steps")
    assert "queued 1 m 00 s, ran 2 m 0" in text
    assert "waited for a person 1 m 00 s" in text
    assert text.has("rect.needs_you.hollow")


def test_steps_are_found_by_their_outputs_errors_and_names(ana, detailed):
    steps = (
        step("Read", output={"order": "A-4711"}, path=("Batch",)),
        step("Write", Status.FAILED, error="A-4711 is locked"),
        step("Send"),
    )
    run = detailed("r", Status.FAILED, steps=steps)
    found = shown(ana, run, "?steps_q=a-4711")
    assert rows_of(found) == ["Batch Read", "Write"]
    assert "2 steps with" in found
    assert rows_of(shown(ana, run, "?steps_q=sen")) == ["Send"]
    nothing = shown(ana, run, "?steps_q=100%25_")  # no pattern of a database
    assert "0 steps with" in nothing


def test_a_large_output_of_a_step_comes_when_it_is_opened(ana, large):
    first = Step.objects.get(ref="s0")
    text = shown(ana, large, f"?step={first.pk}")
    assert "zzzz" not in text
    later = text.one(f"[hx-get='/executions/{large.pk}/steps/{first.pk}/']")
    assert later["hx-trigger"] == 'click, intersect once, toggle from:"closest details" once'
    whole = Page(ana.get(f"/executions/{large.pk}/steps/{first.pk}/", headers=HTMX))
    assert whole.source.count("z") < 3000
    assert "row" in whole
    bare = ana.get(f"/executions/{large.pk}/steps/{first.pk}/")
    assert bare["Location"].endswith(f"?step={first.pk}#step-{first.pk}")
    assert len(ana.get(f"/executions/{large.pk}/steps/{first.pk}.json").content) > 60_000


def test_tries_are_shown_where_the_provider_counts_them(ana, detailed):
    run = detailed("r", Status.FAILED, attempt=2, steps=(step("Post", attempt=3), step("Once")))
    text = shown(ana, run)
    assert "attempt 3" in text
    assert text.text.count("attempt ") == 1
    assert "Attempt 2" in text


# ------------------------------------------------------------------------------------------- log


LOG = """
    INSERT INTO executions_logentry (execution_id, seq, step_ref, at, level, text)
    SELECT %s, n, CASE WHEN n <= 500 THEN 's1' ELSE '' END, %s, CASE
        WHEN n IN (100, 20001, 40001) THEN 'error' WHEN n %% 2 = 0 THEN 'debug' ELSE 'info' END,
        'row ' || n || ' done'
    FROM generate_series(1, 50000) n
"""


@pytest.fixture
def logged(put) -> Execution:
    """50,000 lines, three of them errors."""
    run = put("log", Status.RUNNING)
    with connection.cursor() as cursor:
        cursor.execute(LOG, [run.pk, NOW])
    return run


def test_50000_lines_are_searched_whole_with_lines_around_the_finds(ana, logged):
    text = part(shown(ana, logged, "?log_q=row+20001+done"), "log")
    assert lines_of(text) == ["19999", "20000", "20001", "20002", "20003"]
    assert hits_of(text) == ["row 20001 done"]
    many = part(shown(ana, logged, "?log_q=done"), "log")
    assert "10,000+ lines with" in many
    assert len(hits_of(many)) == 200
    later = next(href for href, _ in many.links("?") if "log_from=" in href)
    assert "201" in lines_of(shown(ana, logged, later.partition("#")[0]))


def test_the_page_goes_from_error_to_error(ana, logged):
    text = part(shown(ana, logged, "?tab=log"), "log")
    assert text.link("First error") == "?line=100#line-100"
    assert "50,000 lines" in text
    assert len(lines_of(text)) == 1000
    there = part(shown(ana, logged, "?line=20001"), "log")
    assert there.link("Next error") == "?line=40001#line-40001"
    assert there.link("Previous error") == "?line=100#line-100"
    assert len(lines_of(there)) == 1000


def test_times_of_lines_stand_under_their_day_in_the_readers_zone(ana, put):
    run = put("r")
    ends = datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)
    LogEntry.objects.bulk_create(
        LogEntry(execution=run, seq=n + 1, at=ends + timedelta(seconds=n), text="x")
        for n in range(4)
    )
    text = part(shown(ana, run, "?tab=log"), "log")
    starts = [line.text.partition(" 20")[0] for line in text.all("[data-line]")]
    assert [start[:10] for start in starts[:2]] == ["Tue Nov 24", "Wed Nov 25"]
    assert not any(start.startswith("Wed") for start in starts[2:])
    assert "Tue Nov 24 2026 UTC" in text
    news = Page(ana.get(f"/executions/{run.pk}/changes/?stamp=old&tab=log&log=3"))
    assert "4" in lines_of(news)
    assert "Wed Nov 25" not in news.all("[data-line]")[0]


def test_a_level_and_a_step_leave_only_their_lines(ana, logged):
    assert len(lines_of(shown(ana, logged, "?level=error"))) == 3
    of_step = part(shown(ana, logged, "?log_step=s1"), "log")
    assert len(lines_of(of_step)) == 500
    assert "Only lines of the step" in of_step
    both = part(shown(ana, logged, "?log_step=s1&level=info&log_q=row 100 done"), "log")
    assert len(hits_of(both)) == 1


def test_the_download_is_what_the_filter_leaves(ana, logged):
    def lines(query: str) -> list[bytes]:
        answer = ana.get(f"/executions/{logged.pk}/log.txt{query}")
        return list(b"".join(answer.streaming_content).splitlines())

    assert len(lines("")) == 50_000
    assert len(lines("?level=error")) == 3
    assert lines("?line=7")[0].endswith(b"row 7 done")


def test_a_search_that_takes_too_long_says_so(ana, logged, monkeypatch):
    monkeypatch.setattr("executions.search.statement_timeout.SECONDS", 0.001)
    text = shown(ana, logged, "?log_q=nothing is called this&steps_q=x")
    assert "was stopped" in part(text, "log")


def test_a_search_by_htmx_changes_the_address_of_the_page(ana, logged):
    answer = ana.get(f"/executions/{logged.pk}/log/?log_q=row 7&open=b1-0", headers=HTMX)
    assert answer["HX-Replace-Url"] == f"/executions/{logged.pk}/?open=b1-0&log_q=row+7"
    assert part(Page(answer), "log")["data-keep"] == "log_q=row+7"


def test_colours_of_a_terminal_are_names_and_other_codes_are_gone():
    assert parts_of("\x1b[1;31mbad\x1b[0m ok") == [("ansi-bold ansi-red", "bad"), ("", " ok")]
    assert parts_of("a\x1b[2Kb\x1b]0;title\x07c") == [("", "a"), ("", "b"), ("", "c")]
    assert parts_of("\x1b[38;5;31mx") == [("", "x")]
    assert parts_of("a+b A+B", "a+b") == [("hit", "a+b"), ("", " "), ("hit", "A+B")]
    assert len(parts_of("\x1b[31mx\x1b[0m" * 5000)) < 500
    assert parts_of("\x07") == [("", "⟨U+0007⟩")]


def test_a_very_long_line_is_cut_and_can_be_had_whole(ana, put):
    run = put("r")
    LogEntry.objects.create(execution=run, seq=1, text="w" * 15_000)
    text = shown(ana, run, "?tab=log")
    assert text.source.count("w" * 4000) == 1
    assert "11000 more characters" in text
    whole = b"".join(ana.get(f"/executions/{run.pk}/log.txt?line=1").streaming_content)
    assert len(whole) > 15_000


# ------------------------------------------------------------------------------------------ data


def test_small_values_are_trees_and_larger_ones_come_when_opened(ana, detailed):
    run = detailed(
        "r", input={"order": {"lines": [{"id": 1}, {"id": 2}]}}, output=["row"] * 3000, raw={"a": 1}
    )
    text = part(shown(ana, run, "?tab=data"), "data")
    assert text.has("summary, li", "order")
    assert "3,000 entries" not in text
    later = Page(ana.get(f"/executions/{run.pk}/tree/output/"))
    assert "3,000 entries" in later
    assert "2,800 more" in later
    assert Page(ana.get(f"/executions/{run.pk}/tree/raw/")).has("li", "a 1")
    assert ana.get(f"/executions/{run.pk}/tree/nothing/").status_code == 404


def test_a_5_mb_output_leaves_the_page_small_and_says_what_is_kept(ana, detailed):
    run = detailed("r", output={"rows": ["x" * 1000] * 5200})
    text = shown(ana, run, "?tab=data")
    assert len(text.source) < 60_000
    assert "5.0 MB, too large to store" in text
    assert "at the provider" in text


def test_a_value_of_more_than_a_megabyte_is_a_beginning_and_a_download(ana, detailed):
    run = detailed("r")
    ExecutionDetail.objects.filter(execution=run).update(output={"rows": ["x" * 1000] * 1100})
    text = part(shown(ana, run, "?tab=data"), "data")
    assert "too large for a page" in text
    assert text.has("details")
    assert len(text.markup) < 12_000
    assert len(ana.get(f"/executions/{run.pk}/tree/output/").content) < 10_000
    assert len(ana.get(f"/executions/{run.pk}/output.json").content) > 1_100_000


@pytest.mark.parametrize(
    "value", [0, False, "", None, [], {}, [[]], {"": None}, "text", 1.5, [None, True], {"a": {}}]
)
def test_every_json_value_has_a_tree(value):
    pieces = tree(value).pieces
    opened = sum(piece.kind == "open" for piece in pieces)
    assert opened == sum(piece.kind == "close" for piece in pieces)
    assert pieces


def test_trees_are_bounded_in_depth_width_and_size():
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]
    assert len(tree(deep).pieces) < 40
    wide = tree({str(n): n for n in range(100_000)})
    assert len(wide.pieces) < 210
    assert wide.is_cut
    assert len(tree([[list(range(150))] * 150] * 150).pieces) < 2600


# ------------------------------------------------------------------------------ causes, relatives


def command(run: Execution, kind: str = "cancel", **more: Any) -> Command:
    ana = User.objects.get(username="ana")
    given = {"version_at_send": 1, "requested_by": ana, "reason": "wrong day", **more}
    return Command.objects.create(
        kind=kind, account=run.account, execution=run, target=f"run:{run.pk}", **given
    )


def test_a_status_says_which_command_it_came_after(ana, detailed):
    run = detailed("r", Status.RUNNING)
    now = timezone.now()
    asked = command(run, requested_at=now, sent_at=now, accepted_at=now, state="accepted")
    detailed("r", Status.FAILED, seq=2)
    Command.objects.update(state="confirmed", settled_at=timezone.now())
    text = part(shown(ana, run, "?tab=history"), "history")
    assert text.link("failed after cancel requested by ana") == f"#command-{asked.key}"
    assert "seen by a poll" in text
    assert text.has(f"#command-{asked.key}")
    assert "wrong day" in text


def test_only_what_was_seen_while_a_command_was_under_way_came_after_it(ana, detailed):
    run = detailed("r", Status.RUNNING)
    detailed("r", Status.PAUSED, seq=2)
    at = database_clock.now()
    command(run, "resume", requested_at=at, sent_at=at, state="confirmed", version_at_send=0)
    detailed("r", Status.RUNNING, seq=3)
    Command.objects.update(settled_at=database_clock.now())
    detailed("r", Status.PAUSED, seq=4)
    text = part(shown(ana, run, "?tab=history"), "history")
    moves = text.all("tr[id^='move-']")
    assert ["after resume requested by ana" in move for move in moves] == [
        False,
        True,
        False,
        False,
    ]


def test_a_requested_command_is_said_to_be_requested_once(ana, detailed):
    run = detailed("r", Status.RUNNING)
    command(run)
    page = shown(ana, run)
    head = page.one("#run-head")
    assert "Cancel requested" in head
    assert "requested requested" not in head
    assert "ana requested cancel (“wrong day”), waiting to be sent" in page.one("#notes")


def test_a_command_that_came_too_late_is_no_cause(ana, detailed):
    run = detailed("r", Status.RUNNING)
    command(run, requested_at=timezone.now(), sent_at=timezone.now(), state="accepted")
    detailed("r", Status.SUCCEEDED, seq=2)
    Command.objects.update(state="rejected", settled_at=timezone.now())
    assert "the cancel requested by ana came too late" in part(
        shown(ana, run, "?tab=history"), "history"
    )


@pytest.mark.fault("C8")
def test_a_command_of_more_than_two_minutes_is_not_confirmed_and_says_what_to_do(ana, detailed):
    run = detailed("r", Status.RUNNING)
    at = timezone.now() - timedelta(seconds=100)
    asked = command(run, requested_at=at, sent_at=at, accepted_at=at, state="accepted")
    text = shown(ana, run)
    assert "Cancel accepted, not confirmed yet" in text
    stamp = text.stamp
    Command.objects.filter(pk=asked.pk).update(requested_at=at - timedelta(seconds=30))
    assert ana.get(f"/executions/{run.pk}/changes/?stamp={stamp}").status_code == 200
    text = shown(ana, run)
    assert "Cancel not confirmed by the provider" in text
    assert "Check at the provider" in text


def test_history_goes_on_beyond_a_page(ana, detailed):
    run = detailed("r", Status.RUNNING)
    for turn in range(120):
        now = Status.PAUSED if turn % 2 else Status.RUNNING
        run = detailed("r", now, seq=turn + 2)
    for turn in range(105):
        at = timezone.now() - timedelta(hours=1, seconds=turn)
        command(run, "suspend", requested_at=at, state="rejected", reason=f"reason {turn}")
    text = part(shown(ana, run, "?tab=history"), "history")
    assert len(text.all("[id^='move-']")) == 100
    assert len(text.all("[id^='command-']")) == 100
    older = [href.partition("#")[0] for href, said in text.links("?") if said == "Older"]
    assert len(older) == 2
    moves = part(shown(ana, run, older[0]), "history")
    assert len(moves.all("[id^='move-']")) == 20
    commands = part(shown(ana, run, older[1]), "history")
    assert "reason 104" in commands
    assert "reason 103" not in text


def test_the_newest_runs_of_the_workflow_and_its_median_stand_beside_a_run(ana, put):
    for n in range(12):
        put(f"old{n}", Status.SUCCEEDED, age=100 - n, finished_at=NOW - timedelta(minutes=100 - n)
            + timedelta(seconds=12))  # fmt: skip
    measure(list(Execution.objects.values_list("pk", flat=True)))
    run = put("r", Status.SUCCEEDED, age=1, finished_at=NOW - timedelta(seconds=46))
    text = shown(ana, run)
    assert "usually 12 s, median of its last 12 successes" in part(text, "related")
    strip = part(text, "related")
    assert [href for href, said in strip.links("/executions/") if "12 s" in said] == [
        f"/executions/{each.pk}/"
        for each in Execution.objects.exclude(pk=run.pk).order_by("sort_at")
    ]
    assert strip.one("rect title", "This run").text.endswith("14 s")
    assert "14 s. A run usually takes 12 s." in text
    slow = shown(ana, put("slow", Status.RUNNING, age=30))
    assert "overdue: usually 12 s, overdue after 1 m 00 s" in slow
    assert slow.has("[title*='Overdue after 1 m 00 s: twice the usual time, at least 60 s']")


def test_a_run_and_the_runs_it_started_lead_to_each_other(ana, detailed):
    child = detailed("child", Status.SUCCEEDED, name="the child")
    parent = detailed("parent", name="the parent", steps=(step("Call", run_ref="child"),))
    assert part(shown(ana, parent), "related").links(f"/executions/{child.pk}/")
    call = Step.objects.get(name="Call")
    assert shown(ana, child).links(f"/executions/{parent.pk}/?step={call.pk}#step-{call.pk}")
    other = ProviderAccount.objects.create(name="Other", provider="generio")
    Execution.objects.filter(pk=parent.pk).update(account=other)
    assert "Started by" not in shown(ana, child)  # refs say nothing beyond their account


# ------------------------------------------------------------------------------- odd and hostile


def test_a_run_without_anything_is_a_page_that_says_so(ana, put):
    run = put("r", Status.QUEUED, started_at=None)
    assert "No steps yet" in shown(ana, run)
    assert "No log yet" in shown(ana, run, "?tab=log")
    assert "No input, output or document" in shown(ana, run, "?tab=data")


def test_words_of_the_address_that_make_no_sense_are_passed_over(ana, large, logged):
    query = (
        "?steps=sideways&steps_page=0&open=%00&open=nothing&shut=..&step=9999999999999999&line=-1"
        "&log_q=%00&level=loud&log_from=x&moves_before=x&commands_before=tomorrow&log_step=%00"
    )
    for run in (large, logged):
        shown(ana, run, query)
        far = shown(ana, run, "?steps_page=99999&line=999999999&step=1&log_from=9999999")
        assert far.has("section#log")


def test_hostile_names_paths_values_and_lines_are_text(ana, detailed):
    bad = {HOSTILE: [HOSTILE, {HOSTILE: HOSTILE}]}
    steps = tuple(
        step(f"s{n}", Status.FAILED, name=HOSTILE, path=(HOSTILE,) * (n * 9), error=HOSTILE,
             output=bad, run_ref=HOSTILE, status_reason=HOSTILE[:60])
        for n in range(6)
    )  # fmt: skip
    run = detailed("r", Status.FAILED, error=HOSTILE, steps=steps, input=bad, output=bad, raw=bad)
    LogEntry.objects.create(execution=run, seq=1, text=f"\x1b[31m{HOSTILE}", step_ref="s0")
    command(run, reason=HOSTILE)
    first = Step.objects.filter(execution=run).first()
    assert first is not None
    pages = [
        shown(ana, run).source,
        shown(
            ana, run, f"?steps_q={HOSTILE[:28]}&log_q=img&open={HOSTILE[:28]}&log_step=s0"
        ).source,
        ana.get(f"/executions/{run.pk}/tree/raw/").content.decode(),
        ana.get(f"/executions/{run.pk}/steps/{first.pk}/", headers=HTMX).content.decode(),
    ]
    for text in pages:
        assert "<img" not in text
        assert "\u202e" not in text


def test_a_step_that_ran_when_its_run_was_canceled_was_interrupted(ana, detailed):
    run = detailed("r", Status.CANCELED, steps=(step("Load", Status.RUNNING),))
    assert "Interrupted" in part(shown(ana, run), "steps")


def test_a_stale_account_lets_no_step_go_on(ana, detailed, account):
    run = detailed("r", Status.RUNNING, steps=(step("Load", Status.RUNNING),))
    ProviderAccount.objects.update(last_success_at=NOW - timedelta(hours=3), health="failing")
    text = shown(ana, run)
    assert "Was running" in part(text, "steps")
    assert not part(text, "steps").has("[data-since]")


def test_deep_paths_do_not_break_the_page(ana, detailed):
    steps = tuple(step(f"s{n}", path=tuple(str(k) for k in range(900))) for n in range(3))
    text = shown(ana, detailed("r", Status.SUCCEEDED, steps=steps))
    assert rows_of(text)[-1] == "s2"


def test_absurd_times_are_drawn_as_far_as_they_can(ana, detailed):
    times = ("0001-01-02T00:00:00+00:00", "9999-12-30T00:00:00+00:00", "1970-01-01T00:00:00+00:00")
    steps = tuple(
        contract.Step(ref=t, name=t, status=Status.SUCCEEDED, native_status="x",
                      started_at=datetime.fromisoformat(t), finished_at=NOW)
        for t in times
    )  # fmt: skip
    text = shown(ana, detailed("r", Status.SUCCEEDED, steps=steps))
    assert len(rows_of(text)) == 3


def test_live_news_keep_what_a_person_has_opened_and_searched(ana, large):
    text = shown(ana, large)
    key = keys_of(text)[0]
    kept = f"open={key}&steps=order"
    answer = Page(ana.get(f"/executions/{large.pk}/changes/?stamp=old&{kept}"))
    assert rows_of(answer)[0].startswith("Batch 0")
    assert answer.has("[aria-expanded=true]")
    assert part(answer, "steps")["data-keep"] == f"steps=order&open={key}"


def test_raw_is_shown_as_it_is_stored_with_its_secrets_masked(ana, detailed):
    run = detailed("r", raw={"id": 7, "api_key": "made-up-key-123"})
    text = ana.get(f"/executions/{run.pk}/tree/raw/").content.decode()
    assert "[redacted]" in text
    assert "made-up-key-123" not in text
    assert json.loads(ana.get(f"/executions/{run.pk}/raw.json").content)["id"] == 7
