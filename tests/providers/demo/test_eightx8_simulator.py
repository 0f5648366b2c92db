"""The simulated 8x8 Automation API answers as documented, over real HTTP."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from providers.demo import serve
from providers.demo.eightx8 import api as eightx8

UNKNOWN = "2aa9465e-dec7-4c3e-8fa6-bd168af9eaca"
NOTHING_THERE = "60dbe307fe55d99fc083db61"


class Client:
    """Speaks to one simulator as an integration would."""

    def __init__(self, sim: serve.Running) -> None:
        self.sim = sim
        self.root = f"{sim.base_url}/api/v1/accounts/{eightx8.ACCOUNT_ID}"

    def ask(self, path: str, method: str = "GET", **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {eightx8.API_KEY}"}
        return requests.request(method, self.root + path, headers=headers, timeout=10, **more)

    def begin(self, scenario: str, **options: Any) -> str:
        """Start one run; returns the path of the instance."""
        ref = self.sim.start(scenario, **options)
        told = next(run for run in self.sim.script if run["ref"] == ref)
        return f"/definitions/{told['definition']}/workflows/{ref}"

    def instance(self, path: str) -> dict[str, Any]:
        answer = self.ask(path, params={"includeLogs": "true"})
        assert answer.status_code == 200
        return dict(answer.json())

    def beside(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Instances beside this one."""
        answer = self.ask(path.rpartition("/")[0], params=query)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def steps(self, path: str) -> list[str]:
        return [step["status"] for step in self.instance(path)["logs"]]

    def errors(self, path: str) -> Any:
        return self.ask(f"{path}/errors").json()

    def command(self, path: str, posted: str) -> requests.Response:
        return self.ask(path, "PATCH", json={"status": posted})

    def until(self, claim: Callable[[], Any]) -> None:
        deadline = time.monotonic() + 8
        while not claim():
            assert time.monotonic() < deadline, "it never came to that"
            time.sleep(0.02)


@pytest.fixture
def api() -> Iterator[Client]:
    """Twenty times as fast as real: short steps last a quarter second, waits a minute."""
    with serve.running("eightx8", speed=20) as sim:
        yield Client(sim)


@pytest.fixture
def slow() -> Iterator[Client]:
    with serve.running("eightx8", speed=1) as sim:
        yield Client(sim)


@pytest.fixture
def quicker() -> Iterator[Client]:
    with serve.running("eightx8", speed=100) as sim:
        yield Client(sim)


@pytest.fixture
def quick() -> Iterator[Client]:
    with serve.running("eightx8", speed=1000) as sim:
        yield Client(sim)


def refused(answer: requests.Response, status: int, code: int) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "errorId", "timestamp"}
    assert body["code"] == code


def test_a_wrong_or_missing_key_is_unauthorized(slow: Client) -> None:
    url = f"{slow.root}/definitions"
    refused(requests.get(url, timeout=5), 401, 1200)
    refused(requests.get(url, headers={"Authorization": "Bearer x"}, timeout=5), 401, 1200)


def test_a_key_has_no_right_to_another_account(slow: Client) -> None:
    slow.root = slow.root.replace(eightx8.ACCOUNT_ID, "another")
    refused(slow.ask("/definitions"), 403, 1201)


def test_malformed_ids_are_400_and_unknown_ones_404(slow: Client) -> None:
    path = slow.begin("waits_for_reply")
    beside = path.rpartition("/")[0]
    refused(slow.ask("/definitions/no-uuid/workflows"), 400, 1000)
    refused(slow.ask(f"{beside}/no-hex"), 400, 1000)
    refused(slow.ask(f"/definitions/{UNKNOWN}/workflows"), 404, 1300)
    refused(slow.ask(f"{beside}/{NOTHING_THERE}"), 404, 1300)
    refused(slow.ask(f"/definitions/{UNKNOWN}/workflows/{NOTHING_THERE}"), 404, 1300)
    slow.sim.option(unknown_definition="empty")
    assert slow.ask(f"/definitions/{UNKNOWN}/workflows").json() == []


OUT_OF_BOUNDS = [
    "limit=0",
    "limit=501",
    "limit=x",
    "offset=-1",
    "version=0",
    "status=Running",
    "startTimeFrom=noon",
]


