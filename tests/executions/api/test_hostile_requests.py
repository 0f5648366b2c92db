"""Whatever is asked of the API, it answers: never with a fault of its own, and in words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from requests.exceptions import InvalidHeader
from schemathesis import GenerationMode

from executions.api.ninja_api import api
from executions.models import Command, Workflow
from providers.contract import Status
from tests.executions.api.conftest import APPROVAL, QUESTION, Api

pytestmark = pytest.mark.long
CASES = int(os.environ.get("ANNUNCIATOR_API_CASES", 5000))  # of all operations together
SITE = "http://testserver"


def operations() -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(api.get_openapi_schema())))
    for found in schema.get_all_operations():
        yield found.ok()


OPERATIONS = list(operations())
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


@pytest.fixture
def real(ana: Api, put: Callable[..., int], client: Client) -> dict[str, dict[str, Any]]:
    """Parameters of paths that lead to something."""
    client.raise_request_exception = False
    run = put("r1", Status.USER_INPUT, steps=(), questions=(QUESTION, APPROVAL))
    ana.post(f"executions/{put('r2')}/commands", {"kind": "cancel"})
    command = Command.objects.first()
    assert command is not None
    workflow = Workflow.objects.values_list("pk", flat=True)[0]
    return {
        "executions": {"pk": run},
        "workflows": {"pk": workflow},
        "commands": {"key": str(command.key)},
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_it_answers_in_words_whatever_is_asked(operation, real, ana, client) -> None:
    there = real[operation.path.split("/")[3]] if "{" in operation.path else None
    strategies = [operation.as_strategy(generation_mode=mode) for mode in MODES]
    if there:
        strategies += [operation.as_strategy(mode, path_parameters=there) for mode in MODES]

    @given(case=st.one_of(strategies))
    @settings(
        max_examples=CASES // len(OPERATIONS), deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def ask(case: Any) -> None:
        try:
            asked = requests.Request(**case.as_transport_kwargs(base_url=SITE)).prepare()
        except (InvalidHeader, UnicodeError):
            assume(False)
        kind = asked.headers.pop("Content-Type", "application/json")
        headers = {**asked.headers, **ana.headers}
        answer = client.generic(
            asked.method, asked.path_url, asked.body or b"", kind, headers=headers
        )
        about = (asked.method, asked.path_url, asked.body, answer.status_code, answer.content[:300])
        assert answer.status_code < 500, about
        if answer.status_code >= 400:
            assert answer["Content-Type"].startswith("application/json"), about
            assert answer.json()["message"], about

    ask()
