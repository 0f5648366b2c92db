"""What neither the shared suite nor the scenarios can say of Dagster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from providers.adapters import dagster
from providers.adapters.dagster import Dagster, config_form, reading
from providers.contract import NotFound, Rejected, Status, Verb
from tests.providers.recorded import exchange


def row_of(name: str) -> dict[str, Any]:
    answer = exchange("dagster", name)["response"]["body"]
    row: dict[str, Any] = answer["data"]["runsOrError"]["results"][0]
    return row


def test_every_status_that_is_not_an_end_is_asked_for() -> None:
    asked = {reading.RUNS[reading.native_key(word)] for word in reading.OPEN}
    assert asked == {status for status in reading.RUNS.values() if not status.is_final}
    assert len(reading.OPEN) == sum(not status.is_final for status in reading.RUNS.values())


@pytest.mark.parametrize(
    ("address", "header"),
    [
        ("https://acme.dagster.cloud/prod", "Dagster-Cloud-Api-Token"),
        ("https://acme.eu.dagster.cloud/prod/graphql", "Dagster-Cloud-Api-Token"),
        ("https://dagster.example.com", "Authorization"),
        ("https://dagster.cloud.example.com", "Authorization"),
    ],
)
def test_the_token_goes_where_the_server_looks_for_it(
    address: str, header: str, open_adapter: Any
) -> None:
    api = open_adapter("dagster", base_url=address, token="s3cret").api
    assert api.headers.keys() == {header}
    assert api.url("graphql") == f"{address.removesuffix('/graphql')}/graphql"


def test_another_server_at_the_address_is_told(server: Any, open_adapter: Any) -> None:
    server.on("POST", "/graphql", {"status": 404, "text": "<html>nothing</html>"})
    with pytest.raises(NotFound, match=r"no GraphQL API of Dagster at this address\. This works"):
        open_adapter("dagster").check()


def test_a_run_that_ended_before_it_began_has_no_start() -> None:
    row = row_of("run_that_was_canceled_in_the_queue")
    assert row["startTime"] == row["endTime"]  # as Dagster has it
    run = reading.read_run(row, "")
    assert (run.started_at, run.status) == (None, Status.CANCELED)
    assert run.finished_at == datetime.fromtimestamp(row["endTime"], UTC)


def test_people_s_tags_come_first_and_dagster_s_own_bookkeeping_is_left_out() -> None:
    tags = {
        "dagster/partition": "日本",
        ".dagster/grpc_info": "{}",
        "team": "",
        "annunciator/key": "k",
    }
    assert list(reading.read_labels(tags).items()) == [("team", ""), ("dagster/partition", "日本")]


@pytest.mark.parametrize("right", ["hasTerminatePermission", "hasReExecutePermission"])
def test_what_the_login_may_not_do_is_not_offered(right: str) -> None:
    name = "run_that_is_running" if right == "hasTerminatePermission" else "run_that_failed"
    verb = Verb.CANCEL if right == "hasTerminatePermission" else Verb.RETRY
    row = row_of(name)
    assert reading.read_run(row, "").offers == {verb}
    assert reading.read_run({**row, right: False}, "").offers == frozenset()


def test_a_location_with_a_slash_still_names_its_job() -> None:
    job = reading.workflow_of("jobs/shop.py", "sales", "import_invoices")
    assert (job.title, job.can_start) == ("sales@jobs/shop.py / import_invoices", True)
    assert dagster.place_of(job.ref) == ("jobs/shop.py", "sales", "import_invoices")
    with pytest.raises(Rejected, match="belongs to no code location"):
        dagster.place_of("import_invoices")


def test_a_run_s_config_fills_the_form_and_comes_back_from_it() -> None:
    schema = exchange("dagster", "schema_of_a_job")["response"]["body"]["data"]
    leaves = config_form.leaves(schema["runConfigSchemaOrError"])
    config = {"ops": {"fetch": {"config": {"count": 3, "labels": ["a"], "note": None}}}}
    given = Dagster.arguments_of(config)
    assert given["ops__fetch__config__count"] == 3
    assert given["arguments"] == config
    written = config_form.write_config(leaves, given)
    assert written == {"ops": {"fetch": {"config": {"count": 3, "labels": ["a"]}}}}
    assert Dagster.arguments_of(None) == {}


def test_a_config_with_too_many_values_is_entered_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, play: Any, open_adapter: Any
) -> None:
    route = {"method": "POST", "path": "/graphql", "fixture": "schema_of_a_job"}
    play("dagster", [route])
    monkeypatch.setattr(config_form, "MOST", 2)
    (field,) = open_adapter("dagster").start_fields("shop/__repository__/import_invoices")
    assert (field.key, field.kind, field.required) == ("arguments", "json", False)


def test_metadata_keeps_its_types() -> None:
    entry = {"__typename": "IntMetadataEntry", "label": "rows", "description": None}
    assert reading.read_metadata({**entry, "intRepr": "12345678901234567890"}) == (
        12345678901234567890
    )
    assert reading.read_metadata({**entry, "jsonString": '{"a": [1]}'}) == {"a": [1]}
    assert reading.read_metadata({**entry, "url": "https://example.com"}) == "https://example.com"
    assert reading.read_metadata({**entry, "description": "nothing"}) == "nothing"
