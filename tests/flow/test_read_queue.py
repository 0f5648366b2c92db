"""What is read run by run: what an open page shows, what a poll left over, and the history."""

from __future__ import annotations

import importlib
import threading
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from executions import tasks
from executions.access import api_tokens
from executions.models import (
    Execution,
    ExecutionDetail,
    LastAsked,
    PollRun,
    Question,
    Rank,
    Reading,
    Step,
)
from executions.polling import read_queue, read_queue_worker, schedule
from providers.adapters.flow8 import Flow8
from providers.contract import Pace, Snapshot
from providers.http import rate_limit
from providers.http.rate_limit import Bucket
from providers.models import ProviderAccount

LONG_AGO = 30 * 3600.0  # seconds


@pytest.fixture
def page(ana) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def poll_alone(desk) -> None:
    """One poll without the readers, which are processes of their own."""
    ProviderAccount.objects.filter(pk=desk.account.pk).update(lease_until=None)
    seq = schedule.claim(desk.account.pk)
    tasks.poll(desk.account.pk, seq)


def at_once(work: Any, desk) -> threading.Thread:
    """As a worker does it, beside everything else."""

    def run() -> None:
        work(desk)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def poll_alone_until(desk, ref: str) -> None:
    """Poll in a thread, as a worker does, until the list has told of this run."""
    polled = at_once(poll_alone, desk)
    while not desk.status(ref) and polled.is_alive():
        time.sleep(0.05)
    found = desk.status(ref)
    polled.join()
    assert found


def read(desk) -> None:
    tasks.read_due(desk.account.pk)


def reads_of(desk, ref: str) -> int:
    """How often the provider was asked for this run."""
    return sum(entry["path"].endswith(f"/{ref}") for entry in desk.sim.log)


def steps_of(ref: str) -> list[Any]:
    return list(Step.objects.filter(execution__ref=ref).values_list("ref", "status"))


def turn_back(**ages: timedelta) -> None:
    """As if everything that is to be read had been asked for so much earlier."""
    now = timezone.now()
    Reading.objects.update(**{name: now - age for name, age in ages.items()})


def old_runs(desk, scenario: str, number: int) -> list[str]:
    ago = "ago" if desk.account.provider in ("flow8", "eightx8") else "age"
    return [desk.begin(scenario, **{ago: LONG_AGO + n}) for n in range(number)]


def api(desk, ana) -> Any:
    headers = {"Authorization": f"Bearer {api_tokens.issue(ana)}"}
    client = Client()

    def call(method: str, path: str) -> Any:
        return client.generic(method, f"/api/v1/{path}", headers=headers)

    return call


# ------------------------------------------------------------------------------- open pages


@pytest.fixture
def running(open_desk) -> Any:
    """A flow8 play whose list row says RUN for a long while, with one step after the other."""
    desk = open_desk("flow8", speed=1)
    ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(ref) == "running" and steps_of(ref))
    return desk, ref


def next_step(desk, ref: str) -> None:
    """The engine goes on by one step; the play stays in its state."""
    desk.sim.world.runs[ref].proceed()


def test_a_page_that_is_open_shows_the_steps_of_a_run_whose_status_stands_still(running, page):
    desk, ref = running
    address = f"/executions/{desk.run(ref).pk}/"
    page.get(address)
    read(desk)
    before = steps_of(ref)
    next_step(desk, ref)
    turn_back(due_at=timedelta(seconds=1))
    read(desk)
    assert steps_of(ref) != before
    assert desk.status(ref) == "running"
    news = page.get(f"{address}changes/").content.decode()
    assert all(step.name in news for step in Step.objects.filter(execution__ref=ref))


def test_a_run_that_no_page_shows_any_more_is_not_read_for_one(running, page):
    desk, ref = running
    page.get(f"/executions/{desk.run(ref).pk}/")
    read(desk)
    assert Reading.objects.filter(execution__ref=ref).exists()
    turn_back(watched_until=timedelta(seconds=1), due_at=timedelta(seconds=1))
    read(desk)
    before = reads_of(desk, ref)
    read(desk)
    assert reads_of(desk, ref) == before
    assert not Reading.objects.exists()


