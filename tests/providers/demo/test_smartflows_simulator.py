"""Simulated Smart Flows behaves as the vendor's pages say, seen over real HTTP."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from providers.demo.serve import Running, running
from tests.busy import LATE

RUNS = "/api/v1/flows/executions"
WORDS = {
    "Success",
    "Warning",
    "Error",
    "Interrupted",
    "Canceled",
    "Running",
    "Waiting",
    "Queued",
    "UserInput",
    "SelectFlow",
}


class Client:
    def __init__(self, sim: Running) -> None:
        self.sim = sim
        self.session = requests.Session()
        self.session.headers["X-API-Key"] = sim.api_key

    def call(self, method: str, path: str, **rest: Any) -> requests.Response:
        return self.session.request(method, f"{self.sim.base_url}{path}", timeout=10, **rest)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        answer.raise_for_status()
        return answer.json()

    def progress(self, ref: str) -> dict[str, Any]:
        return dict(self.get(f"{RUNS}/{ref}/progress", timeout=0))

    def until(self, ref: str, *wanted: str) -> dict[str, Any]:
        for _ in range(200):
            now = self.progress(ref)
            if now["status"] in wanted:
                return now
            time.sleep(0.03)
        raise AssertionError(f"{ref} is {now['status']}, never one of {wanted}")

    def answer(self, ref: str, values: Any) -> requests.Response:
        return self.call("POST", f"{RUNS}/{ref}/progress", json=values)


@pytest.fixture(scope="module")
def sim() -> Iterator[Running]:
    with running("smartflows", speed=20) as simulated:
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


def titles(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Fields of a form by their title, sections walked through."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if "key" in entry:
            found[entry["title"]] = entry
        found |= titles(entry.get("items", []))
    return found


def test_a_wrong_or_missing_key_gets_a_spring_error(client: Client) -> None:
    for key in ("wrong", None):
        client.session.headers["X-API-Key"] = key
        answer = client.call("GET", RUNS)
        assert answer.status_code == 401
        assert set(answer.json()) == {"timestamp", "status", "error", "message", "path"}


def test_a_license_without_api_use_is_a_403(client: Client) -> None:
    client.sim.option(license=False)
    answer = client.call("GET", "/api/v1/users/me")
    assert (answer.status_code, "license" in answer.json()["message"]) == (403, True)


def test_the_key_belongs_to_somebody(client: Client) -> None:
    assert client.get("/api/v1/users/me")["displayName"] == "Operations dashboard"


@pytest.mark.parametrize(
    ("scenario", "word"),
    [
        ("quick_success", "Success"),
        ("nested_report", "Warning"),
        ("failing", "Error"),
        ("interrupted", "Interrupted"),
        ("canceled_elsewhere", "Canceled"),
        ("long_running", "Running"),
        ("waiting_esign", "Waiting"),
        ("queued_long", "Queued"),
        ("one_round_form", "UserInput"),
        ("select_flow", "SelectFlow"),
    ],
)
def test_each_of_the_ten_states_can_be_seen(client: Client, scenario: str, word: str) -> None:
    ref = client.sim.start(scenario)
    seen = client.until(ref, word)
    assert (seen["id"], word in WORDS) == (ref, True)
    assert client.get(f"{RUNS}/{ref}")["status"] == word
    rows = client.get(RUNS, size=1000)
    assert next(row for row in rows if row["id"] == ref)["status"] == word


def test_a_failed_run_says_why_and_never_reaches_100(client: Client) -> None:
    ref = client.sim.start("failing")
    seen = client.until(ref, "Error")
    assert "policy.endDate" in seen["message"]
    assert 0 < seen["percentage"] < 100


def test_the_first_answer_of_a_run_has_four_fields_only(client: Client) -> None:
    ref = client.sim.start("queued_long")
    assert set(client.progress(ref)) == {"id", "percentage", "message", "status"}


def test_a_progress_request_is_held_until_something_changes(client: Client) -> None:
    ref = client.sim.start("two_round_form", seconds=30)  # 1.5 s a round at this speed
    client.until(ref, "UserInput")
    first = client.progress(ref)["schema"]
    begun = time.monotonic()
    seen = client.get(f"{RUNS}/{ref}/progress")
    assert time.monotonic() - begun > 0.5
    assert seen["status"] == "Running" or seen["schema"] != first
    assert seen["status"] != "Success"


def test_a_timeout_ends_the_wait_and_a_finished_run_never_waits(client: Client) -> None:
    waiting = client.sim.start("one_round_form")
    client.until(waiting, "UserInput")
    begun = time.monotonic()
    client.get(f"{RUNS}/{waiting}/progress", timeout=1)
    assert 0.9 < time.monotonic() - begun < 1 + LATE
    done = client.sim.start("quick_success")
    client.until(done, "Success")
    begun = time.monotonic()
    client.get(f"{RUNS}/{done}/progress", timeout=30)
    assert time.monotonic() - begun < LATE


def test_an_answer_resumes_the_run_and_a_second_one_is_refused(client: Client) -> None:
    ref = client.sim.start("one_round_form")
    shown = client.until(ref, "UserInput")
    assert shown["form"][0]["items"][0]["key"] in shown["schema"]["properties"]
    values = dict.fromkeys(shown["schema"]["properties"], "x")
    assert client.answer(ref, values).json()["status"] == "Running"
    assert client.answer(ref, values).status_code == 409
    client.until(ref, "Success")
    (done,) = effects(client.sim, "answer", ref)
    assert (done["round"], done["values"], done["stored"]) == (1, values, values)


def test_a_property_left_out_is_blanked_although_the_model_had_a_value(client: Client) -> None:
    ref = client.sim.start("big_form")
    shown = client.until(ref, "UserInput")
    client.answer(ref, {})
    (done,) = effects(client.sim, "answer", ref)
    assert set(done["stored"]) == set(shown["schema"]["properties"])
    assert set(done["stored"].values()) == {None}
    assert len(shown["model"]) >= 5


@pytest.mark.parametrize(
    ("kind", "asked"), [("business", "Company name"), ("private", "Full name")]
)
def test_the_second_form_depends_on_the_first_answer(client: Client, kind: str, asked: str) -> None:
    ref = client.sim.start("two_round_form")
    first = client.until(ref, "UserInput")
    (key,) = first["schema"]["properties"]
    client.answer(ref, {key: kind})
    assert client.until(ref, "Running", "UserInput")
    second = client.until(ref, "UserInput")
    assert asked in titles(second["form"])
    assert key not in second["schema"]["properties"]
    client.answer(ref, {})
    client.until(ref, "Success")
    assert [each["round"] for each in effects(client.sim, "answer", ref)] == [1, 2]


def test_the_big_form_has_every_kind_of_field(client: Client) -> None:
    shown = client.until(client.sim.start("big_form"), "UserInput")
    properties, fields = shown["schema"]["properties"], titles(shown["form"])
    kinds = {each["type"] for each in properties.values()}
    assert kinds == {"string", "number", "integer", "boolean", "array"}
    assert fields["Claim number"]["readonly"] is True
    assert fields["Cause of damage"]["titleMap"][0] == {"value": "water", "name": "Water pipe"}
    assert fields["Cause of damage"]["key"] in fields["Which cause"]["condition"]
    assert len(set(properties) - {each["key"] for each in fields.values()}) == 1  # the hidden one


def test_hostile_texts_arrive_as_they_are(client: Client) -> None:
    shown = client.until(client.sim.start("html_in_texts"), "UserInput")
    text = json.dumps([shown["form"], shown["model"]])
    assert "<script>" in text
    assert "hx-get=" in text


def test_a_form_may_be_garbage_and_the_run_can_be_canceled_all_the_same(client: Client) -> None:
    ref = client.sim.start("unparsable_form")
    assert client.until(ref, "UserInput")["schema"] == "<<< not a schema"
    assert client.call("DELETE", f"{RUNS}/{ref}").ok
    assert client.progress(ref)["status"] == "Canceled"


def test_someone_else_may_answer_first(client: Client) -> None:
    ref = client.sim.start("answered_elsewhere", seconds=6)
    client.until(ref, "UserInput")
    client.until(ref, "Running", "Success")
    assert client.answer(ref, {}).status_code == 409
    assert effects(client.sim, "answer", ref) == []


def test_a_delete_cancels_once_and_on_an_ended_run_it_erases(client: Client) -> None:
    refs = [client.sim.start("long_running", seconds=6000) for _ in range(12)]
    rows = [client.get(f"{RUNS}/{ref}") for ref in refs]
    ref = next(row["id"] for row in rows if row["createdBy"]["displayName"] == "Mira Olsen")
    assert client.call("DELETE", f"{RUNS}/{ref}").status_code == 204
    row = client.get(f"{RUNS}/{ref}")
    assert (row["status"], row["modifiedBy"]["displayName"]) == ("Canceled", "Operations dashboard")
    assert client.call("DELETE", f"{RUNS}/{ref}").status_code == 204
    assert client.call("GET", f"{RUNS}/{ref}").status_code == 404
    assert effects(client.sim, "cancel", ref) == [ref]
    assert effects(client.sim, "erased", ref) == [ref]
    assert ref in [run["ref"] for run in client.sim.script]


def test_an_older_installation_cancels_at_the_progress(client: Client) -> None:
    client.sim.option(cancel_path="progress")
    ref = client.sim.start("queued_long")
    assert client.call("DELETE", f"{RUNS}/{ref}").status_code == 405
    answer = client.call("DELETE", f"{RUNS}/{ref}/progress")
    assert answer.json()["status"] == "Canceled"
    assert effects(client.sim, "cancel", ref) == [ref]


def test_the_report_nests_and_tells_of_the_catch(client: Client) -> None:
    ref = client.sim.start("nested_report")
    client.until(ref, "Warning")
    state = client.get(f"{RUNS}/{ref}")["state"]
    assert [each["id"] for each in state["iterations"]] == ["a0c4", "2"]
    skipped, taken, last = state["report"][0]["blocks"]
    inner = skipped["condition"]["body"][0]["blocks"][0]
    assert (skipped["condition"]["result"], inner["step"]) == (False, {"status": "Skipped"})
    switch, guarded = taken["condition"]["body"][0]["blocks"]
    assert switch["switch"]["caseValue"] == "nordic"
    assert guarded["try"]["error"] == "SMTP connection refused"
    assert guarded["try"]["bodyTry"][0]["blocks"][0]["step"]["status"] == "Error"
    assert guarded["try"]["bodyCatch"][0]["blocks"][0]["step"]["status"] == "Output"
    assert last["step"]["start"] < last["step"]["end"]


def test_the_details_of_a_waiting_run_say_for_what(client: Client) -> None:
    ref = client.sim.start("waiting_esign")
    client.until(ref, "Waiting")
    state = client.get(f"{RUNS}/{ref}")["state"]
    assert state["waitingFor"].startswith("E-sign")
    assert state["report"][0]["blocks"][1]["step"]["status"] == "Waiting"
    assert len(state["stages"]) == 1
    assert state["stages"][0]["lastProgress"]["status"] == "Waiting"


def test_documents_appear_in_the_model_at_the_end(client: Client) -> None:
    ref = client.sim.start("with_documents")
    client.until(ref, "Success")
    first, second = client.progress(ref)["model"].values()
    names = [each["displayName"] for each in second["attachments"]]
    assert names[0] == "Kündigung 3/4: Müller & Söhne"
    assert first["lease"]["type"] == "document"
    info = client.get(f"/api/v1/documents/{first['lease']['id']}")
    assert info["contentType"].endswith("wordprocessingml.document")
    outputs = client.get(f"{RUNS}/{ref}/status", output="lease")["outputs"]
    assert list(outputs) == ["lease"]


def test_content_is_a_real_file_at_the_path_this_installation_has(client: Client) -> None:
    ref = client.sim.start("with_documents")
    client.until(ref, "Success")
    first, second = client.progress(ref)["model"].values()
    word, pdf = first["lease"]["id"], second["attachments"][0]["id"]
    paths = {"seed": "/api/v1/documents/content/{}", "guide": "/api/v1/documents/{}/content"}
    for here, there in (("seed", "guide"), ("guide", "seed")):
        client.sim.option(content_path=here)
        assert client.call("GET", paths[there].format(word)).status_code == 404
        content = client.call("GET", paths[here].format(word)).content
        assert "word/document.xml" in zipfile.ZipFile(io.BytesIO(content)).namelist()
        answer = client.call("GET", paths[here].format(pdf))
        assert answer.headers["Content-Type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-1.4")


def test_absurd_runs_keep_the_lists_working(client: Client) -> None:
    ref = client.sim.start("absurd")
    for variant in ("nameless", "far", "bare"):
        client.sim.start("absurd", variant=variant)
    rows = client.get(RUNS, size=1000, sort="createdAt,desc")
    row = next(row for row in rows if row["id"] == ref)
    assert (row["status"], row["createdAt"]) == ("Quantum", "0000-13-45T99:99:99Z")
    assert row["flow"] == {"displayName": "Na\0me"}
    assert "modifiedAt" not in row
    assert client.progress(ref)["percentage"] == 4711
    assert any("status" not in row for row in rows)


def walk(client: Client, fetch: Callable[[int], Any]) -> list[str]:
    refs: list[str] = []
    number = 0
    while rows := fetch(number):
        refs += [row["id"] for row in rows]
        number += 1
    return refs


def test_paging_brings_every_run_once(client: Client) -> None:
    everything = {row["id"] for row in client.get(RUNS, size=1000)}
    refs = walk(client, lambda page: client.get(RUNS, page=page, size=7, sort="createdAt,asc"))
    assert (set(refs), len(refs)) == (everything, len(everything))
    client.sim.option(wrap="page", max_size=5)
    refs = walk(client, lambda page: client.get(RUNS, page=page, size=7)["content"])
    assert (set(refs), len(refs)) == (everything, len(everything))
    assert client.get(RUNS, size=7)["totalElements"] == len(everything)


def test_the_filter_takes_a_tree_of_conditions(client: Client) -> None:
    queued, done = client.sim.start("queued_long"), client.sim.start("quick_success", age=86_400)
    client.until(done, "Success")
    recent = {"key": "createdAt", "operator": "greaterThanOrEqualTo", "values": ["2026-01-01"]}
    active = {"key": "status", "operator": "in", "values": ["Queued", "Running"]}
    never = {"group": {"type": "or", "nodes": [{"condition": {**active, "values": ["Quantum"]}}]}}

    def found(*nodes: Any) -> set[str]:
        body = {"group": {"type": "and", "nodes": list(nodes)}}
        answer = client.call("POST", f"{RUNS}/filter?page=0&size=1000", json=body)
        return {row["id"] for row in answer.json()}

    assert found({"condition": active}) & {queued, done} == {queued}
    assert found({"condition": recent}) >= {queued, done}
    assert found({"condition": active}, never) == set()


@pytest.mark.parametrize(
    "tree",
    [
        {"condition": {"key": "status", "operator": "resembles", "values": ["x"]}},
        {"condition": {"key": "color", "operator": "in", "values": ["x"]}},
        {"group": {"type": "xor", "nodes": []}},
        {"status": "Running"},
        ["Running"],
    ],
)
def test_a_filter_not_as_documented_is_a_400(client: Client, tree: Any) -> None:
    client.sim.start("queued_long")
    assert client.call("POST", f"{RUNS}/filter", json=tree).status_code == 400


def test_an_installation_may_refuse_filter_and_sort(client: Client) -> None:
    client.sim.option(filter="refuse", sort="refuse")
    assert client.call("POST", f"{RUNS}/filter", json={}).status_code == 400
    assert client.call("GET", f"{RUNS}?sort=createdAt,desc").status_code == 400
    assert client.call("GET", RUNS).status_code == 200


def test_the_runs_of_one_flow_have_a_list_of_their_own(client: Client) -> None:
    client.sim.start("quick_success")
    ref = client.sim.start("quick_success", flow="Only mine")
    flow = client.get(f"{RUNS}/{ref}")["flow"]
    assert [row["id"] for row in client.get(f"/api/v1/flows/{flow['id']}/executions")] == [ref]


@pytest.mark.parametrize(("path", "asks"), [(RUNS, True), (f"{RUNS}/start", False)])
def test_a_start_makes_one_run_and_one_of_the_two_never_asks(
    client: Client, path: str, asks: bool
) -> None:
    flows = client.get("/api/v1/flows", size=50)
    flow = next(each for each in flows if each["displayName"] == "Lease contract")
    answer = client.call("POST", path, params={"flowId": flow["id"]}, data="<data/>").json()
    assert set(answer) == {"id", "percentage", "message", "status"}
    (done,) = effects(client.sim, "start", answer["id"])
    assert (done["flowId"], done["body"]) == (flow["id"], "<data/>")
    client.until(answer["id"], "UserInput" if asks else "Success")


def test_unknown_things_are_404_and_malformed_ids_400(client: Client) -> None:
    ref = "85f8fe94-6f61-4216-af6c-4889e2547b72"
    for method, path in (("GET", ""), ("GET", "/progress"), ("DELETE", ""), ("GET", "/status")):
        assert client.call(method, f"{RUNS}/{ref}{path}").status_code == 404
    assert client.call("GET", f"{RUNS}/17").status_code == 400
    assert client.call("POST", f"{RUNS}?flowId={ref}").status_code == 404
    assert client.call("GET", f"/api/v1/documents/content/{ref}").status_code == 404


def test_the_demo_population_is_a_believable_morning() -> None:
    with running("smartflows", populate=True) as sim:
        rows = Client(sim).get(RUNS, size=5000)
        names = {row["flow"]["displayName"] for row in rows}
        words = [row["status"] for row in rows]
        counted = Client(sim).call("POST", f"{RUNS}/statistics", json={}).json()
    assert len(rows) > 400
    assert len(names) >= 10
    assert any(not name.isascii() for name in names)
    assert 1 <= sum(word in ("Error", "Interrupted") for word in words) <= len(words) / 8
    assert words.count("Success") > len(words) / 2
    assert sum(day["totalCount"] for day in counted["perTime"]) == len(rows)
