"""What is special about Flower. What holds for every provider is in `test_every_adapter.py`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.adapter import Adapter
from providers.adapters import flower as module
from providers.adapters.flower import reading
from providers.contract import (
    AuthFailed,
    NotFound,
    ProviderError,
    Snapshot,
    Status,
    Unreachable,
    Verb,
)

API = "/api"
SITE = "http://flower.example"
SINCE = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def body(recorded) -> Callable[[str], Any]:
    return lambda name: recorded("flower", name)["body"]


@pytest.fixture
def flower(server, open_adapter) -> Adapter:
    """An account at a server that knows no tasks; tests put in front what they need."""
    server.on("GET", f"{API}/tasks", {"body": {}})
    adapter: Adapter = open_adapter("flower")
    return adapter


@pytest.fixture
def show(server, recorded) -> Callable[..., str]:
    """Serve a recorded task, and what the result backend says of it. Returns its ref."""

    def serve(name: str, result: Any = "", **changes: Any) -> str:
        task = recorded("flower", f"task_{name}")["body"] | changes
        server.on("GET", f"{API}/task/info/{task['uuid']}", {"body": task})
        answer = recorded("flower", result) if isinstance(result, str) and result else result
        server.on("GET", f"{API}/task/result/{task['uuid']}", answer or {"status": 503})
        return str(task["uuid"])

    return serve


# ---------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("that_nobody_takes", Status.QUEUED, ""),
        ("that_is_queued", Status.QUEUED, ""),
        ("that_waits_for_its_time", Status.WAITING, "eta"),
        ("that_waits_for_a_retry", Status.WAITING, "retry"),
        ("that_is_running", Status.RUNNING, ""),
        ("that_succeeded", Status.SUCCEEDED, ""),
        ("that_was_tried_again", Status.SUCCEEDED, ""),
        ("that_failed", Status.FAILED, ""),
        ("that_was_tried_twice", Status.FAILED, ""),
        ("that_was_rejected", Status.FAILED, "rejected"),
        ("that_took_too_long", Status.TIMED_OUT, "time_limit"),
        ("that_was_told_that_it_took_too_long", Status.TIMED_OUT, "soft_time_limit"),
        ("that_was_revoked", Status.CANCELED, "revoked"),
        ("that_was_terminated", Status.CANCELED, "terminated"),
        ("that_expired", Status.SKIPPED, "expired"),
        ("with_an_event_of_its_own", Status.UNKNOWN, "unrecognized"),
        ("that_ignored_itself", Status.RUNNING, ""),  # no event and no result tells its end
    ],
)
def test_every_recorded_task_has_its_status(body, name, status, reason) -> None:
    run = reading.read_task(body(f"task_{name}"), SITE)
    assert (run.status, run.status_reason) == (status, reason)
    assert (run.finished_at is not None) is status.is_final
    assert run.offers == (set() if status.is_final else {Verb.CANCEL})


def test_a_retry_is_the_same_whichever_event_came_last(body) -> None:
    row = body("task_that_waits_for_a_retry") | {"state": "RECEIVED"}
    run = reading.read_task(row, SITE)
    assert (run.status, run.status_reason) == (Status.WAITING, "retry")
    assert run.parent_ref == ""  # it names itself


def test_a_task_knows_who_sent_it_and_how_often_it_was_tried(body) -> None:
    child = reading.read_task(body("task_sent_by_another"), SITE)
    assert child.parent_ref == "e4ef6ddd-d4b9-43a6-8561-fc4a5f3e053a"
    assert child.labels == {"queue": "main", "worker": "main@office"}
    tried = {"that_was_tried_again": 3, "that_was_tried_twice": 2, "that_waits_for_a_retry": 1,
             "that_succeeded": 1, "that_is_queued": 0, "that_was_revoked": 0}  # fmt: skip
    read = {name: reading.read_task(body(f"task_{name}"), SITE).attempt for name in tried}
    assert read == tried


def test_a_success_after_retries_has_no_error(body) -> None:
    row = body("task_that_was_tried_again")
    assert row["traceback"]
    assert row["exception"]
    assert reading.read_task(row, SITE).error == ""


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("that_failed", "ConnectionError: ledger refused the entry of June: token=abc123"),
        ("that_took_too_long", "billiard.exceptions.TimeLimitExceeded: TimeLimitExceeded(2,)"),
        ("that_was_tried_twice", "ValueError: nobody there"),
        ("that_was_rejected", "reject requeue=False: no such ware"),
    ],
)
def test_an_error_begins_with_its_reason_and_keeps_its_traceback(body, name, line) -> None:
    row = body(f"task_{name}")
    first, _, rest = reading.read_task(row, SITE).error.partition("\n\n")
    assert first == line
    assert rest == row["traceback"]


# ---------------------------------------------------------------------------------- what it carries


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(2,)", [2]),
        ("{'a': [1, 2.5, None, True]}", {"a": [1, 2.5, None, True]}),
        ("'7'", "7"),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("['it\\'s']", "['it\\'s']"),  # Celery escapes nothing, so it may mean the backslash
        ("['a', ...]", "['a', ...]"),
        ("{1, 2}", "{1, 2}"),
        ("<redacted>", "<redacted>"),
        ("1e999", "1e999"),
        ("(" * 500, "(" * 500),
        ("", ""),
    ],
)
def test_arguments_are_values_where_they_are_plain_and_else_the_text(text, value) -> None:
    assert reading.read_value(text) == value


def test_only_arguments_that_are_values_can_be_sent_again() -> None:
    again = module.Flower.arguments_of
    assert again({"args": [1], "kwargs": {"a": 2}}) == {"args": [1], "kwargs": {"a": 2}}
    assert again({"args": "['a', ...]", "kwargs": {}}) == {"kwargs": {}}
    assert again(None) == {}


def test_the_children_of_a_task_stand_in_one_order(body) -> None:
    row = body("task_that_succeeded")
    one, other = (
        reading.read_task(row | {"children": ids}, SITE).raw for ids in (["b", "a"], ["a", "b"])
    )
    assert one == other


# ------------------------------------------------------------------------------- the result backend


def test_without_a_result_backend_the_events_alone_are_believed(flower, show) -> None:
    run = flower.snapshot(show("with_a_state_of_its_own"))
    assert (run.status, run.message) == (Status.RUNNING, "")
    with pytest.raises(Unreachable):
        flower.snapshot(show("that_is_running", {"status": 500}))


@pytest.mark.parametrize(
    ("state", "result", "status", "reason"),
    [
        ("SUCCESS", {"rows": 3}, Status.SUCCEEDED, ""),
        ("FAILURE", "TimeLimitExceeded(2)", Status.TIMED_OUT, "time_limit"),
        ("FAILURE", "ValueError('x')", Status.FAILED, ""),
        ("REVOKED", "TaskRevokedError('expired')", Status.SKIPPED, "expired"),
        ("REVOKED", "TaskRevokedError('terminated')", Status.CANCELED, "revoked"),
        ("STARTED", None, Status.RUNNING, ""),
    ],
)
def test_an_end_whose_event_was_lost_is_told_by_the_backend(
    flower, show, state, result, status, reason
) -> None:
    told = {"body": {"task-id": "x", "state": state, "result": result, "traceback": None}}
    run = flower.snapshot(show("that_is_running", told))
    assert (run.status, run.status_reason) == (status, reason)
    assert run.native_status == "STARTED"  # as the list goes on saying
    assert run.error == (result if status in (Status.FAILED, Status.TIMED_OUT) else "")
    assert run.output == (result if status is Status.SUCCEEDED else None)


def test_a_revoking_that_the_list_does_not_know_is_remembered_until_it_does(
    server, flower, show, body
) -> None:
    ref = show("revoked_before_its_time", "result_of_a_task_revoked_before_its_time")
    assert flower.snapshot(ref).status is Status.CANCELED
    server.on("GET", f"{API}/tasks", {"body": body("received_tasks_that_wait")})
    listed = {run.ref: run.needs_detail for run in flower.snapshots(SINCE)}
    assert listed == {ref: True, "beadb7e0-cce4-407c-bd25-16e24b4b7fcc": False}
    server.on("GET", f"{API}/tasks", {"body": {}})
    assert list(flower.snapshots(SINCE)) == []
    assert flower.memory == {f"revoked {ref}": None}


# --------------------------------------------------------------------------------------- discovery


def test_more_tasks_than_a_page_are_all_read_and_a_short_page_is_the_last(
    server, flower, body, monkeypatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    monkeypatch.setattr(module, "FIRST_PAGE", 1)
    (row,) = (row for row in body("started_tasks").values() if row["args"] == "['C']")
    rows = [row | {"uuid": f"task-{number}"} for number in range(3)]
    pages = [{each["uuid"]: each for each in some} for some in (rows[:2], rows[2:])]
    query = {"state": "STARTED"}
    server.on("GET", f"{API}/tasks", *({"body": page} for page in pages), query=query)
    latest = ({each["uuid"]: each} for each in rows)
    server.on("GET", f"{API}/tasks", *({"body": page} for page in latest), query={"limit": "1"})
    found = [run.ref for run in flower.snapshots(SINCE) if isinstance(run, Snapshot)]
    assert found == ["task-0", "task-1", "task-2"]
    offsets = [seen.query["offset"] for seen in server.requests if seen.query.get("state")]
    assert offsets == ["0", "0", "0", "2", "0"]


def test_a_task_of_which_a_new_flower_heard_only_the_end_is_no_run(server, flower, body) -> None:
    row = body("task_that_a_new_flower_heard_the_end_of")
    server.on("GET", f"{API}/tasks", {"body": {row["uuid"]: row}})
    assert list(flower.snapshots(None)) == []
    server.on("GET", f"{API}/task/info/{row['uuid']}", {"body": row})
    with pytest.raises(NotFound, match="Flower began again"):
        flower.snapshot(row["uuid"])
    assert not flower.keeps_history


def test_a_flower_without_workers_is_not_well(server, flower) -> None:
    server.on("GET", f"{API}/workers", {"body": {}})
    (part,) = flower.engine()
    assert (part.is_well, part.message) == (False, "Flower knows of no worker.")


# ------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("no_login_allowed", AuthFailed, "FLOWER_UNAUTHENTICATED_API"),
        ("wrong_password", AuthFailed, "user name and password"),
        ("read_only_refusal", AuthFailed, "Read only mode is enabled"),
        ("not_an_api", NotFound, "This works with Flower 1.0 and later"),
    ],
)
def test_flower_says_why_not(
    server, flower, recorded, name: str, error: type[ProviderError], words: str
) -> None:
    server.on("GET", f"{API}/workers", recorded("flower", name))
    with pytest.raises(error, match=words):
        flower.check()


def test_arguments_that_do_not_fit_are_told_though_flower_says_nothing(
    server, flower, recorded
) -> None:
    place = f"{API}/task/async-apply/sales.add"
    server.on("POST", place, recorded("flower", "arguments_that_do_not_fit"))
    with pytest.raises(Unreachable, match="arguments that it does not take") as caught:
        flower.start("sales.add", {"args": [1]}, "6f1d0c3e")
    assert caught.value.may_have_acted  # so it is looked up by its key


def test_a_name_with_a_slash_is_sent_as_one_segment(server, flower) -> None:
    name = "büro.export/täglich <1> & mehr"
    place = f"{API}/task/async-apply/b%C3%BCro.export%2Ft%C3%A4glich%20%3C1%3E%20%26%20mehr"
    server.on("POST", place, {"body": {"task-id": "k", "state": "PENDING"}})
    assert flower.start(name, {}, "k") == "k"


def test_without_a_login_none_is_sent(server, open_adapter, body) -> None:
    server.on("GET", f"{API}/workers", {"body": body("workers_online")})
    server.on("GET", f"{API}/task/types", {"body": body("kinds_of_task")})
    adapter = open_adapter("flower", username="", password="")
    assert adapter.check().startswith("No login was needed at Flower.")
    assert "authorization" not in {name.lower() for name in server.requests[0].headers}
