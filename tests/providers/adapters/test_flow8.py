"""flow8's quirks: WAIT is two things, an id nobody explains, two prefixes, cookies, live hints."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.sync.server import serve

from providers.contract import (
    AuthFailed,
    BadResponse,
    NotFound,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
    Unsupported,
    Verb,
)
from providers.http import forget_sessions

KEY = "flow8"
PLAY = "6650c0ffee0000000000a1b2"
FLOW = "664f00000000000000000010"
LAYER = "6650c0ffee00000000001003"
PLAY_AT = f"/api/plays/{PLAY}"
APPROVE_AT = f"{PLAY_AT}/approve"
FLOW_AT = f"/api/flows/{FLOW}"
SINCE = datetime(2024, 6, 3, 6, tzinfo=UTC)
YES = {"choice": "approved", "note": "ok"}


@pytest.fixture(autouse=True)
def no_session_is_left_over() -> Iterator[None]:
    yield
    forget_sessions()


@pytest.fixture
def account(server, recorded, open_adapter) -> Callable[..., Any]:
    """An adapter on a server with one play, its layers and its flow."""

    def opened(layers: Any, memory: dict[str, Any] | None = None, **play: Any) -> Any:
        body = {**recorded(KEY, "play_that_waits")["body"], **play}
        server.on("GET", PLAY_AT, {"body": body})
        answer = recorded(KEY, layers) if isinstance(layers, str) else layers
        server.on("GET", f"{PLAY_AT}/layers", answer)
        server.on("GET", FLOW_AT, recorded(KEY, "flow_with_its_layers"))
        server.on("GET", "/api/flows", recorded(KEY, "flows_of_the_company"))
        return open_adapter(KEY, {} if memory is None else memory)

    return opened


def layer(ref: str, state: str, **more: Any) -> dict[str, Any]:
    return {"id": f"layer-{ref}", "ref": ref, "state": state, **more}


def play_at(number: int, at: datetime | None, state: str = "DONE") -> dict[str, Any]:
    start = {} if at is None else {"startedAt": at.isoformat()}
    return {"id": f"play-{number}", "flowId": FLOW, "state": state, **start}


# --------------------------------------------------------------------------------------- WAIT


def test_a_waiting_step_that_needs_approval_is_a_question(account) -> None:
    found = account("layers_with_one_waiting_for_approval").snapshot(PLAY)
    assert (found.status, found.status_reason) == (Status.USER_INPUT, "approval")
    assert found.offers == {Verb.ANSWER}
    (question,) = found.questions
    assert (question.ref, question.kind) == (LAYER, "approval")
    assert "Pay out" in question.title
    assert [(c.value, c.is_danger) for c in question.choices] == [
        ("approved", False),
        ("declined", True),
    ]
    assert found.steps[2].status is Status.USER_INPUT


def test_a_waiting_step_without_approval_waits_for_an_event(account) -> None:
    found = account("layers_with_one_waiting_for_an_event").snapshot(PLAY)
    assert (found.status, found.status_reason) == (Status.WAITING, "event")
    assert (found.questions, found.offers) == ((), frozenset())
    assert found.steps[1].status_reason == "event"


@pytest.mark.parametrize("answer", [{"status": 404}, {"status": 403}, {"status": 500}])
def test_a_waiting_step_of_an_unreadable_flow_counts_as_an_approval(
    server, account, answer
) -> None:
    adapter = account("layers_with_one_waiting_for_an_event")
    server.on("GET", FLOW_AT, answer)
    found = adapter.snapshot(PLAY)
    assert found.status is Status.USER_INPUT
    assert len(found.questions) == 1
    assert found.workflow.name == "Claim settlement"


def test_a_waiting_step_that_the_flow_no_longer_has_counts_as_an_approval(account) -> None:
    found = account({"body": [layer("removed", "WAIT")]}).snapshot(PLAY)
    assert found.status is Status.USER_INPUT


@pytest.mark.parametrize("answer", [{"status": 404}, {"status": 500}, {"text": "<p>no"}])
def test_with_unreadable_layers_it_waits_and_nothing_stored_is_taken_back(account, answer) -> None:
    found = account(answer).snapshot(PLAY)
    assert (found.status, found.status_reason) == (Status.WAITING, "")
    assert (found.steps, found.questions) == (None, None)


@pytest.mark.parametrize(
    ("answer", "error"), [({"status": 401}, AuthFailed), ({"fault": "close"}, Unreachable)]
)
def test_a_lost_connection_is_not_taken_for_unreadable_layers(account, answer, error) -> None:
    with pytest.raises(error):
        account(answer).snapshot(PLAY)


def test_a_waiting_play_without_a_waiting_step_just_waits(account) -> None:
    found = account({"body": [layer("readClaim", "DONE")]}).snapshot(PLAY)
    assert (found.status, found.status_reason, found.questions) == (Status.WAITING, "", ())


def test_only_waiting_rows_ask_for_the_play(server, recorded, open_adapter, play) -> None:
    states = ["NEW", "RUN", "DONE", "FAIL", "SKIP", "FILTERED"]
    states += ["DEFERRED", "WAIT", "ON_HOLD", "queued"]
    rows = [play_at(n, SINCE, state) for n, state in enumerate(states)]
    server.on("GET", "/api/flows", recorded(KEY, "flows_of_the_company"))
    server.on("GET", "/api/plays", {"body": {"data": rows, "page": 0, "pages": 1}})
    found = list(open_adapter(KEY, {"polls": 1}).snapshots(SINCE))
    assert [(s.native_status, s.status.value, s.status_reason) for s in found] == [
        ("NEW", "queued", ""),
        ("RUN", "running", ""),
        ("DONE", "succeeded", ""),
        ("FAIL", "failed", ""),
        ("SKIP", "skipped", ""),
        ("FILTERED", "skipped", "filtered"),
        ("DEFERRED", "queued", "deferred"),
        ("WAIT", "waiting", ""),
        ("ON_HOLD", "paused", ""),
        ("queued", "queued", ""),
    ]
    assert [s.native_status for s in found if s.needs_detail] == ["WAIT"]


# -------------------------------------------------------------------------------------- flows


def test_a_flow_is_read_once_and_remembered(server, account) -> None:
    memory: dict[str, Any] = {}
    for _ in range(3):
        account("layers_with_one_waiting_for_approval", memory).snapshot(PLAY)
    assert server.count("GET", FLOW_AT) == 1
    assert server.count("GET", "/api/flows") == 0


def test_a_waiting_step_that_memory_does_not_have_makes_it_read_the_flow_again(
    server, account
) -> None:
    memory: dict[str, Any] = {}
    account("layers_with_one_waiting_for_approval", memory).snapshot(PLAY)
    edited = {"id": FLOW, "name": "New", "layers": [{"ref": "sign", "needsApproval": True}]}
    adapter = account({"body": [layer("sign", "WAIT")]}, memory)
    server.on("GET", FLOW_AT, {"body": edited})
    assert adapter.snapshot(PLAY).workflow.name == "New"
    assert server.count("GET", FLOW_AT) == 2


def test_a_flow_that_changed_is_read_again_after_the_next_full_look(
    server, recorded, account
) -> None:
    memory: dict[str, Any] = {}
    account("layers_with_one_waiting_for_an_event", memory).snapshot(PLAY)
    server.on("GET", "/api/plays", recorded(KEY, "no_plays_at_all"))
    list(account("layers_with_one_waiting_for_an_event", memory).snapshots(None))
    assert "layers" in memory[f"flow:{FLOW}"]
    changed = recorded(KEY, "flows_of_the_company")
    changed["body"]["data"][0]["version"] = 4
    server.on("GET", "/api/flows", changed)
    adapter = account("layers_with_one_waiting_for_an_event", memory)
    server.on("GET", "/api/flows", changed)
    list(adapter.snapshots(None))
    assert "layers" not in memory[f"flow:{FLOW}"]


def test_a_deleted_flow_is_not_asked_for_again_and_again(server, account) -> None:
    memory: dict[str, Any] = {}
    account("layers_of_a_finished_play", memory)
    for _ in range(3):
        adapter = account("layers_of_a_finished_play", memory, state="DONE", flowId="gone")
        server.on("GET", "/api/flows/gone", {"status": 404})
        found = adapter.snapshot(PLAY)
    assert (found.workflow.name, found.workflow.can_start) == ("gone", False)
    assert server.count("GET", "/api/flows/gone") == 1


def test_a_disabled_flow_cannot_be_started(server, recorded, open_adapter) -> None:
    server.on("GET", "/api/flows", recorded(KEY, "flows_of_the_company"))
    found = {flow.name: flow.can_start for flow in open_adapter(KEY).workflows()}
    assert found == {"Claim settlement": True, "Nightly price list": False}


# -------------------------------------------------------------------------------------- plays


def test_steps_come_in_the_order_of_the_flow_under_its_names(account) -> None:
    found = account("layers_with_one_waiting_for_approval").snapshot(PLAY)
    assert [(s.name, s.status.value) for s in found.steps] == [
        ("Read the claim", "succeeded"),
        ("Alert the team", "skipped"),
        ("Pay out", "user_input"),
    ]
    assert found.steps[0].output == {"statusCode": 200, "body": {"amount": 940}}
    assert found.steps[1].started_at is None


def test_a_failed_play_says_which_step_and_why(account) -> None:
    found = account("layers_with_one_that_failed", state="FAIL", duration=3241).snapshot(PLAY)
    assert (found.status, found.error) == (Status.FAILED, "Book the payment: execution timeout")
    assert found.finished_at == found.started_at + timedelta(milliseconds=3241)


def test_a_failed_step_of_a_play_that_went_on_is_the_steps_affair(account) -> None:
    found = account("layers_with_one_that_failed", state="DONE").snapshot(PLAY)
    assert (found.status, found.error) == (Status.SUCCEEDED, "")
    assert found.steps[1].error == "execution timeout"


def test_the_end_of_a_failed_play_may_have_another_name(account) -> None:
    failed_at = "2024-06-03T12:30:00Z"
    found = account({"body": []}, state="FAIL", failedAt=failed_at, duration=1).snapshot(PLAY)
    assert found.finished_at == datetime(2024, 6, 3, 12, 30, tzinfo=UTC)


def test_layers_may_come_in_an_envelope(account) -> None:
    found = account({"body": {"data": [layer("readClaim", "DONE")]}}).snapshot(PLAY)
    assert len(found.steps) == 1


# -------------------------------------------------------------------------------------- lists


@pytest.fixture
def listing(server, recorded, open_adapter) -> Callable[..., list[Any]]:
    """Plays as pages; the poll is not one of the full ones unless asked."""

    def read(*pages: list[Any], since: datetime | None = SINCE, polls: int = 1) -> list[Any]:
        server.on("GET", "/api/flows", recorded(KEY, "flows_of_the_company"))
        for number, rows in enumerate(pages):
            body = {"data": rows, "page": number, "size": 100, "pages": len(pages)}
            server.on("GET", "/api/plays", {"body": body}, query={"page": str(number)})
        return list(open_adapter(KEY, {"polls": polls}).snapshots(since))

    return read


def plays_asked(server) -> list[dict[str, str]]:
    return [seen.query for seen in server.requests if seen.path == "/api/plays"]


def test_the_window_begins_early_enough_for_any_time_zone(server, listing) -> None:
    listing([])
    (asked,) = plays_asked(server)
    assert asked == {"from": "2024-06-02", "to": "2034-06-01", "page": "0", "size": "100"}


def test_newest_first_ends_after_two_pages_from_before(server, listing) -> None:
    hours = [[1, 0], [-1, -2], [-3, -4], [-5, -6], [-7]]
    pages = [[play_at(h, SINCE + timedelta(hours=h)) for h in page] for page in hours]
    assert len(listing(*pages)) == 6
    assert len(plays_asked(server)) == 3


def test_any_other_order_is_walked_to_the_end(server, listing) -> None:
    hours = [[-9], [-8], [-7], [-6], [1]]
    pages = [[play_at(h, SINCE + timedelta(hours=h)) for h in page] for page in hours]
    assert len(listing(*pages)) == 5


def test_plays_that_move_between_pages_come_once(listing) -> None:
    found = listing([play_at(2, SINCE), play_at(1, SINCE)], [play_at(1, SINCE), play_at(0, None)])
    assert [item.ref for item in found] == ["play-2", "play-1", "play-0"]


def test_a_bare_list_that_ignores_the_page_ends(server, recorded, open_adapter) -> None:
    server.on("GET", "/api/flows", recorded(KEY, "flows_of_the_company"))
    server.on("GET", "/api/plays", {"body": [play_at(n, SINCE) for n in range(100)]})
    assert len(list(open_adapter(KEY, {"polls": 1}).snapshots(SINCE))) == 100
    assert len(plays_asked(server)) == 2


def test_a_page_shorter_than_asked_because_the_server_says_so_is_not_the_last(
    server, recorded, open_adapter
) -> None:
    server.on("GET", "/api/flows", recorded(KEY, "flows_of_the_company"))
    server.on("GET", "/api/plays", {"body": {"data": [play_at(9, SINCE)], "size": 25}})
    rows = [play_at(n, SINCE) for n in range(25)]
    server.on("GET", "/api/plays", {"body": {"data": rows, "size": 25}}, query={"page": "0"})
    assert len(list(open_adapter(KEY, {"polls": 1}).snapshots(SINCE))) == 25
    assert len(plays_asked(server)) == 2


@pytest.mark.parametrize(("polls", "since"), [(0, SINCE), (20, SINCE), (7, None)])
def test_a_full_look_asks_for_every_open_state(server, listing, polls, since) -> None:
    server.on(
        "GET", "/api/plays", {"body": {"data": [play_at(5, None, "NEW")]}}, query={"state": "NEW"}
    )
    listing([play_at(1, SINCE)], polls=polls, since=since)
    states = {asked.get("state") for asked in plays_asked(server)}
    assert states == {None, "WAIT", "RUN", "NEW", "DEFERRED", "ON_HOLD"}


def test_a_server_that_ignores_the_state_is_not_walked_for_each(server, listing) -> None:
    found = listing([play_at(1, SINCE)], [play_at(2, SINCE)], polls=0)
    assert [item.ref for item in found] == ["play-1", "play-2"]
    assert len(plays_asked(server)) == 2 + 5


def test_a_row_that_cannot_be_read_does_not_hide_the_others(listing) -> None:
    bad = {**play_at(2, None), "startedAt": "yesterday"}
    found = listing([play_at(1, SINCE), bad, {"state": "RUN"}, 7, play_at(3, SINCE)])
    kinds = [type(item) for item in found]
    assert kinds == [Snapshot, Snapshot, Unreadable, Unreadable, Snapshot]


@pytest.mark.parametrize("odd", [{}, {"id": None}, {"id": {}}, 7, None, "flow"])
def test_a_flow_that_cannot_be_read_does_not_hide_the_others(
    server, recorded, open_adapter, odd
) -> None:
    flows = recorded(KEY, "flows_of_the_company")
    flows["body"]["data"].insert(0, odd)
    server.on("GET", "/api/flows", flows)
    server.on("GET", "/api/plays", {"body": {"data": [play_at(1, SINCE)], "page": 0, "pages": 1}})
    found = list(open_adapter(KEY).snapshots(None))
    assert [type(item) for item in found] == [Unreadable, Snapshot]


# ------------------------------------------------------------------------------------- answers


def sent_layers(server) -> list[str]:
    return [seen.json["layerId"] for seen in server.requests if seen.path == APPROVE_AT]


@pytest.mark.parametrize("field", ["layerId", "flowletId"])
def test_a_layer_that_names_its_layer_id_is_answered_with_that(server, account, field) -> None:
    adapter = account({"body": [layer("payOut", "WAIT", **{field: "f-3"})]})
    server.on("POST", APPROVE_AT, {"body": {}})
    (question,) = adapter.snapshot(PLAY).questions
    adapter.answer(PLAY, question.ref, YES)
    assert sent_layers(server) == ["f-3"]


@pytest.mark.parametrize("refusal", ["error_play_not_found", "error_validation"])
def test_a_refused_layer_id_is_tried_once_more_with_the_flows_own(
    server, recorded, account, refusal
) -> None:
    adapter = account("layers_with_one_waiting_for_approval")
    server.on("POST", APPROVE_AT, recorded(KEY, refusal), {"status": 204})
    adapter.answer(PLAY, LAYER, YES)
    assert sent_layers(server) == [LAYER, "664f0000000000000000f003"]


def test_any_other_refusal_is_final(server, account) -> None:
    adapter = account("layers_with_one_waiting_for_approval")
    body = {"error": "CONFLICT", "message": "Already approved", "statusCode": 409}
    server.on("POST", APPROVE_AT, {"status": 409, "body": body})
    with pytest.raises(Rejected, match="CONFLICT: Already approved"):
        adapter.answer(PLAY, LAYER, YES)
    assert sent_layers(server) == [LAYER]


def test_without_another_id_the_first_refusal_stands(server, recorded, open_adapter) -> None:
    server.on("GET", PLAY_AT, recorded(KEY, "error_internal"))
    server.on("POST", APPROVE_AT, recorded(KEY, "error_play_not_found"))
    with pytest.raises(NotFound, match="does not exist"):
        open_adapter(KEY).answer(PLAY, LAYER, YES)
    assert sent_layers(server) == [LAYER]


def test_a_decline_needs_no_note_and_a_third_choice_is_not_sent(server, open_adapter) -> None:
    server.on("POST", APPROVE_AT, {})
    open_adapter(KEY).answer(PLAY, LAYER, {"choice": "declined"})
    assert server.requests[0].json == {"layerId": LAYER, "decision": "declined", "note": ""}
    with pytest.raises(Rejected) as caught:
        open_adapter(KEY).answer(PLAY, LAYER, {"choice": "maybe"})
    assert "choice" in caught.value.fields
    assert len(server.requests) == 1


def test_what_has_no_documented_endpoint_is_not_offered(open_adapter) -> None:
    assert open_adapter(KEY).verbs() == {Verb.ANSWER, Verb.START}


# --------------------------------------------------------------------------------------- start


def test_arguments_have_to_be_an_object(server, open_adapter) -> None:
    with pytest.raises(Rejected, match="JSON object"):
        open_adapter(KEY).start(FLOW, {"arguments": [1]}, "k")
    assert not server.requests


def test_a_started_play_is_known_by_a_key_among_its_args(server, open_adapter) -> None:
    rows = [
        {**play_at(1, SINCE), "args": {"order": "x"}},
        {**play_at(2, SINCE), "args": {"o": "k"}},
    ]
    server.on("GET", f"{FLOW_AT}/plays", {"body": {"data": rows}})
    assert open_adapter(KEY).started(FLOW, "k") == "play-2"


def test_where_plays_show_no_key_it_does_not_guess(server, open_adapter) -> None:
    server.on("GET", f"{FLOW_AT}/plays", {"body": {"data": [play_at(1, SINCE)]}})
    with pytest.raises(Unsupported):
        open_adapter(KEY).started(FLOW, "k")


def test_a_flow_without_plays_started_nothing(server, recorded, open_adapter) -> None:
    server.on("GET", f"{FLOW_AT}/plays", recorded(KEY, "no_plays_at_all"))
    assert open_adapter(KEY).started(FLOW, "k") is None


# ------------------------------------------------------------------------- prefix and credentials


def test_the_check_finds_the_other_prefix_and_it_is_used_from_then_on(
    server, recorded, open_adapter
) -> None:
    memory: dict[str, Any] = {}
    server.on("GET", "/api/auth/me", {"status": 404, "text": "<p>no"})
    server.on("GET", "/api/v1/auth/me", recorded(KEY, "the_signed_in_user"))
    said = open_adapter(KEY, memory).check()
    assert "ops@acme.example" in said
    assert "/api/v1" in said
    server.requests.clear()
    assert open_adapter(KEY, memory).check() == "Signed in to flow8 as ops@acme.example."
    assert [seen.path for seen in server.requests] == ["/api/v1/auth/me"]


def test_a_prefix_that_a_person_chose_is_the_only_one(server, open_adapter) -> None:
    server.on("GET", "/flows/api/auth/me", {"status": 404})
    with pytest.raises(NotFound):
        open_adapter(KEY, {"prefix": "/api/v1"}, path_prefix="flows/api/").check()
    assert [seen.path for seen in server.requests] == ["/flows/api/auth/me"]


def token(**claims: Any) -> str:
    parts = [{"alg": "HS256"}, {"keyId": "k1", **claims}]
    texts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*texts, "c2lnbmF0dXJl"])


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_for_agents_only_is_explained(server, open_adapter, status) -> None:
    server.on("GET", "/api/auth/me", {"status": status})
    with pytest.raises(AuthFailed, match="scope mcp"):
        open_adapter(KEY, api_key=token(scopes=["mcp"])).check()


@pytest.mark.parametrize("key", [token(scopes=["standard"]), token(), "plain-key", "a.b.c", "..!"])
def test_other_refused_keys_get_the_servers_words(server, recorded, open_adapter, key) -> None:
    server.on("GET", "/api/auth/me", recorded(KEY, "error_unauthorized"))
    with pytest.raises(AuthFailed, match="UNAUTHORIZED: Session expired"):
        open_adapter(KEY, api_key=key).check()


@pytest.fixture
def signing_in(server, recorded, open_adapter) -> Callable[..., Any]:
    """An adapter without a key, on a server that takes logins."""
    server.on("POST", "/api/auth/login", recorded(KEY, "login_accepted"))
    server.on("GET", "/api/auth/me", recorded(KEY, "the_signed_in_user"))
    who = {"api_key": "", "email": "ops@acme.example", "password": "planted-password"}
    return lambda memory=None: open_adapter(KEY, memory, **who)


def test_one_login_serves_many_adapters_and_stays_out_of_memory(server, signing_in) -> None:
    memory: dict[str, Any] = {}
    for _ in range(3):
        signing_in(memory).check()
    assert server.count("POST", "/api/auth/login") == 1
    assert server.requests[0].json == {"email": "ops@acme.example", "password": "planted-password"}
    assert {seen.headers.get("cookie") for seen in server.requests[1:]} == {"sid=s3ss10n-0ne"}
    assert "s3ss10n" not in json.dumps(memory)


def test_an_ended_session_is_renewed_once(server, recorded, signing_in) -> None:
    signing_in().check()
    ended, user = recorded(KEY, "error_unauthorized"), recorded(KEY, "the_signed_in_user")
    server.on("GET", "/api/auth/me", ended, user)
    assert "ops@" in signing_in().check()
    assert server.count("POST", "/api/auth/login") == 2


def test_a_login_that_does_not_help_is_not_repeated(server, recorded, signing_in) -> None:
    signing_in().check()
    server.on("GET", "/api/auth/me", recorded(KEY, "error_unauthorized"))
    with pytest.raises(AuthFailed):
        signing_in().check()
    assert server.count("POST", "/api/auth/login") == 2


def test_a_command_refused_for_an_ended_session_is_sent_again_after_the_login(
    server, recorded, signing_in
) -> None:
    signing_in().check()
    ended = recorded(KEY, "error_unauthorized")
    server.on("POST", APPROVE_AT, ended, recorded(KEY, "approval_accepted"))
    signing_in().answer(PLAY, LAYER, YES)
    assert server.count("POST", APPROVE_AT) == 2


def test_a_lost_login_says_that_the_command_was_not_sent(server, signing_in) -> None:
    server.on("POST", "/api/auth/login", {"fault": "close"})
    with pytest.raises(Unreachable) as caught:
        signing_in().answer(PLAY, LAYER, YES)
    assert caught.value.may_have_acted is False


def test_a_session_is_in_no_message(server, signing_in) -> None:
    signing_in().check()
    server.on("GET", "/api/auth/me", {"status": 403, "body": {"message": "no: s3ss10n-0ne"}})
    with pytest.raises(AuthFailed) as caught:
        signing_in().check()
    assert "s3ss10n" not in f"{caught.value} {caught.value.detail}"


def test_every_cookie_goes_back_and_none_is_a_bad_answer(server, signing_in) -> None:
    several = "a=1; Expires=Mon, 03 Jun 2024 13:00:00 GMT, b=2; Path=/"
    server.on("POST", "/api/auth/login", {"headers": {"Set-Cookie": several}})
    signing_in().check()
    assert server.requests[-1].headers["cookie"] == "a=1; b=2"
    forget_sessions()
    server.on("POST", "/api/auth/login", {"body": {"ok": True}})
    with pytest.raises(BadResponse, match="no session cookie"):
        signing_in().check()


def test_an_account_without_credentials_says_so(server, open_adapter) -> None:
    with pytest.raises(AuthFailed, match="API key"):
        open_adapter(KEY, api_key="").check()
    assert not server.requests


# ---------------------------------------------------------------------------------------- hints


@pytest.fixture
def live() -> Iterator[Any]:
    """A push channel on loopback that sends `messages` and ends; it notes who asked."""

    class Live:
        messages: list[str] = []
        asked: list[tuple[str, str]] = []
        url = ""

    channel = Live()
    channel.asked = []

    def tell(connection: Any) -> None:
        request = connection.request
        channel.asked.append((request.path, request.headers.get("Cookie", "")))
        for message in channel.messages:
            connection.send(message)

    with serve(tell, "127.0.0.1", 0) as running:
        channel.url = f"http://127.0.0.1:{running.socket.getsockname()[1]}"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield channel
        running.shutdown()
        thread.join(5)


def test_every_event_is_a_hint_at_its_play_and_nonsense_is_none(live, open_adapter) -> None:
    event = {"type": "play:waiting", "playId": PLAY, "flowId": FLOW}
    done = {"type": "play:layer:completed", "playId": "p2", "out": {}}
    nonsense = ["hello", "[1]", "{}", '{"playId": 7}']
    live.messages = [json.dumps(event), *nonsense, json.dumps(done)]
    assert list(open_adapter(KEY, base_url=live.url).hints()) == [PLAY, "p2"]
    assert live.asked == [("/api/ws?token=planted.key%2Fof%20acme", "")]


def test_a_session_opens_the_push_channel_too(live, server, recorded, signing_in) -> None:
    adapter = signing_in()
    adapter.check()
    url, headers = adapter._session.live_address()
    assert url == f"{server.url}/api/ws"
    assert headers == {"Cookie": "sid=s3ss10n-0ne"}


def test_a_push_channel_that_is_not_there_names_no_key(server, open_adapter) -> None:
    server.on("GET", "/api/ws", {"status": 401})
    with pytest.raises(AuthFailed) as caught:
        list(open_adapter(KEY).hints())
    assert "planted" not in str(caught.value)