def test_a_page_goes_on_watching_by_asking_what_is_new(running, page):
    desk, ref = running
    address = f"/executions/{desk.run(ref).pk}/"
    page.get(address)
    turn_back(watched_until=timedelta(seconds=1))
    page.get(f"{address}changes/")
    assert Reading.objects.get().watched_until > timezone.now()


def test_several_pages_that_show_one_run_cost_one_reading(running, ana):
    desk, ref = running
    pages = [Client() for _ in range(5)]
    for each in pages:
        each.force_login(ana)
        each.get(f"/executions/{desk.run(ref).pk}/")
    before = reads_of(desk, ref)
    desk.account.refresh_from_db()
    Reading.objects.update(watched_until=timezone.now() + timedelta(milliseconds=1))
    time.sleep(0.01)
    read(desk)
    assert reads_of(desk, ref) == before + 1


def test_a_run_that_nobody_watches_is_read_again_at_a_slower_pace(running, monkeypatch):
    desk, ref = running
    monkeypatch.setattr(desk.account.adapter_class, "pace", Pace(open_every=timedelta(seconds=3)))
    before = reads_of(desk, ref)
    LastAsked.objects.update(at=timezone.now())
    for _ in range(9):
        LastAsked.objects.update(at=F("at") - timedelta(seconds=1))
        poll_alone(desk)
    assert before + 3 <= reads_of(desk, ref) <= before + 5


def test_thirty_pages_opened_in_a_row_are_all_read(open_desk, page):
    desk = open_desk("flow8", speed=1)
    refs = [desk.begin("long_running") for _ in range(30)]
    desk.poll_until(lambda: Execution.objects.count() == 30)
    Reading.objects.all().delete()
    for run in Execution.objects.all():
        page.get(f"/executions/{run.pk}/")
    Reading.objects.update(watched_until=timezone.now())  # and closed again
    turn_back(asked_at=timedelta(hours=1))  # the workers were busy with others
    before = {ref: reads_of(desk, ref) for ref in refs}
    read(desk)
    assert all(reads_of(desk, ref) > before[ref] for ref in refs)
    assert not Reading.objects.exists()


def test_a_run_whose_server_fails_keeps_its_place_and_does_not_hold_up_others(open_desk, page):
    desk = open_desk("flow8", speed=1)
    broken, fine = desk.begin("long_running"), desk.begin("long_running")
    desk.poll_until(lambda: desk.status(broken) and desk.status(fine))
    read_queue.ask([desk.run(broken).pk, desk.run(fine).pk], Rank.PERSON)
    desk.sim.fault("error", path=f"/api/plays/{broken}")
    read(desk)
    assert [row.execution.ref for row in Reading.objects.all()] == [broken]
    desk.sim.fault("ok")
    turn_back(due_at=timedelta(seconds=1))
    read(desk)
    assert not Reading.objects.exists()


def test_a_page_that_shows_a_run_which_cannot_be_read_does_not_ask_for_it_again_and_again(
    running, page
):
    desk, ref = running
    address = f"/executions/{desk.run(ref).pk}/"
    page.get(address)
    desk.sim.fault("html", path=f"/api/plays/{ref}")
    for _ in range(3):
        read(desk)
        page.get(f"{address}changes/")
    before = reads_of(desk, ref)
    read(desk)
    assert reads_of(desk, ref) == before
    turn_back(due_at=timedelta(seconds=1))
    read(desk)
    assert reads_of(desk, ref) == before + 1