def test_a_filter_out_of_bounds_is_400(slow: Client) -> None:
    beside = slow.begin("sleeps").rpartition("/")[0]
    for query in OUT_OF_BOUNDS:
        refused(slow.ask(f"{beside}?{query}"), 400, 1000)


def test_definitions_carry_id_and_version_where_the_option_says(slow: Client) -> None:
    nested = slow.ask("/definitions").json()[0]
    slow.sim.option(definition_shape="top")
    top = slow.ask("/definitions").json()[0]
    assert "id" not in nested
    assert nested["definition"]["id"] == top["id"]
    assert nested["definition"]["version"] == top["version"]
    assert nested["subaccountId"] == top["subAccountId"]
    assert "id" not in top["definition"]


def test_versions_are_listed_newest_first(slow: Client) -> None:
    first = next(
        each for each in slow.ask("/definitions").json() if each["definition"]["version"] == 4
    )
    rows = slow.ask(f"/definitions/{first['definition']['id']}").json()
    assert [row["definition"]["version"] for row in rows] == [4, 3, 2, 1]
    assert slow.ask(f"/definitions/{UNKNOWN}").json() == []
    refused(slow.ask("/definitions/no-uuid"), 400, 1000)


def test_the_list_shows_the_latest_version_only_unless_asked(slow: Client) -> None:
    path = slow.begin("old_version")
    ref = path.rpartition("/")[2]
    assert slow.beside(path) == []
    assert [row["workflowId"] for row in slow.beside(path, version=1)] == [ref]


def test_the_list_is_filtered_by_status_and_start_time(slow: Client) -> None:
    old, new = slow.begin("sleeps", ago=4000), slow.begin("sleeps", ago=60)
    refs = [path.rpartition("/")[2] for path in (new, old)]
    assert [row["workflowId"] for row in slow.beside(new)] == refs
    assert [row["workflowId"] for row in slow.beside(new, status="Complete")] == refs[1:]
    assert [row["workflowId"] for row in slow.beside(new, status="Runnable")] == refs[:1]
    oldest = slow.beside(new)[-1]["startedAt"]
    assert len(slow.beside(new, startTimeTo=oldest)) == 1
    assert len(slow.beside(new, startTimeFrom=oldest)) == 2
    later = (datetime.fromisoformat(oldest) + timedelta(seconds=1)).isoformat()
    assert [row["workflowId"] for row in slow.beside(new, startTimeFrom=later)] == refs[:1]


def test_offset_counts_items_or_pages(slow: Client) -> None:
    paths = [slow.begin("sleeps", ago=10 * n) for n in range(5)]
    refs = [path.rpartition("/")[2] for path in paths]
    page = slow.beside(paths[0], limit=2, offset=1)
    assert [row["workflowId"] for row in page] == refs[1:3]
    slow.sim.option(offset_counts="pages")
    page = slow.beside(paths[0], limit=2, offset=1)
    assert [row["workflowId"] for row in page] == refs[2:4]


def test_an_instance_reads_as_documented(slow: Client) -> None:
    path = slow.begin("waits_for_reply")
    plain = slow.ask(path).json()
    assert "logs" not in plain
    assert plain["status"] == "Runnable"
    assert plain["completedAt"] is None
    assert re.fullmatch(r"[0-9a-f]{24}", plain["workflowId"])
    assert re.search(r"\.\d\dZ$", plain["startedAt"])
    assert re.search(r"\.\d{7}Z$", plain["data"]["triggeredAt"])
    assert plain["data"]["accountId"] == eightx8.ACCOUNT_ID


def test_a_quick_run_completes_with_all_its_steps(api: Client) -> None:
    path = api.begin("quick_success")
    api.until(lambda: api.instance(path)["status"] == "Complete")
    assert set(api.steps(path)) == {"Complete"}
    assert api.instance(path)["completedAt"].endswith("Z")
    assert api.errors(path) == []


@pytest.mark.parametrize(
    ("scenario", "word"), [("waits_for_reply", "WaitingForEvent"), ("sleeps", "Sleeping")]
)
def test_a_blocked_run_is_runnable_and_its_step_tells_why(
    api: Client, scenario: str, word: str
) -> None:
    path = api.begin(scenario)
    api.until(lambda: api.steps(path)[-1] == word)
    assert api.instance(path)["status"] == "Runnable"
    assert api.instance(path)["logs"][-1]["completedAt"] is None
    api.sim.option(open_steps="missing")
    assert "completedAt" not in api.instance(path)["logs"][-1]


