"""The simulated flow8 answers as documented, over real HTTP and a real WebSocket."""

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from providers.demo import serve
from providers.demo.flow8 import api as flow8


class Client:
    """Speaks to one simulator as an integration would."""

    def __init__(self, sim: serve.Running, prefix: str = "/api") -> None:
        self.sim = sim
        self.prefix = prefix
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {flow8.API_KEY}"

    def ask(self, path: str, method: str = "GET", **more: Any) -> requests.Response:
        url = f"{self.sim.base_url}{self.prefix}{path}"
        return self.session.request(method, url, timeout=10, **more)

    def read(self, path: str, **query: Any) -> Any:
        answer = self.ask(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self, play: str) -> str:
        return str(self.read(f"/plays/{play}")["state"])

    def layers(self, play: str) -> dict[str, dict[str, Any]]:
        return {layer["ref"]: layer for layer in self.read(f"/plays/{play}/layers")}

    def waiting(self, play: str) -> list[dict[str, Any]]:
        return [layer for layer in self.layers(play).values() if layer["state"] == "WAIT"]

    def flow_layer(self, play: str, ref: str) -> dict[str, Any]:
        flow = self.read(f"/flows/{self.read(f'/plays/{play}')['flowId']}")
        return dict(next(layer for layer in flow["layers"] if layer["ref"] == ref))

    def decide(self, play: str, layer: str, decision: str = "approved") -> requests.Response:
        body = {"layerId": layer, "decision": decision, "note": "seen"}
        return self.ask(f"/plays/{play}/approve", "POST", json=body)

    def until(self, claim: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 8
        while not (found := claim()):
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.02)
        return found

    def until_state(self, play: str, state: str) -> None:
        self.until(lambda: self.state(play) == state)

    def listen(self, **more: Any) -> ClientConnection:
        address = self.sim.base_url.replace("http", "ws") + f"{self.prefix}/ws"
        socket: ClientConnection = connect(f"{address}?token={flow8.API_KEY}", proxy=None, **more)
        return socket


@pytest.fixture
def api() -> Iterator[Client]:
    """Twenty times as fast as real: a step lasts 0.15 s, an approval waits a minute."""
    with serve.running("flow8", speed=20) as sim:
        yield Client(sim)


