"""Simulated Generio behaves as the vendor's pages say, seen over real HTTP."""

import base64
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from providers.demo.generio.api import EXPIRED_KEY
from providers.demo.serve import Running, running

GLB = "data:model/gltf-binary;base64,Z2xURgIAAAA="
PROMPT = {"template": "model_generate_fromprompt"}


class Client:
    def __init__(self, sim: Running) -> None:
        self.sim = sim
        self.session = requests.Session()
        self.key = sim.api_key

    def call(self, method: str, path: str, **rest: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{self.sim.base_url}{path}"
        return self.session.request(method, url, headers=headers, timeout=10, **rest)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        answer.raise_for_status()
        return answer.json()

    def act(self, ref: str, action: str) -> requests.Response:
        return self.call("PATCH", f"/flows/{ref}", json={"action": action})

    def until(self, ref: str, *wanted: str) -> dict[str, Any]:
        for _ in range(200):
            now = dict(self.get(f"/flows/{ref}"))
            if now["state"] in wanted:
                return now
            time.sleep(0.03)
        raise AssertionError(f"{ref} is {now['state']}, never one of {wanted}")


@pytest.fixture(scope="module")
def sim() -> Iterator[Running]:
    with running("generio", speed=20) as simulated:
        yield simulated


@pytest.fixture
def client(sim: Running) -> Iterator[Client]:
    yield Client(sim)
    sim.world.options.clear()


def effects(sim: Running, kind: str, ref: str) -> list[Any]:
    found = sim.effects.get(kind, [])
    return [
        each for each in found if each == ref or (isinstance(each, dict) and each["ref"] == ref)
    ]


def states(sim: Running, ref: str) -> list[str]:
    run = next(run for run in sim.script if run["ref"] == ref)
    return [change["status"] for change in run["changes"]]


def test_a_wrong_key_and_an_expired_one_get_different_texts(client: Client) -> None:
    client.key = "wrong"
    wrong = client.call("GET", "/templates")
    client.key = EXPIRED_KEY
    expired = client.call("GET", "/templates")
    assert (wrong.status_code, expired.status_code) == (401, 401)
    assert "expired" not in wrong.json()["detail"]
    assert "expired" in expired.json()["detail"]


def test_a_key_that_worked_may_expire(client: Client) -> None:
    assert client.call("GET", "/flows").ok
    client.sim.option(expired=True)
    assert "expired" in client.call("GET", "/flows").json()["detail"]


def test_the_published_templates_are_there(client: Client) -> None:
    names = [each["name"] for each in client.get("/templates")["templates"]]
    assert names[:3] == ["model_generate_fromprompt", "model_generate_fromimage", "model_optimize"]


@pytest.mark.parametrize(
    ("scenario", "passed"),
    [
        ("generate_success", ["created", "starting", "running", "completed"]),
        ("optimize_success", ["created", "starting", "running", "completed"]),
        ("failing", ["created", "starting", "running", "failed"]),
        ("partial_output_error", ["created", "starting", "running", "completed"]),
        ("aborted", ["created", "starting", "running", "aborting", "aborted"]),
    ],
)
def test_a_scenario_passes_its_states(client: Client, scenario: str, passed: list[str]) -> None:
    ref = client.sim.start(scenario, seconds=4)
    shown = client.until(ref, passed[-1])
    assert states(client.sim, ref) == passed
    assert shown["created_at"] <= shown["started_at"] <= shown["finished_at"]
    assert (shown["progress"] == 1.0) == (passed[-1] == "completed")


def test_progress_is_a_fraction_that_grows(client: Client) -> None:
    ref = client.sim.start("long_running", seconds=20)
    client.until(ref, "running")
    seen = [client.get(f"/flows/{ref}")["progress"]]
    time.sleep(0.5)
    seen.append(client.get(f"/flows/{ref}")["progress"])
    assert 0 <= seen[0] < seen[1] < 1


def test_an_unknown_state_is_passed_on(client: Client) -> None:
    assert client.until(client.sim.start("unknown_state"), "hibernating")["finished_at"] is None


def test_an_abort_passes_aborting_and_is_carried_out_once(client: Client) -> None:
    ref = client.sim.start("long_running")
    client.until(ref, "running")
    assert client.act(ref, "abort").json()["state"] == "aborting"
    assert client.act(ref, "abort").status_code == 409
    client.until(ref, "aborted")
    assert effects(client.sim, "cancel", ref) == [ref]
    assert client.act(ref, "abort").status_code == 409


@pytest.mark.parametrize("code", [400, 422])
def test_a_command_in_the_wrong_state_may_have_another_code(client: Client, code: int) -> None:
    client.sim.option(wrong_state=code)
    answer = client.act(client.sim.start("created_waits"), "abort")
    assert (answer.status_code, "cannot be aborted" in answer.json()["detail"]) == (code, True)


def test_a_created_flow_waits_for_its_start_even_with_inputs(client: Client) -> None:
    ref = client.sim.start("created_waits", inputs=0, seconds=20_000)
    assert client.act(ref, "start").status_code == 409  # nothing to work on
    added = client.call("POST", f"/flows/{ref}/inputs", json={"data": "A chair", "additional": 7})
    asset = added.json()["asset_id"]
    assert client.get(f"/flows/{ref}")["state"] == "created"
    assert client.act(ref, "start").json()["state"] == "starting"
    assert client.act(ref, "start").status_code == 409
    assert effects(client.sim, "begin", ref) == [ref]
    expected = {"ref": ref, "asset_id": asset, "mime": "text/plain", "size": 7, "additional": 7}
    assert effects(client.sim, "input", ref) == [expected]
    late = client.call("POST", f"/flows/{ref}/inputs", json={"data": "A table"})
    assert late.status_code == 409


def test_inputs_are_listed_without_data_unless_asked(client: Client) -> None:
    ref = client.sim.start("created_waits")
    (bare,) = client.get(f"/flows/{ref}/inputs")["inputs"]
    (full,) = client.get(f"/flows/{ref}/inputs", include_data="true")["inputs"]
    assert (bare["data"], full["data"][:8]) == (None, "A sturdy")
    assert client.get(f"/flows/{ref}/inputs/{bare['asset_id']}")["data"] == full["data"]


def test_a_flow_created_with_inputs_starts_itself(client: Client) -> None:
    body = {
        "template": "model_optimize",
        "parameters": {"polygon_count": 20000},
        "inputs": [{"data": GLB, "additional": {"part": "leg"}}],
        "additional": {"ticket": "CHAIR-7"},
    }
    made = client.call("POST", "/flows", json=body).json()
    assert (set(made), made["state"]) == ({"flow_id", "state"}, "created")
    assert client.act(made["flow_id"], "start").status_code == 409
    shown = client.until(made["flow_id"], "completed")
    assert shown["parameters"] == {"polygon_count": 20000}
    assert shown["additional"] == {"ticket": "CHAIR-7"}
    (done,) = effects(client.sim, "start", made["flow_id"])
    assert (done["inputs"], done["additional"]) == (1, {"ticket": "CHAIR-7"})


def test_a_flow_created_without_inputs_stays_created(client: Client) -> None:
    ref = client.call("POST", "/flows", json=PROMPT).json()["flow_id"]
    time.sleep(0.3)
    assert client.get(f"/flows/{ref}")["state"] == "created"


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"template": "nonsense"}, ["body", "template"]),
        ({**PROMPT, "inputs": [{"data": GLB}]}, ["body", "inputs", 0, "data"]),
        ({**PROMPT, "inputs": [{}]}, ["body", "inputs", 0, "data"]),
        (["list"], ["body"]),
    ],
)
def test_a_bad_create_is_a_422_with_its_place(client: Client, body: Any, loc: list[Any]) -> None:
    before = len(client.sim.effects.get("start", []))
    answer = client.call("POST", "/flows", json=body)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, loc)
    assert len(client.sim.effects.get("start", [])) == before