def test_readers_wait_as_long_as_the_provider_asks(running):
    desk, ref = running
    read_queue.ask([desk.run(ref).pk], Rank.PERSON)
    desk.sim.fault("throttled", seconds=30)
    read(desk)
    desk.sim.fault("ok")
    asked = len(desk.sim.log)
    read(desk)
    assert len(desk.sim.log) == asked
    assert desk.account.pk not in read_queue.due_accounts()
    desk.account.refresh_from_db()
    assert desk.account.quiet_until > timezone.now() + timedelta(seconds=20)
    assert Reading.objects.exists()


# --------------------------------------------------------------------------------- discovery


def test_a_new_run_is_stored_although_the_reading_of_another_breaks_the_poll(open_desk):
    desk = open_desk("smartflows", speed=1)
    first = desk.begin("one_round_form")
    desk.poll_until(lambda: desk.status(first) == "user_input")
    second = desk.begin("one_round_form")
    desk.sim.world.runs[second].proceed()
    desk.sim.fault("down", path="/api/v1/flows/executions/", method="GET")
    poll_alone(desk)
    assert desk.status(second) != ""


def test_a_new_run_is_found_while_thirty_open_pages_want_more_than_the_rate(
    open_desk, page, settings, monkeypatch
):
    desk = open_desk("flow8", speed=1)
    for _ in range(30):
        desk.begin("long_running")
    desk.poll_until(lambda: Execution.objects.count() == 30)
    settings.ANNUNCIATOR_PACE = 0.5  # five requests a second, where the pages want thirty
    for run in Execution.objects.all():
        page.get(f"/executions/{run.pk}/")
    monkeypatch.setattr(read_queue, "SOON", timedelta(seconds=6))
    monkeypatch.setattr(read_queue_worker, "SLICE", 8.0)
    at_work = [at_once(read, desk) for _ in range(30)]  # every page has called one
    time.sleep(4)  # the burst is used up
    ref = desk.begin("long_running")
    began = time.monotonic()
    poll_alone_until(desk, ref)
    took = time.monotonic() - began
    for each in at_work:
        each.join()
    assert took < 8


def test_readings_leave_a_part_of_the_rate_to_discovery(monkeypatch):
    """At 20 a second with a burst of 20, readers that ask without end leave five for a poll."""
    now = [1000.0]
    clock = SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds + 1e-6)
    )
    monkeypatch.setattr(rate_limit, "time", clock)
    bucket = Bucket(20, burst=20)
    for _ in range(15):
        bucket.wait(0.25)
    for _ in range(5):
        bucket.wait()
    assert now == [1000.0]
    bucket.wait(0.25)
    assert now[0] > 1000.2


# ----------------------------------------------------------------------------------- history


@pytest.mark.parametrize(
    ("key", "scenario", "status"),
    [
        ("generio", "partial_output_error", "warning"),
        ("eightx8", "faulted", "failed"),
        ("flow8", "quick_done", "succeeded"),
        ("smartflows", "quick_success", "succeeded"),
    ],
)
def test_runs_that_ended_before_the_account_was_added_are_read_and_judged(
    open_desk, key, scenario, status
):
    desk = open_desk(key)
    refs = old_runs(desk, scenario, 3)
    poll_alone(desk)
    assert all(desk.status(ref) for ref in refs)
    assert not ExecutionDetail.objects.exists()
    read(desk)
    assert {desk.status(ref) for ref in refs} == {status}
    assert ExecutionDetail.objects.count() == 3
    assert key == "generio" or all(steps_of(ref) for ref in refs)


def test_of_long_ago_only_what_did_not_end_well_is_read_and_the_rest_when_it_is_opened(
    open_desk, page
):
    desk = open_desk("flow8")
    ProviderAccount.objects.update(covered_since=timezone.now() - timedelta(days=30))
    month = 20 * 86400.0
    good, bad = (desk.begin(name, ago=month) for name in ("quick_done", "failing"))
    recent = desk.begin("quick_done", ago=3 * 86400.0)
    poll_alone(desk)
    read(desk)
    assert (desk.status(good), desk.status(bad)) == ("succeeded", "failed")
    assert desk.run(bad).error_summary
    assert steps_of(bad)
    assert steps_of(recent)
    assert not steps_of(good)
    Execution.objects.filter(ref=good).update(observed_at=timezone.now() - timedelta(hours=1))
    page.get(f"/executions/{desk.run(good).pk}/")
    read(desk)
    assert steps_of(good)