def test_a_long_run_shows_its_next_step_pending_under_a_stable_id(api: Client) -> None:
    path = api.begin("running_long")
    running, pending = api.instance(path)["logs"]
    assert (running["status"], pending["status"]) == ("Running", "Pending")
    assert pending["startedAt"] is None
    api.until(lambda: len(api.steps(path)) == 3)
    assert api.instance(path)["logs"][1]["id"] == pending["id"]


def test_a_fault_terminates_and_the_errors_tell_why(api: Client) -> None:
    path = api.begin("faulted")
    api.until(lambda: api.instance(path)["status"] == "Terminated")
    (error,) = api.errors(path)
    assert set(error) == {"workflowId", "step", "message", "errorTime"}
    assert api.steps(path)[-1] == "Failed"
    api.sim.option(errors_shape="object")
    assert api.errors(path) == error
    api.sim.option(errors_fail=True)
    refused(api.ask(f"{path}/errors"), 500, 2000)


def test_a_run_terminated_elsewhere_has_no_errors(quicker: Client) -> None:
    path = quicker.begin("terminated_elsewhere")
    quicker.until(lambda: quicker.instance(path)["status"] == "Terminated")
    assert quicker.errors(path) == []
    assert "Failed" not in quicker.steps(path)
    assert quicker.instance(path)["completedAt"]
    quicker.sim.option(terminated_time=False)
    assert quicker.instance(path)["completedAt"] is None


def test_a_fault_can_suspend_and_the_step_is_tried_again_after_resume(api: Client) -> None:
    path = api.begin("suspended_by_fault")
    api.until(lambda: api.instance(path)["status"] == "Suspended")
    assert len(api.errors(path)) == 1
    assert api.command(path, "resume").status_code == 200
    api.until(lambda: api.instance(path)["status"] == "Complete")
    failed = [s["stepName"] for s in api.instance(path)["logs"] if s["status"] == "Failed"]
    again = [s["stepName"] for s in api.instance(path)["logs"] if s["status"] == "Complete"]
    assert set(failed) <= set(again)
    assert len(api.errors(path)) == 1


def test_an_event_timeout_cancels_the_step_and_the_run_goes_on(quicker: Client) -> None:
    path = quicker.begin("event_timeout")
    quicker.until(lambda: quicker.instance(path)["status"] == "Complete")
    assert quicker.steps(path).count("Cancelled") == 1
    assert quicker.steps(path)[-1] == "Complete"


def test_a_loop_repeats_step_names_under_new_ids(api: Client) -> None:
    path = api.begin("loop")
    api.until(lambda: api.instance(path)["status"] == "Complete")
    logs = api.instance(path)["logs"]
    assert len({step["stepName"] for step in logs}) * 3 == len(logs)
    assert len({step["id"] for step in logs}) == len(logs)


def test_a_definition_vanishes_while_its_run_goes_on(api: Client) -> None:
    path = api.begin("disabled_definition")

    def listed() -> bool:
        rows = api.ask("/definitions").json()
        return path.split("/")[2] in [row["definition"]["id"] for row in rows]

    assert listed()
    api.until(lambda: not listed())
    assert [row["status"] for row in api.beside(path)] == ["Runnable"]


def test_a_step_can_have_a_status_nobody_documents(api: Client) -> None:
    assert api.steps(api.begin("unknown_step_status")) == ["Compensated"]


def test_terminate_is_carried_out_once_and_then_refused(slow: Client) -> None:
    path = slow.begin("waits_for_reply")
    ref = path.rpartition("/")[2]
    assert slow.command(path, "terminate").content == b""
    refused(slow.command(path, "terminate"), 400, 1000)
    refused(slow.command(path, "resume"), 400, 1000)
    assert slow.instance(path)["status"] == "Terminated"
    assert slow.steps(path) == ["Cancelled"]
    assert slow.sim.effects == {"terminate": [ref]}


