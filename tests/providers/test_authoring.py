"""The commands for who writes an adapter: laid out, tried and recorded."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from providers import authoring
from tests.providers.conftest import Server, put_routes
from tests.providers.recorded import declaration

ROOT = Path(__file__).parents[2]
KEY = "planted-generio-key+8"


def said(*words: str) -> str:
    out = StringIO()
    call_command("adapter", *words, stdout=out)
    return out.getvalue()


def test_a_new_provider_is_laid_out_from_the_template(tmp_path: Path, settings: Any) -> None:
    shutil.copytree(ROOT / authoring.TEMPLATE, tmp_path / authoring.TEMPLATE)
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
def test_a_recording_keeps_every_exchange_without_secrets(
    generio: list[str], tmp_path: Path, settings: Any, server: Server
) -> None:
    settings.BASE_DIR = tmp_path
    told = said("record", "generio", *generio)
    folder = authoring.fixtures_of("generio", tmp_path)
    written = sorted(folder.iterdir())
    assert len(written) == told.count("written: ") == len(server.requests)
    texts = [path.read_text("utf-8") for path in written]
    assert not [text for text in texts if KEY in text or server.url in text]
    flows = json.loads((folder / "get_flows.json").read_text("utf-8"))
    assert flows["response"]["status"] == 200
    assert flows["response"]["body"]["flows"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("try", "nobody"), "There is no provider nobody"),
        (("try", "generio", "--account", "None such"), "There is no account None such"),
        (("try", "generio", "--set", "colour=red"), "has no setting colour"),
        (("try", "generio", "--set", "base_url=http://127.0.0.1:9", "--set", "api_key=x1234567"),
         "nothing listens there"),
    ],
)  # fmt: skip
def test_what_cannot_be_tried_says_why(words: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        said(*words)