def test_what_a_list_row_cannot_judge_is_read_before_the_rest_of_the_history(open_desk):
    desk = open_desk("eightx8")
    undecided = old_runs(desk, "faulted", 2)
    old_runs(desk, "quick_success", 2)
    poll_alone(desk)
    ranks = dict(Reading.objects.values_list("execution__ref", "rank"))
    first = {ref for ref, rank in ranks.items() if rank == Rank.POLL.value}
    assert first == set(undecided)
    assert len(ranks) == 4


def test_of_an_account_that_is_new_what_goes_on_is_read_before_what_has_ended(open_desk):
    desk = open_desk("smartflows")
    ProviderAccount.objects.update(covered_since=timezone.now() - timedelta(days=30))
    for number in range(6):
        desk.begin("quick_success", age=600.0 + number)
    ref = desk.begin("one_round_form", seconds=6000)
    desk.sim.start("long_running", seconds=6000)
    time.sleep(0.5)
    poll_alone(desk)
    asked = [each["path"] for each in desk.sim.log if each["path"].endswith("/progress")]
    assert any(ref in path for path in asked[:2])


def test_the_account_page_says_how_much_of_the_history_has_been_read(open_desk, page):
    desk = open_desk("generio")
    old_runs(desk, "optimize_success", 12)
    poll_alone(desk)
    address = f"/accounts/{desk.account.pk}/"
    assert "0 of 12" in page.get(address).content.decode()
    read_queue.finish(read_queue.next_due(desk.account.pk, [Rank.HISTORY], 5), timedelta(0))
    assert "5 of 12" in page.get(address).content.decode()
    read(desk)
    assert "12 of 12" in page.get(address).content.decode()


def test_history_is_read_newest_first_and_goes_on_where_a_worker_stopped(open_desk, monkeypatch):
    desk = open_desk("generio")
    refs = old_runs(desk, "optimize_success", 12)  # the first one is the newest
    poll_alone(desk)
    desk.sim.fault("down", path=f"/flows/{refs[7]}")
    read(desk)
    read_so_far = set(ExecutionDetail.objects.values_list("execution__ref", flat=True))
    assert set(refs[:5]) <= read_so_far < set(refs)
    desk.sim.fault("ok")
    read_queue.release(desk.account.pk)
    turn_back(due_at=timedelta(seconds=1))
    read(desk)
    assert ExecutionDetail.objects.count() == 12
    assert all(reads_of(desk, ref) == 1 for ref in refs[:5])


def test_a_later_poll_reads_no_run_that_waits_for_its_reader(open_desk):
    desk = open_desk("eightx8")
    refs = old_runs(desk, "faulted", 3)
    poll_alone(desk)
    assert {desk.status(ref) for ref in refs} == {"unknown"}
    poll_alone(desk)
    instances = [ref.rpartition("/")[2] for ref in refs]
    assert sum(reads_of(desk, each) for each in instances) == 0


@pytest.fixture
def turned(open_desk) -> Any:
    """A flow8 play stored as running, which has come to its approval since."""
    desk = open_desk("flow8", speed=1)
    ref = desk.begin("approval")
    desk.poll_until(lambda: desk.status(ref) == "running")
    while desk.sim.world.runs[ref].status != "WAIT":
        desk.sim.world.runs[ref].proceed()
    return desk, ref


def last_outcome(desk) -> str:
    rows = PollRun.objects.filter(account=desk.account).order_by("-poll_seq")
    return rows.values_list("outcome", flat=True)[0]


