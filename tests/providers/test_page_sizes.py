"""Every page of a list is read, whatever number of rows a server gives for what it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.demo_accounts import EXTRA_SETTINGS
from providers.adapter import Adapter
from providers.address_policy import Policy
from providers.demo import serve
from providers.http import Http
from providers.registry import adapter_class

RUNS = 70
SCENARIOS = {
    "smartflows": "waiting_esign",
    "eightx8": "running_long",
    "generio": "long_running",
    "flow8": "approval",
}
SERVERS = [
    ("smartflows", {"wrap": "array", "max_size": 32}),
    ("smartflows", {"wrap": "array", "max_size": 25}),
    ("smartflows", {"wrap": "array", "max_size": 25, "filter": "refuse"}),
    ("smartflows", {"wrap": "page", "max_size": 25}),
    ("eightx8", {"offset_counts": "items", "max_size": 25}),
    ("eightx8", {"offset_counts": "pages", "max_size": 32}),
    ("generio", {"wrap": "items", "page_size": 32}),
    ("flow8", {"lists": "wrapped", "max_size": 32}),
    ("flow8", {"lists": "bare", "max_size": 25}),
]
every_server = pytest.mark.parametrize(("key", "options"), SERVERS, ids=str)


@pytest.fixture
def opened() -> Iterator[Callable[..., tuple[serve.Running, Adapter]]]:
    """`opened("flow8", max_size=25)`: a simulator and an adapter at it."""
    with ExitStack() as stack:

        def start(key: str, **options: Any) -> tuple[serve.Running, Adapter]:
            sim = stack.enter_context(serve.running(key, seed=11, speed=1, **options))
            config = {
                "base_url": sim.base_url,
                "api_key": sim.api_key,
                **EXTRA_SETTINGS.get(key, {}),
            }
            http = Http(Policy.from_cidrs(["127.0.0.0/8:*"]), session_key="tests")
            return sim, adapter_class(key)(config, http, {})

        yield start


@every_server
def test_every_page_of_runs_is_read(opened, key, options):
    sim, adapter = opened(key, **options)
    begun = {sim.start(SCENARIOS[key]) for _ in range(RUNS)}
    since = datetime.now(UTC) - timedelta(hours=1)
    found = [snapshot.ref for snapshot in adapter.snapshots(since)]
    assert len(begun) == RUNS
    assert begun <= {ref.rpartition("/")[2] for ref in found}
    assert len(found) == len(set(found))


@every_server
def test_every_page_of_workflows_is_read(opened, key, options):
    _, adapter = opened(key)
    _, capped = opened(key, **{**options, next(k for k in options if "size" in k): 2})
    assert len(list(adapter.workflows())) > 2
    assert list(capped.workflows()) == list(adapter.workflows())
