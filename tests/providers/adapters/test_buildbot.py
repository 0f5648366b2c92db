"""What is special about Buildbot. What holds for every provider is in `test_every_adapter.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.adapter import Adapter
from providers.adapters import buildbot as module
from providers.adapters.buildbot import reading
from providers.adapters.buildbot.reading import Around
from providers.contract import AuthFailed, BadResponse, NotFound, Rejected, Status, Verb
from providers.http import forget_sessions

API = "/api/v2"
SITE = "http://ci.example"


@pytest.fixture(autouse=True)
def _no_session_is_kept() -> None:
    forget_sessions()


@pytest.fixture
def body(recorded) -> Callable[[str], Any]:
    return lambda name: recorded("buildbot", name)["body"]


@pytest.fixture
def buildbot(server, open_adapter, recorded) -> Adapter:
    server.on("GET", "/auth/login", recorded("buildbot", "login_accepted"))
    adapter: Adapter = open_adapter("buildbot")
    return adapter


@pytest.fixture
def read(body) -> Callable[..., Any]:
    """A recorded request with its builds, as a run."""

    def run(word: str, **changes: Any) -> Any:
        (request,) = body(f"request_{word}")["buildrequests"]
        builds = body(f"builds_of_a_request_{word}")["builds"]
        around = Around(builder="b", builds=tuple(builds))
        return reading.read_run(request | changes, around, SITE)

    return run


# ---------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize(
    ("word", "status", "native", "offers"),
    [
        ("that_is_queued", Status.QUEUED, "unclaimed", {Verb.CANCEL}),
        ("that_is_running", Status.RUNNING, "building", {Verb.CANCEL}),
        ("that_succeeded", Status.SUCCEEDED, "SUCCESS", set()),
        ("with_a_warning", Status.WARNING, "WARNINGS", {Verb.RETRY}),
        ("that_failed", Status.FAILED, "FAILURE", {Verb.RETRY}),
        ("with_an_exception", Status.FAILED, "EXCEPTION", {Verb.RETRY}),
        ("that_took_too_long", Status.TIMED_OUT, "FAILURE", {Verb.RETRY}),
        ("that_was_stopped", Status.CANCELED, "CANCELLED", {Verb.RETRY}),
        ("that_was_canceled", Status.CANCELED, "CANCELLED", set()),  # it never was built
        ("that_was_tried_again", Status.SUCCEEDED, "SUCCESS", set()),
    ],
)
def test_every_recorded_request_has_its_status(read, word, status, native, offers) -> None:
    run = read(word)
    assert (run.status, run.native_status, run.offers) == (status, native, offers)


def test_a_build_that_is_given_up_waits_for_the_next_one_of_its_request(read, body) -> None:
    assert read("that_was_tried_again").attempt == 2
    (request,) = body("request_that_was_tried_again")["buildrequests"]
    first = body("builds_of_a_request_that_was_tried_again")["builds"][0]
    around = Around(builder="b", builds=(first,))
    run = reading.read_run(request | {"complete": False, "results": -1}, around, SITE)
    assert (run.status, run.status_reason) == (Status.WAITING, "retry")


def test_a_request_that_another_one_took_over_is_skipped(read) -> None:
    run = read("that_is_queued", complete=True, results=3)
    assert (run.status, run.status_reason) == (Status.SKIPPED, "collapsed")


def test_a_step_that_only_warns_keeps_its_failure(body) -> None:
    steps = body("steps_of_a_request_with_a_warning")["steps"]
    words = {step.name: step.status for step in map(reading.read_step, steps)}
    assert words == {
        "worker_preparation": Status.SUCCEEDED, "mail": Status.FAILED, "log": Status.SUCCEEDED
    }  # fmt: skip


# ----------------------------------------------------------------------------------------- the logs


@pytest.mark.parametrize(
    ("word", "step", "kind", "first"),
    [
        ("of_a_failed_step", "post", "s", "post: ledger refused the entry: token=abc123"),
        ("of_a_step_that_took_too_long", "load", "s", "load: 'sh' (timed out)"),
        ("of_an_exception", "explode", "t",
         "explode: builtins.ConnectionError: ledger refused the entry: token=abc123"),
    ],
)  # fmt: skip
def test_an_error_is_what_the_failed_step_printed_last(body, word, step, kind, first) -> None:
    (chunk,) = body(f"log_{word}")["logchunks"]
    about = {"name": step, "state_string": "'sh' (timed out)"}
    assert reading.read_error(about, chunk["content"], kind).splitlines()[0] == first


def test_the_environment_of_a_worker_is_in_no_log(body) -> None:
    (chunk,) = body("log_of_a_failed_step")["logchunks"]
    assert "MAIL_PASSWORD" in chunk["content"]
    lines = [line.text for line in reading.read_lines(chunk["content"], "s")]
    assert not [line for line in lines if "MAIL_PASSWORD" in line or "LANG=" in line]
    printed = list(reading.read_lines("o  A=b\nh  A=b\n", "s"))
    assert [line.text for line in printed] == ["  A=b"]  # what a step prints stays


# ------------------------------------------------------------------------------------- the session


def test_a_session_that_is_over_is_renewed_once_and_the_command_sent_again(
    server, buildbot, recorded, body
) -> None:
    place = f"{API}/buildrequests/14"
    server.on("GET", place, {"body": body("request_that_is_queued")})
    server.on("GET", f"{place}/builds", {"body": body("builds_of_a_request_that_is_queued")})
    refused = recorded("buildbot", "command_without_a_session")
    server.on("POST", place, refused, recorded("buildbot", "cancel_accepted"))
    buildbot.cancel("14")
    assert server.count("POST", place) == 2
    assert server.count("GET", "/auth/login") == 2


def test_a_missing_right_is_told_after_one_new_login(server, buildbot, recorded, body) -> None:
    place = f"{API}/buildrequests/14"
    server.on("GET", place, {"body": body("request_that_is_queued")})
    server.on("GET", f"{place}/builds", {"body": body("builds_of_a_request_that_is_queued")})
    server.on("POST", place, recorded("buildbot", "command_without_a_session"))
    with pytest.raises(AuthFailed, match="you need to have role 'admins'"):
        buildbot.cancel("14")
    assert server.count("POST", place) == 2


def test_a_wrong_password_is_told(server, buildbot, recorded) -> None:
    server.on("GET", "/auth/login", recorded("buildbot", "wrong_password"))
    server.on("GET", "/config", recorded("buildbot", "config_of_the_server"))
    with pytest.raises(AuthFailed, match="401"):
        buildbot.check()


def test_without_a_login_runs_are_read_and_nothing_is_sent(server, open_adapter, body) -> None:
    place = f"{API}/buildrequests/14"
    server.on("GET", place, {"body": body("request_that_is_queued")})
    server.on("GET", f"{place}/builds", {"body": body("builds_of_a_request_that_is_queued")})
    adapter = open_adapter("buildbot", username="", password="")
    with pytest.raises(Rejected, match="no user name"):
        adapter.cancel("14")
    assert not [seen for seen in server.requests if seen.method == "POST"]
    assert not server.count("GET", "/auth/login")


# ------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize(("version", "word"), [("3.11.9", "old"), ("5.0.0", "new")])
def test_another_version_is_told_in_one_sentence(server, buildbot, body, version, word) -> None:
    told = body("config_of_the_server") | {"versions": [["Buildbot", version]]}
    server.on("GET", "/config", {"body": told})
    with pytest.raises(BadResponse, match=f"too {word}. This works with Buildbot 4"):
        buildbot.check()


def test_an_address_that_is_no_buildbot_is_told(server, buildbot, recorded) -> None:
    server.on("GET", "/config", recorded("buildbot", "not_an_api"))
    with pytest.raises(NotFound, match="This works with Buildbot 4"):
        buildbot.check()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"connected_to": []}, "It is not connected."),
        ({"paused": True, "pause_reason": "disk full"}, "It is paused. disk full"),
    ],
)
def test_a_worker_that_takes_nothing_is_not_well(server, buildbot, body, change, told) -> None:
    workers = body("workers_of_the_server")
    workers["workers"][0] |= change
    server.on("GET", f"{API}/workers", {"body": workers})
    server.on("GET", f"{API}/masters", {"body": body("masters_of_the_server")})
    master, first, second = buildbot.engine()
    assert (first.is_well, first.message) == (False, told)
    assert master.is_well
    assert second.is_well


# --------------------------------------------------------------------------------------- discovery


def test_open_requests_are_walked_by_their_ids(server, buildbot, body, monkeypatch) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    server.on("GET", f"{API}/builders", {"body": body("builders_of_the_server")})
    rows = body("open_requests")["buildrequests"]
    pages = [{"body": {"buildrequests": [row]}} for row in rows]
    none: dict[str, Any] = {"body": {"buildrequests": []}}
    server.on("GET", f"{API}/buildrequests", none)
    server.on("GET", f"{API}/buildrequests", *pages, none, query={"complete": "false"})
    server.on("GET", f"{API}/builds", {"body": {"builds": []}})
    assert [run.ref for run in buildbot.snapshots(None)] == ["12", "14"]
    query = [seen.query for seen in server.requests if seen.query.get("complete") == "false"]
    after = [each["buildrequestid__gt"] for each in query if "buildrequestid__gt" in each]
    assert after == ["0", "12", "14"]