def test_a_poll_reads_what_a_reader_that_died_has_left_lying_and_nobody_reads_it_twice(turned):
    desk, ref = turned
    read_queue.claim(desk.account.pk)  # by a worker that dies with it
    read_queue.ask([desk.run(ref).pk], Rank.POLL, log=False)
    poll_alone(desk)
    assert (desk.status(ref), last_outcome(desk)) == ("running", "partial")
    turn_back(due_at=timedelta(seconds=11), asked_at=timedelta(seconds=11))
    poll_alone(desk)
    assert (desk.status(ref), last_outcome(desk)) == ("user_input", "ok")
    assert not Reading.objects.exists()


def test_what_is_asked_for_while_a_poll_reads_it_is_read_once_more(turned, monkeypatch):
    desk, ref = turned
    snapshot = Flow8.snapshot

    def asked_for_meanwhile(adapter: Flow8, ref: str) -> Snapshot:
        read_queue.ask([desk.run(ref).pk], Rank.POLL, log=False)
        return snapshot(adapter, ref)

    monkeypatch.setattr(Flow8, "snapshot", asked_for_meanwhile)
    poll_alone(desk)
    assert desk.status(ref) == "user_input"
    assert Reading.objects.filter(execution__ref=ref).exists()


# ------------------------------------------------------------------------------------ the API


def test_a_program_is_told_what_has_not_been_read_and_asks_for_it(open_desk, ana):
    desk = open_desk("flow8")
    (ref,) = old_runs(desk, "quick_done", 1)
    poll_alone(desk)
    Reading.objects.all().delete()
    call = api(desk, ana)
    address = f"executions/{desk.run(ref).pk}"
    run = call("GET", address).json()
    assert [run[part] for part in ("steps", "questions", "outputs", "reading")] == [
        None, None, None, False,
    ]  # fmt: skip
    asked = call("POST", f"{address}/readings")
    assert (asked.status_code, asked.json()) == (202, {"reading": True})
    assert call("GET", address).json()["reading"] is True
    read(desk)
    run = call("GET", address).json()
    assert run["steps"]
    assert (run["questions"], run["outputs"], run["reading"]) == ([], [], False)


def test_a_program_asks_for_a_run_that_a_page_watches_and_is_told_when_it_was_read(
    running, page, ana
):
    desk, ref = running
    call = api(desk, ana)
    address = f"executions/{desk.run(ref).pk}"
    page.get(f"/{address}/")
    read(desk)
    assert call("GET", address).json()["reading"] is False
    assert call("POST", f"{address}/readings").json() == {"reading": True}
    before = reads_of(desk, ref)
    read(desk)
    assert reads_of(desk, ref) == before + 1
    assert call("GET", address).json()["reading"] is False


def test_the_page_of_a_run_that_has_not_been_read_says_so(open_desk, page):
    desk = open_desk("flow8")
    (ref,) = old_runs(desk, "quick_done", 1)
    poll_alone(desk)
    address = f"/executions/{desk.run(ref).pk}/"
    assert "have not been read from the provider yet" in page.get(address).content.decode()
    read(desk)
    assert "not been read" not in page.get(address).content.decode()
    assert not Question.objects.exists()


def test_a_run_in_which_too_much_was_masked_is_read_again(open_desk):
    desk = open_desk("generio")
    ref = desk.begin("generate_success")
    desk.poll_until(lambda: desk.status(ref) == "succeeded")
    read_queue.ask([desk.run(ref).pk], Rank.POLL)
    tasks.read_due(desk.account.pk)
    detail = ExecutionDetail.objects.filter(pk=desk.run(ref).pk)
    as_it_is = detail.get().raw
    detail.update(raw={**as_it_is, "prompt_tokens": "[redacted]"}, fingerprint="of older rules")
    masked = importlib.import_module("executions.migrations.0019_masked_too_much").MASKED
    with connection.cursor() as cursor:
        cursor.execute(masked)
    tasks.read_due(desk.account.pk)
    assert detail.get().raw == as_it_is
    assert not Reading.objects.exists()