def refused(answer: requests.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error", "message", "statusCode"}
    assert (body["statusCode"], body["error"]) == (status, code)


def test_the_key_tells_its_scope_and_one_of_another_scope_is_forbidden(api: Client) -> None:
    part = flow8.API_KEY.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert claims["scopes"] == ["standard"]
    assert api.read("/auth/me")["email"] == flow8.EMAIL
    api.session.headers["Authorization"] = f"Bearer {flow8.MCP_KEY}"
    refused(api.ask("/plays"), 403, "FORBIDDEN")


def test_a_wrong_or_missing_key_is_unauthorized(api: Client) -> None:
    api.session.headers["Authorization"] = "Bearer wrong"
    refused(api.ask("/auth/me"), 401, "UNAUTHORIZED")
    del api.session.headers["Authorization"]
    refused(api.ask("/plays"), 401, "UNAUTHORIZED")


def test_a_login_lasts_as_long_as_the_option_says(api: Client) -> None:
    del api.session.headers["Authorization"]
    api.sim.option(session_seconds=0.4)
    login = {"email": flow8.EMAIL, "password": flow8.PASSWORD}
    assert api.ask("/auth/login", "POST", json=login).status_code == 200
    assert api.ask("/plays").status_code == 200
    time.sleep(0.5)
    refused(api.ask("/plays"), 401, "UNAUTHORIZED")
    assert api.ask("/auth/login", "POST", json=login).status_code == 200
    assert api.ask("/plays").status_code == 200
    refused(api.ask("/auth/login", "POST", json=login | {"password": "x"}), 401, "UNAUTHORIZED")
    refused(api.ask("/auth/login", "POST", json={"username": "x"}), 400, "VALIDATION_ERROR")


def test_the_api_lives_under_one_prefix_only(api: Client) -> None:
    assert Client(api.sim, "/api/v1").ask("/plays").status_code == 404
    api.sim.option(prefix="/api/v1")
    refused(api.ask("/plays"), 404, "NOT_FOUND")
    assert Client(api.sim, "/api/v1").ask("/plays").status_code == 200


def test_what_does_not_exist_is_404(api: Client) -> None:
    refused(api.ask("/plays/664f"), 404, "NOT_FOUND")
    refused(api.ask("/plays/664f/layers"), 404, "NOT_FOUND")
    refused(api.ask("/flows/664f"), 404, "FLOW_NOT_FOUND")
    refused(api.ask("/flows/664f/plays"), 404, "FLOW_NOT_FOUND")
    refused(api.ask("/flows/664f/run", "POST", json={}), 404, "FLOW_NOT_FOUND")


def test_flows_are_filtered_and_show_their_layers(api: Client) -> None:
    everything = api.read("/flows", size=100)
    assert everything["total"] == len(everything["data"]) == len(flow8.FLOWS)
    assert "layers" not in everything["data"][0]
    assert [flow["enabled"] for flow in api.read("/flows", enabled="false")["data"]] == [False]
    claims = api.read("/flows", category="claims")["data"]
    assert {flow["category"] for flow in claims} == {"claims"}
    layers = api.read(f"/flows/{claims[0]['id']}")["layers"]
    assert set(layers[0]) == {"id", "ref", "name", "index", "needsApproval"}
    assert [layer["ref"] for layer in layers if layer["needsApproval"]] == ["approvePayOut"]


def test_plays_are_paged(api: Client) -> None:
    plays = [api.sim.start("on_hold", ago=n) for n in range(7)]
    page = api.read("/plays", page=1, size=3)
    assert [row["id"] for row in page["data"]] == plays[3:6]
    assert {key: page[key] for key in ("total", "page", "size", "pages")} == {
        "total": 7,
        "page": 1,
        "size": 3,
        "pages": 3,
    }
    assert api.read("/plays", page=9)["data"] == []
    assert api.read("/plays")["size"] == 25
    api.sim.option(order="oldest", lists="bare")
    assert [row["id"] for row in api.read("/plays")] == plays[::-1]


OUT_OF_BOUNDS = ["size=0", "size=101", "page=-1", "page=x", "state=done", "from=today", "to=2026"]


def test_a_filter_out_of_bounds_is_400(api: Client) -> None:
    for query in OUT_OF_BOUNDS:
        refused(api.ask(f"/plays?{query}"), 400, "VALIDATION_ERROR")


def test_plays_are_filtered_by_state_flow_and_date(api: Client) -> None:
    old, new = api.sim.start("quick_done", ago=3 * 86_400), api.sim.start("on_hold")
    today = datetime.now(UTC).date()
    tomorrow = today + timedelta(days=1)

    def listed(path: str = "/plays", **query: Any) -> list[str]:
        return [row["id"] for row in api.read(path, **query)["data"]]

    assert listed(state="DONE") == [old]
    assert listed(**{"from": str(today - timedelta(days=1)), "to": str(tomorrow)}) == [new]
    flow = api.read(f"/plays/{old}")["flowId"]
    assert old in listed(flowId=flow)
    assert listed(f"/flows/{flow}/plays", state="DONE") == [old]
    assert listed(f"/flows/{flow}/plays", state="FAIL") == []
    assert listed(to=str(today)) == [old]
    api.sim.option(to="inclusive")
    assert listed(to=str(today)) == [new, old]


def test_a_quick_play_is_done_with_output_of_every_layer(api: Client) -> None:
    play = api.sim.start("quick_done")
    assert "startedAt" not in api.read(f"/plays/{play}")  # NEW
    api.until_state(play, "DONE")
    shown = api.read(f"/plays/{play}")
    assert set(shown) == {"id", "flowId", "state", "startedAt", "completedAt", "duration", "args"}
    assert shown["duration"] > 100
    assert all(layer["state"] == "DONE" and layer["out"] for layer in api.layers(play).values())
    api.sim.option(layers="wrapped")
    assert set(api.read(f"/plays/{play}/layers")) == {"data"}


def test_a_failing_play_tells_the_error_in_its_layer(api: Client) -> None:
    play = api.sim.start("failing")
    api.until_state(play, "FAIL")
    failed = [layer for layer in api.layers(play).values() if layer["state"] == "FAIL"]
    assert len(failed) == 1
    assert failed[0]["error"]
    assert "completedAt" not in api.read(f"/plays/{play}")
    api.sim.option(failed_at="failedAt")
    assert api.read(f"/plays/{play}")["failedAt"]


def test_an_approval_is_carried_out_once_and_the_play_goes_on(api: Client) -> None:
    play = api.sim.start("approval")
    api.until_state(play, "WAIT")
    (layer,) = api.waiting(play)
    assert api.flow_layer(play, layer["ref"])["needsApproval"] is True
    assert api.decide(play, layer["id"]).ok
    refused(api.decide(play, layer["id"]), 400, "VALIDATION_ERROR")
    api.until_state(play, "DONE")
    assert api.layers(play)["alertTeam"]["state"] == "FILTERED"
    what = {"ref": play, "layer": layer["ref"], "layerId": layer["id"], "note": "seen"}
    assert api.sim.effects == {"approve": [what]}


def test_a_declined_play_fails_and_says_so_in_the_layer(api: Client) -> None:
    play = api.sim.start("approval")
    api.until_state(play, "WAIT")
    (layer,) = api.waiting(play)
    assert api.decide(play, layer["id"], "declined").ok
    assert api.state(play) == "FAIL"
    assert api.layers(play)[layer["ref"]]["error"] == "Declined: seen"
    assert [each["ref"] for each in api.sim.effects["decline"]] == [play]


def test_a_decline_may_skip_the_play_instead(api: Client) -> None:
    api.sim.option(decline_to="SKIP")
    play = api.sim.start("approval")
    api.until_state(play, "WAIT")
    assert api.decide(play, api.waiting(play)[0]["id"], "declined").ok
    assert api.state(play) == "SKIP"


def test_approve_takes_the_kind_of_id_the_option_says(api: Client) -> None:
    api.sim.option(layer_id="flow", layer_field="layerId")
    play = api.sim.start("approval")
    api.until_state(play, "WAIT")
    (layer,) = api.waiting(play)
    ident = api.flow_layer(play, layer["ref"])["id"]
    assert layer["layerId"] == ident
    refused(api.decide(play, layer["id"]), 400, "VALIDATION_ERROR")
    assert api.sim.effects == {}
    api.sim.option(layer_id="play")
    refused(api.decide(play, ident), 400, "VALIDATION_ERROR")
    api.sim.option(layer_id="flow")
    assert api.decide(play, ident).ok


def test_two_approvals_are_asked_one_after_the_other(api: Client) -> None:
    play = api.sim.start("two_approvals")
    for ref in ("releaseByCostCenter", "releaseByFinance"):
        (layer,) = api.until(lambda: api.waiting(play))
        assert layer["ref"] == ref
        assert api.decide(play, layer["id"]).ok
        assert api.state(play) == "RUN"
    api.until_state(play, "DONE")
    assert len(api.sim.effects["approve"]) == 2


def test_parallel_approvals_wait_for_both(api: Client) -> None:
    play = api.sim.start("parallel_approvals")
    first, second = api.until(lambda: api.waiting(play))
    assert api.decide(play, second["id"]).ok
    assert api.state(play) == "WAIT"
    assert [layer["ref"] for layer in api.waiting(play)] == [first["ref"]]
    assert api.decide(play, first["id"]).ok
    api.until_state(play, "DONE")


def test_declining_one_of_two_ends_the_other(api: Client) -> None:
    play = api.sim.start("parallel_approvals")
    first, second = api.until(lambda: api.waiting(play))
    assert api.decide(play, first["id"], "declined").ok
    states = {ref: layer["state"] for ref, layer in api.layers(play).items()}
    assert (states[first["ref"]], states[second["ref"]]) == ("FAIL", "SKIP")
    assert api.state(play) == "FAIL"


def test_an_outside_event_cannot_be_approved(api: Client) -> None:
    play = api.sim.start("external_event")
    api.until_state(play, "WAIT")
    (layer,) = api.waiting(play)
    assert api.flow_layer(play, layer["ref"])["needsApproval"] is False
    refused(api.decide(play, layer["id"]), 400, "VALIDATION_ERROR")
    assert api.sim.effects == {}


STRANGE: list[Any] = [
    [],
    {},
    {"decision": "yes"},
    {"decision": []},
    {"decision": "approved", "layerId": None},
    {"decision": "approved", "layerId": []},
    {"decision": "approved", "note": 1},
]


def test_a_strange_decision_is_400(api: Client) -> None:
    play = api.sim.start("approval")
    api.until_state(play, "WAIT")
    layer = api.waiting(play)[0]["id"]
    for strange in STRANGE:
        body = {"layerId": layer} | strange if isinstance(strange, dict) else strange
        refused(api.ask(f"/plays/{play}/approve", "POST", json=body), 400, "VALIDATION_ERROR")
    assert api.sim.effects == {}


COMES_TO = {
    "on_hold": "ON_HOLD",
    "deferred": "DEFERRED",
    "filtered": "FILTERED",
    "skip": "SKIP",
    "unknown_state": "ARCHIVING",
}


@pytest.mark.parametrize(("scenario", "state"), COMES_TO.items())
def test_a_scenario_comes_to_its_state(api: Client, scenario: str, state: str) -> None:
    play = api.sim.start(scenario)
    api.until_state(play, state)
    assert play in [run["ref"] for run in api.sim.script]


def test_a_filtered_play_ran_no_layer(api: Client) -> None:
    play = api.sim.start("filtered")
    api.until_state(play, "FILTERED")
    assert {layer["state"] for layer in api.layers(play).values()} == {"FILTERED"}
    assert "duration" in api.read(f"/plays/{play}")


def test_a_big_output_is_big_and_looks_secret(api: Client) -> None:
    play = api.sim.start("big_out")
    api.until_state(play, "DONE")
    out = json.dumps(api.layers(play)["exportLedger"]["out"])
    assert 150_000 < len(out) < 260_000
    assert "demo-secret" in out


def test_a_failed_step_need_not_fail_the_play(api: Client) -> None:
    play = api.sim.start("continue_on_error")
    api.until_state(play, "DONE")
    assert "FAIL" in [layer["state"] for layer in api.layers(play).values()]


def test_a_long_play_shows_the_layers_to_come(api: Client) -> None:
    play = api.sim.start("long_running")
    api.until_state(play, "RUN")
    states = [layer["state"] for layer in api.layers(play).values()]
    assert states == ["RUN"] + ["NEW"] * 9


def test_a_run_is_started_once_per_key_of_a_done_play(api: Client) -> None:
    flow = api.read("/flows", category="logistics")["data"][1]["id"]
    body = {"args": {"order": "ORD-999"}, "idempotencyKey": "process-ORD-999"}
    first = api.ask(f"/flows/{flow}/run", "POST", json=body).json()
    assert first["state"] == "RUN"
    api.until_state(first["playId"], "DONE")
    again = api.ask(f"/flows/{flow}/run", "POST", json=body).json()
    assert (again["playId"], again["state"]) == (first["playId"], "DONE")
    what = {"ref": first["playId"], "flow": flow, "values": body["args"]}
    assert api.sim.effects == {"start": [what | {"key": "process-ORD-999"}]}
    assert api.read(f"/plays/{first['playId']}")["args"] == body["args"]


def test_a_disabled_flow_runs_only_by_force(api: Client) -> None:
    flow = api.read("/flows", enabled="false")["data"][0]["id"]
    refused(api.ask(f"/flows/{flow}/run", "POST", json={}), 400, "VALIDATION_ERROR")
    assert api.ask(f"/flows/{flow}/run", "POST", json={"force": True}).ok
    refused(api.ask(f"/flows/{flow}/run", "POST", json={"args": []}), 400, "VALIDATION_ERROR")


def test_an_answer_lost_on_the_way_was_carried_out_once(api: Client) -> None:
    play = api.sim.start("approval")
    api.until_state(play, "WAIT")
    layer = api.waiting(play)[0]["id"]
    api.sim.fault("down", method="POST", times=1, execute="before")
    with pytest.raises(requests.ConnectionError):
        api.decide(play, layer)
    refused(api.decide(play, layer), 400, "VALIDATION_ERROR")
    assert len(api.sim.effects["approve"]) == 1


def hear(socket: ClientConnection, last: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != last:
        events.append(json.loads(socket.recv(timeout=8)))
    return events


def hear_all(socket: ClientConnection) -> list[dict[str, Any]]:
    """What has come, until half a second of silence."""
    events = []
    with contextlib.suppress(TimeoutError):
        while True:
            events.append(json.loads(socket.recv(timeout=0.5)))
    return events


def test_the_socket_tells_of_every_step_and_the_end(api: Client) -> None:
    with api.listen() as socket:
        play = api.sim.start("quick_done")
        events = hear(socket, "play:completed")
    kinds = [event["type"] for event in events]
    assert kinds[0] == "play:started"
    assert kinds.count("play:layer:started") == kinds.count("play:layer:completed")
    assert events[-1]["duration"] > 100
    assert {event["playId"] for event in events} == {play}
    completed = next(event for event in events if event["type"] == "play:layer:completed")
    assert {"flowId", "layerId", "ref", "state", "out", "timestamp"} <= set(completed)


def test_the_socket_tells_of_approvals_and_failures(api: Client) -> None:
    with api.listen() as socket:
        play = api.sim.start("approval")
        waiting = hear(socket, "play:waiting")[-1]
        assert waiting["ref"] == "approvePayOut"
        api.decide(play, waiting["layerId"], "declined")
        failed, ended = hear(socket, "play:failed")
    assert failed["type"] == "play:layer:failed"
    assert (ended["ref"], ended["error"]) == ("approvePayOut", "Declined: seen")


def test_holds_and_outside_events_have_no_event(api: Client) -> None:
    with api.listen() as socket:
        held, event = api.sim.start("on_hold"), api.sim.start("external_event")
        api.until_state(held, "ON_HOLD")
        api.until_state(event, "WAIT")
        kinds = {event["type"] for event in hear_all(socket)}
    assert kinds == {"play:started", "play:layer:started", "play:layer:completed"}


def test_the_socket_wants_a_key_or_a_session(api: Client) -> None:
    address = api.sim.base_url.replace("http", "ws") + "/api/ws"
    with pytest.raises(InvalidStatus) as nobody, connect(address, proxy=None):
        pass
    assert nobody.value.response.status_code == 401
    with pytest.raises(InvalidStatus), connect(f"{address}?token={flow8.MCP_KEY}", proxy=None):
        pass
    api.ask("/auth/login", "POST", json={"email": flow8.EMAIL, "password": flow8.PASSWORD})
    cookie = {"Cookie": f"sid={api.session.cookies['sid']}"}
    with connect(address, proxy=None, additional_headers=cookie) as socket:
        api.sim.start("quick_done")
        assert hear(socket, "play:completed")


def test_the_socket_can_be_dropped_and_comes_back_without_replay(api: Client) -> None:
    with api.listen() as socket:
        api.sim.option(ws="drop")
        with pytest.raises(ConnectionClosed):
            socket.recv(timeout=8)
    play = api.sim.start("quick_done")
    api.until_state(play, "DONE")
    api.sim.option(ws="ok")
    with api.listen() as socket, pytest.raises(TimeoutError):
        socket.recv(timeout=0.4)
    api.sim.option(ws="refuse")
    with pytest.raises(InvalidStatus), api.listen():
        pass


def test_the_script_tells_every_state_change(api: Client) -> None:
    play = api.sim.start("approval")
    api.until_state(play, "WAIT")
    api.decide(play, api.waiting(play)[0]["id"])
    api.until_state(play, "DONE")
    (told,) = api.sim.script
    states = [change["status"] for change in told["changes"]]
    assert states == ["NEW", "RUN", "WAIT", "RUN", "DONE"]


def test_the_demo_looks_like_a_morning() -> None:
    with serve.running("flow8", populate=True) as sim:
        client = Client(sim)
        states = [
            row["state"]
            for n in range(8)
            for row in client.read("/plays", size=100, page=n)["data"]
        ]
    assert len(states) > 400
    assert {"DONE", "FAIL", "WAIT", "ON_HOLD", "DEFERRED", "RUN"} <= set(states)
    assert 2 <= states.count("FAIL") <= len(states) / 5
    assert states.count("DONE") > len(states) / 2