def test_filters_know_their_words_and_starting_is_none_of_them(client: Client) -> None:
    client.until(client.sim.start("long_running"), "running")
    ref = client.sim.start("created_waits")
    rows = client.get("/flows", filter_by="created", sort_by="state")["flows"]
    assert ref in [row["flow_id"] for row in rows]
    assert {row["state"] for row in rows} == {"created"}
    for query in ("filter_by=starting", "sort_by=size"):
        answer = client.call("GET", f"/flows?{query}")
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["query", query.split("=")[0]]


def test_the_list_comes_in_several_wrappers_and_in_pages(client: Client) -> None:
    for _ in range(3):
        client.sim.start("created_waits")
    whole = client.get("/flows")["flows"]
    client.sim.option(wrap="array")
    assert [row["flow_id"] for row in client.get("/flows")] == [row["flow_id"] for row in whole]
    client.sim.option(wrap="items", page_size=2)
    first = client.get("/flows")
    assert (len(first["items"]), first["total"]) == (min(2, len(whole)), len(whole))
    refs = [
        r["flow_id"]
        for p in range(first["pages"])
        for r in client.get("/flows", page=p + 1)["items"]
    ]
    assert sorted(refs) == sorted(row["flow_id"] for row in whole)


@pytest.mark.parametrize("code", [409, 422])
def test_outputs_before_the_end_are_refused(client: Client, code: int) -> None:
    client.sim.option(early_outputs=code)
    ref = client.sim.start("long_running")
    assert client.call("GET", f"/flows/{ref}/outputs").status_code == code


