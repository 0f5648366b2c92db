"""The commands for who writes an adapter: laid out, tried and recorded."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from providers import adapter_scaffold
from providers.adapters.generio import Generio
from tests.providers.conftest import Server, live_adapter, put_routes
from tests.providers.recorded import declaration

ROOT = Path(__file__).parents[2]
KEY = "planted-generio-key+8"


def said(*words: str) -> str:
    out = StringIO()
    call_command("adapter", *words, stdout=out)
    return out.getvalue()


def test_a_new_provider_is_laid_out_from_the_template(tmp_path: Path, settings: Any) -> None:
    shutil.copytree(ROOT / adapter_scaffold.TEMPLATE, tmp_path / adapter_scaffold.TEMPLATE)
    settings.BASE_DIR = tmp_path
    told = said("new", "zorba")
    module = (tmp_path / "providers" / "adapters" / "zorba.py").read_text("utf-8")
    assert "class Zorba(Adapter)" in module
    assert "acme" not in module.lower()
    compile(module, "zorba.py", "exec")
    own = tmp_path / "tests" / "providers" / "adapters" / "test_zorba.py"
    compile(own.read_text("utf-8"), "test_zorba.py", "exec")
    suite = tmp_path / "tests" / "providers" / "adapters" / "fixtures" / "zorba" / "suite.json"
    assert json.loads(suite.read_text("utf-8"))["settings"]["api_key"] == "planted-key-of-zorba"
    assert told.count("written: ") > 5


@pytest.mark.parametrize(
    ("key", "why"),
    [("prefect", "There is a provider prefect already"), ("../x", "A key is 2 to 40")],
)
def test_a_key_that_is_taken_or_none_writes_nothing(key: str, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        said("new", key)


@pytest.fixture
def generio(server: Server, settings: Any) -> list[str]:
    """A live engine, and the words that name it."""
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*"]
    suite = declaration("generio")
    for part in (*suite["details"], suite["list"], suite["check"]):
        put_routes(server, "generio", part["routes"])
    return ["--set", f"base_url={server.url}", "--set", f"api_key={KEY}"]


@pytest.mark.django_db
def test_a_trial_prints_what_would_be_stored_and_what_is_never_said(generio: list[str]) -> None:
    told = said("try", "generio", *generio, "--run", "66f0a7c31d9e4b0012ab34d0")
    assert "check: The key works." in told
    assert "list: 1 failed (failed)" in told
    assert "run 66f0a7c31d9e4b0012ab34d0, as it would be stored:" in told
    assert '  error: "The mesh is not closed."' in told
    assert "never said: labels" in told
    assert KEY not in told


@pytest.mark.django_db
def test_what_a_row_of_the_list_alone_says_is_said(
    generio: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshots(self: Generio, since: Any) -> Any:
        return (replace(row, labels={"team": "blue"}) for row in rows(self, since))

    rows = Generio.snapshots
    monkeypatch.setattr(Generio, "snapshots", snapshots)
    assert "never said: labels" not in said("try", "generio", *generio)


@pytest.mark.django_db
def test_a_run_that_cannot_be_read_is_named_and_the_others_are_read(generio: list[str]) -> None:
    told = said("try", "generio", *generio, "--run", "nope")
    assert "run nope: " in told
    assert "run 66f0a7c31d9e4b0012ab34d0, as it would be stored:" in told
    assert "requests: " in told


@pytest.mark.django_db
def test_a_recording_keeps_every_exchange_without_secrets(
    generio: list[str], tmp_path: Path, settings: Any, server: Server
) -> None:
    settings.BASE_DIR = tmp_path
    told = said("record", "generio", *generio)
    folder = adapter_scaffold.fixtures_of("generio", tmp_path)
    written = sorted(folder.iterdir())
    assert len(written) == told.count("written: ") == len(server.requests)
    texts = [path.read_text("utf-8") for path in written]
    assert not [text for text in texts if KEY in text or server.url in text]
    flows = json.loads((folder / "get_flows.json").read_text("utf-8"))
    assert flows["response"]["status"] == 200
    assert flows["response"]["body"]["flows"]


def test_a_recording_says_what_was_asked(server: Server, tmp_path: Path) -> None:
    api = live_adapter(server, "generio").http.at(server.url)
    recording = adapter_scaffold.Recording(api.http)
    server.on("GET", "/graph", {"text": "not JSON"})
    server.on("POST", "/find", {"body": {}})
    api.get("graph", params={"task": "a b", "state": ["x", "y"], "token": "hush-hush"})
    api.post("find", json={"password": "hush-hush", "page": 1}, changes=False)
    api.post("find", form={"page": "2"}, changes=False)
    graph, found, form = (
        json.loads(path.read_text("utf-8")) for path in recording.written(tmp_path, {})
    )
    asked = {"task": "a b", "state": ["x", "y"], "token": "[redacted]"}
    assert graph["request"]["query"] == asked
    assert graph["response"] == {"status": 200, "text": "not JSON"}
    assert found["request"]["body"] == {"password": "[redacted]", "page": 1}
    assert form["request"]["text"] == "page=2"


@pytest.mark.django_db
def test_a_recording_of_an_adapter_that_fails_keeps_what_passed_before(
    generio: list[str], tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshots(self: Generio, since: Any) -> Any:
        self.api.get("flows")
        raise ZeroDivisionError

    settings.BASE_DIR = tmp_path
    monkeypatch.setattr(Generio, "snapshots", snapshots)
    with pytest.raises(ZeroDivisionError):
        said("record", "generio", *generio)
    assert (adapter_scaffold.fixtures_of("generio", tmp_path) / "get_flows.json").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("try", "nobody"), "There is no provider nobody"),
        (("try", "generio", "--account", "None such"), "There is no account None such"),
        (("try", "generio", "--set", "colour=red"), "has no setting colour"),
        (("try", "dagster"), "Dagster needs base_url: --set base_url=..."),
        (("try", "generio", "--set", "base_url"), "--set takes NAME=VALUE"),
        (("try", "generio", "--set", "base_url=http://127.0.0.1:9", "--set", "api_key=x1234567"),
         "nothing listens there"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_says_why(words: tuple[str, ...], why: str, settings: Any) -> None:
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*"]
    with pytest.raises(CommandError, match=re.escape(why)):
        said(*words)


@pytest.mark.django_db
@pytest.mark.parametrize("networks", [[], ["127.0.0.0/8:8082"]])
def test_an_address_that_is_not_allowed_says_how_it_would_be(
    networks: list[str], settings: Any
) -> None:
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = networks
    with pytest.raises(CommandError, match="It is an environment variable of this command"):
        said("try", "generio", "--set", "base_url=http://127.0.0.1:9", "--set", "api_key=x1234567")
