"""What is peculiar to Generio; everything else is in `test_every_adapter.py`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from providers.contract import BadResponse, NotFound, Rejected, Status, Unreadable, Verb

RUNNING = "66f0a7c31d9e4b0012ab34cd"
DONE = "66f0a7c31d9e4b0012ab34ce"
CREATED = "66f0a7c31d9e4b0012ab34cf"
FAILED = "66f0a7c31d9e4b0012ab34d0"
ASSET = "66f0a8a01d9e4b0012ab34f0"
SINCE = datetime(2025, 12, 1, 10, tzinfo=UTC)


@pytest.fixture
def generio(open_adapter):
    return open_adapter("generio")


@pytest.fixture
def says(server, recorded):
    """`says(ref, flow, outputs)`: what the provider tells about a flow, by fixture names."""

    def say(ref, flow, outputs="outputs_that_are_ready"):
        server.on("GET", f"/flows/{ref}", recorded("generio", flow))
        server.on("GET", f"/flows/{ref}/outputs", recorded("generio", outputs))

    return say


# ------------------------------------------------------------------------------------------ reading


def test_the_public_host_is_the_default(open_adapter):
    assert open_adapter("generio", base_url="").api.base_url == "https://flows.generio.ai"


def test_the_key_travels_as_a_bearer_token(generio, server, says):
    says(RUNNING, "flow_that_is_running")
    generio.snapshot(RUNNING)
    assert server.requests[0].headers["authorization"] == "Bearer planted-generio-key+8"


def test_an_open_flow_costs_one_request_and_is_not_asked_for_outputs(generio, server, says):
    says(RUNNING, "flow_that_is_running")
    flow = generio.snapshot(RUNNING)
    assert [seen.path for seen in server.requests] == [f"/flows/{RUNNING}"]
    assert (flow.progress, flow.outputs, flow.steps, flow.questions) == (40, (), (), ())
    assert flow.input == {"parameters": {"quality": "low", "seed": -1, "texture": True}}
    assert flow.offers == {Verb.CANCEL}
    assert flow.started_at == datetime(2025, 12, 1, 10, 0, 5, tzinfo=UTC)


def test_outputs_are_never_asked_for_with_their_data(generio, server, says):
    says(DONE, "flow_that_completed")
    flow = generio.snapshot(DONE)
    assert server.requests[-1].query == {"include_data": "false"}
    assert [(item.ref, item.name) for item in flow.outputs] == [
        (ASSET, f"{ASSET}.glb"),
        ("66f0a8a01d9e4b0012ab34f1", "66f0a8a01d9e4b0012ab34f1.glb"),
    ]
    assert flow.input["additional"] == {"ticket": "CHAIR-7"}


def test_a_failed_output_makes_a_completed_flow_a_warning(generio, says):
    says(DONE, "flow_that_completed", "outputs_with_one_that_failed")
    flow = generio.snapshot(DONE)
    assert (flow.status, flow.native_status) == (Status.WARNING, "completed")
    assert flow.status_reason == "output_error"
    assert flow.error == "Texture could not be baked."


def test_a_failed_flow_says_why_and_naive_times_are_utc(generio, says):
    says(FAILED, "flow_that_failed", "outputs_of_a_flow_that_left_none")
    flow = generio.snapshot(FAILED)
    assert flow.error == "The mesh is not closed."
    assert flow.finished_at == datetime(2025, 12, 1, 10, 2, tzinfo=UTC)
    assert flow.offers == frozenset()


def test_a_failed_flow_without_a_reason_of_its_own_takes_its_outputs(
    generio, server, recorded, says
):
    says(FAILED, "flow_that_failed", "outputs_with_one_that_failed")
    flow = recorded("generio", "flow_that_failed")
    del flow["body"]["error_message"]
    server.on("GET", f"/flows/{FAILED}", flow)
    assert generio.snapshot(FAILED).error == "Texture could not be baked."


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_an_ended_flow_whose_outputs_are_refused_has_ended(generio, server, says, status):
    says(FAILED, "flow_that_failed")
    server.on("GET", f"/flows/{FAILED}/outputs", {"status": status, "body": {"detail": "None."}})
    flow = generio.snapshot(FAILED)
    assert (flow.status, flow.error) == (Status.FAILED, "The mesh is not closed.")
    assert flow.outputs == ()
    assert not flow.needs_detail


@pytest.mark.parametrize(
    ("state", "status", "reason", "offers"),
    [
        ("created", Status.QUEUED, "not_started", {Verb.RESUME}),
        ("starting", Status.RUNNING, "", {Verb.CANCEL}),
        ("aborting", Status.RUNNING, "aborting", set()),
    ],
)
def test_a_flow_offers_what_its_state_takes(
    generio, server, recorded, state, status, reason, offers
):
    answer = recorded("generio", "flow_that_is_running")
    answer["body"]["state"] = state
    server.on("GET", f"/flows/{RUNNING}", answer)
    flow = generio.snapshot(RUNNING)
    assert (flow.status, flow.status_reason, flow.offers) == (status, reason, offers)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (0, None),
        (0.004, 0),
        (0.555, 56),
        (1.0, 100),
        (40, 40),
        (250, 100),
        (None, None),
        ("1", None),
    ],
)
def test_a_fraction_becomes_a_percentage(generio, server, recorded, given, shown):
    answer = recorded("generio", "flow_that_is_running")
    answer["body"]["progress"] = given
    server.on("GET", f"/flows/{RUNNING}", answer)
    assert generio.snapshot(RUNNING).progress == shown


def test_other_names_and_a_bare_list_are_understood(generio, server, recorded):
    server.on("GET", "/flows", recorded("generio", "flows_as_a_bare_list_with_other_names"))
    first, second = generio.snapshots(None)
    assert (first.ref, first.status, first.workflow.ref) == (
        RUNNING,
        Status.RUNNING,
        "model_optimize",
    )
    assert first.started_at == datetime(2025, 12, 1, 10, 0, 5, 500000, tzinfo=UTC)
    assert second.workflow.name == "(template not named)"


@pytest.mark.fault("D5")
@pytest.mark.parametrize("time", [1764583205000000000, -1e18, 1e300, "2026-11-22T24:00:00Z"])
def test_an_odd_time_costs_no_flow_but_the_time_alone(generio, server, recorded, time):
    flows = recorded("generio", "flows_of_every_state")
    flows["body"]["flows"][0]["created_at"] = time
    flows["body"]["flows"][0]["started_at"] = time
    server.on("GET", "/flows", flows)
    found = list(generio.snapshots(SINCE))
    assert not any(isinstance(flow, Unreadable) for flow in found)
    assert found[0].started_at is None
    assert found[0].raw["[not kept]"] == [f"[not kept: {time} as a time]"]


# ---------------------------------------------------------------------------------------- discovery


def test_open_flows_are_complete_in_the_list_and_ended_ones_are_not(generio, play):
    play("generio", [{"method": "GET", "path": "/flows", "fixture": "flows_of_every_state"}])
    found = {flow.ref: flow for flow in generio.snapshots(None)}
    assert not found[RUNNING].needs_detail
    assert found[RUNNING].outputs == ()
    assert found[DONE].needs_detail
    assert found[DONE].outputs is None


def test_flows_that_ended_before_are_left_out_and_open_ones_never(generio, play):
    play("generio", [{"method": "GET", "path": "/flows", "fixture": "flows_of_every_state"}])
    later = datetime(2025, 12, 1, 10, 3, tzinfo=UTC)
    found = {flow.ref for flow in generio.snapshots(later)}
    assert FAILED not in found
    assert {RUNNING, CREATED, DONE} <= found


def test_counters_lead_to_the_next_page(generio, server, recorded):
    server.on("GET", "/flows", recorded("generio", "flows_first_page_with_counters"))
    second = recorded("generio", "flows_second_page_with_counters")
    server.on("GET", "/flows", second, query={"page": "2"})
    assert [flow.ref for flow in generio.snapshots(SINCE)] == [RUNNING, DONE]


@pytest.mark.parametrize("counters", [{"page": 1, "size": 1, "total": 2}, {"page": 1, "pages": 2}])
def test_any_counters_that_say_so_lead_to_the_next_page(generio, server, recorded, counters):
    first = recorded("generio", "flows_first_page_with_counters")
    flows = next(value for value in first["body"].values() if isinstance(value, list))
    server.on("GET", "/flows", {"body": {"items": flows, **counters}})
    second = recorded("generio", "flows_second_page_with_counters")
    server.on("GET", "/flows", second, query={"page": "2"})
    assert [flow.ref for flow in generio.snapshots(SINCE)] == [RUNNING, DONE]


@pytest.mark.parametrize("link", [None, "/flows?after=1", "?after=1"])
def test_a_link_leads_to_the_next_page(generio, server, recorded, link):
    first = recorded("generio", "flows_with_a_link_to_the_next_page")
    first["body"]["next"] = link or first["body"]["next"]
    server.on("GET", "/flows", first)
    last = recorded("generio", "flows_last_page_of_a_chain")
    server.on("GET", "/flows", last, query={"after": "1"})
    assert [flow.ref for flow in generio.snapshots(SINCE)] == [RUNNING, DONE]


def test_a_link_to_another_host_is_not_followed(generio, server, recorded):
    answer = recorded("generio", "flows_with_a_link_to_the_next_page")
    answer["body"]["next"] = "http://127.0.0.2:9/flows?after=1"
    server.on("GET", "/flows", answer)
    with pytest.raises(BadResponse, match="outside its own address"):
        list(generio.snapshots(SINCE))


def test_a_page_that_repeats_itself_ends_the_walk(generio, server, recorded):
    server.on("GET", "/flows", recorded("generio", "flows_first_page_with_counters"))
    assert len(list(generio.snapshots(SINCE))) == 1
    assert server.count("GET", "/flows") == 2


# --------------------------------------------------------------------------------------- commands


def test_a_created_flow_is_started_by_resume(generio, server, recorded):
    server.on("PATCH", f"/flows/{CREATED}", recorded("generio", "start_accepted"))
    generio.resume(CREATED)
    assert server.requests[0].json == {"action": "start"}


def test_nothing_is_ever_deleted(generio, server, recorded):
    server.on("PATCH", f"/flows/{RUNNING}", recorded("generio", "abort_refused_in_this_state"))
    with pytest.raises(Rejected, match="answered 409: Flow is already completed"):
        generio.cancel(RUNNING)
    assert [seen.method for seen in server.requests] == ["PATCH"]


def test_a_template_that_is_not_published_takes_free_parameters(generio, server, recorded):
    assert [field.key for field in generio.start_fields("model_of_tomorrow")] == [
        "arguments",
        "input",
    ]
    server.on("POST", "/flows", recorded("generio", "flow_made_without_an_input"))
    key = "6f1d0c3e-0001-4000-8000-000000000002"
    generio.start("model_of_tomorrow", {"arguments": {"style": "plain"}, "input": ""}, key)
    assert server.requests[0].json == {
        "template": "model_of_tomorrow",
        "parameters": {"style": "plain"},
        "additional": {"annunciator_key": key},
    }


# ---------------------------------------------------------------------------------------- outputs


@pytest.mark.parametrize("fixture", ["output_as_a_data_uri", "output_as_bytes"])
def test_an_output_is_the_same_bytes_in_either_shape(generio, server, recorded, fixture):
    server.on("GET", f"/flows/{DONE}/outputs/{ASSET}", recorded("generio", fixture))
    download = generio.open_output(DONE, ASSET)
    assert b"".join(download.chunks) == b"glTF\x02\x00\x00\x00"
    assert (download.name, download.content_type, download.size) == (
        f"{ASSET}.glb",
        "model/gltf-binary",
        8,
    )


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        ("data:text/plain,a%20stool", b"a stool"),
        ("data:text/plain;charset=utf-8;base64,YQ==", b"a"),
    ],
)
def test_other_data_uris_are_decoded_too(generio, server, uri, content):
    server.on("GET", f"/flows/{DONE}/outputs/{ASSET}", {"body": {"data": uri}})
    download = generio.open_output(DONE, ASSET)
    assert b"".join(download.chunks) == content
    assert download.name == f"{ASSET}.txt"


@pytest.mark.parametrize(
    "uri", ["https://example.com/model.glb", "data:model/gltf-binary;base64,?"]
)
def test_an_output_that_is_no_data_uri_is_an_error(generio, server, uri):
    server.on("GET", f"/flows/{DONE}/outputs/{ASSET}", {"body": {"data": uri}})
    with pytest.raises(BadResponse, match=r"data URI|base64|Only"):
        generio.open_output(DONE, ASSET)


# ----------------------------------------------------------------------------------------- errors


def test_a_validation_error_names_places_and_complaints(generio, server, recorded):
    server.on("GET", "/flows", recorded("generio", "validation_error_about_a_filter"))
    with pytest.raises(Rejected) as caught:
        list(generio.snapshots(None))
    assert str(caught.value).endswith(
        "answered 422: filter_by: value is not a valid enumeration member; "
        "parameters.seed: Field required"
    )


def test_a_malformed_flow_id_is_a_flow_that_is_not_there(generio, server, recorded):
    server.on("GET", "/flows/nonsense", recorded("generio", "validation_error_about_the_flow_id"))
    with pytest.raises(NotFound):
        generio.snapshot("nonsense")


def test_a_long_validation_error_is_cut(generio, server):
    body = {"detail": [{"loc": ["body", f"field{n}"], "msg": "wrong"} for n in range(200)]}
    server.on("GET", "/flows", {"status": 422, "body": body})
    with pytest.raises(Rejected) as caught:
        list(generio.snapshots(None))
    assert len(str(caught.value)) < 700
    assert json.dumps(body) not in str(caught.value)