@pytest.mark.parametrize("style", ["json", "raw"])
def test_an_output_is_a_real_model_as_data_uri_or_as_bytes(client: Client, style: str) -> None:
    client.sim.option(content=style)
    ref = client.sim.start("generate_success", seconds=2, size=10_001)
    client.until(ref, "completed")
    (item,) = client.get(f"/flows/{ref}/outputs")["outputs"]
    assert (item["status"], item["data"]) == ("ready", None)
    answer = client.call("GET", f"/flows/{ref}/outputs/{item['asset_id']}")
    if style == "json":
        head, _, payload = answer.json()["data"].partition(",")
        assert head == "data:model/gltf-binary;base64"
        content = base64.b64decode(payload)
    else:
        assert answer.headers["Content-Type"] == "model/gltf-binary"
        content = answer.content
    assert struct.unpack("<4sII", content[:12]) == (b"glTF", 2, len(content))
    assert len(content) > 10_000


def test_one_output_in_error_leaves_the_flow_completed(client: Client) -> None:
    client.sim.option(output_key="id", ready_word="available")
    ref = client.sim.start("partial_output_error", seconds=2)
    client.until(ref, "completed")
    good, bad = client.get(f"/flows/{ref}/outputs")["outputs"]
    assert (good["status"], bad["status"]) == ("available", "error")
    assert "UV" in bad["error"]
    assert client.call("GET", f"/flows/{ref}/outputs/{bad['id']}").status_code == 409


def test_the_reason_of_a_failure_is_told_of_the_output_and_elsewhere_on_request(
    client: Client,
) -> None:
    ref = client.sim.start("failing", seconds=2)
    assert "error" not in client.until(ref, "failed")
    (item,) = client.get(f"/flows/{ref}/outputs")["outputs"]
    assert "triangles" in item["error"]
    client.sim.option(error_field="error_message")
    assert "triangles" in client.get(f"/flows/{ref}")["error_message"]


def test_times_come_in_three_styles(client: Client) -> None:
    ref = client.sim.start("created_waits")
    assert client.get(f"/flows/{ref}")["created_at"].endswith("Z")
    client.sim.option(times="naive")
    assert not client.get(f"/flows/{ref}")["created_at"].endswith("Z")
    client.sim.option(times="epoch")
    assert abs(client.get(f"/flows/{ref}")["created_at"] - time.time()) < 60


def test_a_delete_erases_and_is_refused_while_work_goes_on(client: Client) -> None:
    busy, idle = client.sim.start("long_running"), client.sim.start("created_waits")
    client.until(busy, "starting", "running")
    assert client.call("DELETE", f"/flows/{busy}").status_code == 409
    assert client.call("DELETE", f"/flows/{idle}").status_code == 204
    assert client.call("GET", f"/flows/{idle}").status_code == 404
    assert client.sim.effects["erased"] == [idle]


def test_unknown_flows_are_404_and_malformed_ids_422(client: Client) -> None:
    assert client.call("GET", f"/flows/{'0' * 24}").json() == {"detail": "Flow not found"}
    answer = client.call("GET", "/flows/nonsense")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["path", "flow_id"])
    assert client.act("0" * 24, "abort").status_code == 404


def test_the_demo_population_is_a_believable_morning() -> None:
    with running("generio", populate=True) as sim:
        rows = Client(sim).get("/flows")["flows"]
    words = [row["state"] for row in rows]
    names = {row["template"] for row in rows}
    assert len(rows) > 150
    assert 1 <= words.count("failed") <= len(rows) / 8
    assert words.count("completed") > len(words) / 2
    assert len(names) == 5
    assert any(not name.isascii() for name in names)