def test_a_suspended_step_goes_on_where_it_was(api: Client) -> None:
    path = api.begin("running_long")
    before = api.instance(path)["logs"][0]["id"]
    refused(api.command(path, "resume"), 400, 1000)
    assert api.command(path, "suspend").status_code == 200
    refused(api.command(path, "suspend"), 400, 1000)
    time.sleep(2.5)  # the step would have ended long ago
    assert api.instance(path)["status"] == "Suspended"
    assert api.steps(path)[0] == "Running"
    assert api.command(path, "resume").status_code == 200
    api.until(lambda: api.steps(path)[0] == "Complete")
    assert api.instance(path)["logs"][0]["id"] == before
    assert [step["id"] for step in api.instance(path)["logs"]].count(before) == 1
    ref = path.rpartition("/")[2]
    assert api.sim.effects == {"suspend": [ref], "resume": [ref]}


def test_a_command_in_the_wrong_state_can_be_silent(slow: Client) -> None:
    path = slow.begin("waits_for_reply")
    slow.sim.option(wrong_state="silent")
    assert slow.command(path, "resume").status_code == 200
    assert slow.sim.effects == {}


def test_words_that_are_no_commands_are_refused(slow: Client) -> None:
    path = slow.begin("waits_for_reply")
    bodies: tuple[Any, ...] = ({"status": "Suspended"}, {"status": []}, {}, [], "suspend")
    for body in bodies:
        refused(slow.ask(path, "PATCH", json=body), 400, 1000)
    refused(slow.ask(path, "PATCH", data="{"), 400, 1000)
    assert slow.sim.effects == {}


def test_a_start_answers_where_the_new_instance_is(slow: Client) -> None:
    definition = slow.ask("/definitions").json()[0]["definition"]
    path = f"/definitions/{definition['id']}/workflows"
    answer = slow.ask(path, "POST", json={"order": "P-2291"})
    assert answer.status_code == 201
    place = answer.headers["Location"]
    assert place.startswith(f"/api/v1/accounts/{eightx8.ACCOUNT_ID}{path}/")
    ref = place.rpartition("/")[2]
    assert slow.instance(f"{path}/{ref}")["data"]["payload"] == {"order": "P-2291"}
    what = {"ref": ref, "definition": definition["id"], "version": definition["version"]}
    assert slow.sim.effects == {"start": [what | {"values": {"order": "P-2291"}}]}
    refused(slow.ask(path, "POST", json={}, params={"version": 99}), 404, 1300)


def test_a_trigger_starts_what_listens_and_names_nothing(slow: Client) -> None:
    query = {"subAccountId": "nordhafen_voice"}
    answer = slow.ask("/triggers/http_request", "POST", json={"door": 7}, params=query)
    assert (answer.status_code, answer.content) == (200, b"")
    (started,) = slow.sim.effects["start"]
    assert started["values"] == {"door": 7}


def test_a_deleted_definition_takes_its_instances_along(slow: Client) -> None:
    path = slow.begin("sleeps")
    definition = path.split("/")[2]
    assert slow.ask(f"/definitions/{definition}", "DELETE").status_code == 202
    refused(slow.ask(path), 404, 1300)
    assert slow.sim.world.runs == {}
    assert slow.sim.effects == {"delete": [definition]}


def test_a_command_whose_answer_is_lost_was_carried_out_once(slow: Client) -> None:
    path = slow.begin("waits_for_reply")
    slow.sim.fault("down", method="PATCH", times=1, execute="before")
    with pytest.raises(requests.ConnectionError):
        slow.command(path, "terminate")
    assert slow.instance(path)["status"] == "Terminated"
    assert len(slow.sim.effects["terminate"]) == 1


def test_the_script_tells_every_status_change(quick: Client) -> None:
    path = quick.begin("waits_for_reply")
    quick.until(lambda: quick.instance(path)["status"] == "Complete")
    (told,) = quick.sim.script
    assert [change["status"] for change in told["changes"]] == ["Runnable", "Complete"]


def test_the_demo_looks_like_a_morning() -> None:
    with serve.running("eightx8", populate=True) as sim:
        api = Client(sim)
        rows = []
        for each in api.ask("/definitions").json():
            inner = each["definition"]
            rows += api.beside(f"/definitions/{inner['id']}/workflows/x", limit=500)
        faulted = [run for run in sim.script if "Failed" in {s["status"] for s in run["steps"]}]
    words = [row["status"] for row in rows]
    assert len(rows) > 400
    assert set(words) == set(eightx8.STATUSES)
    assert words.count("Complete") > len(rows) / 2
    assert 2 <= len(faulted) <= len(rows) / 5
