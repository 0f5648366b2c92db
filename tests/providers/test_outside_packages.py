"""A provider in a package of its own: the template of the guide, installed and at work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executions.models import Execution
from providers import checks, registry
from providers.models import ProviderAccount
from tests.flow.conftest import poll_once
from tests.providers.conftest import Server

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "docs" / "integrate" / "provider-template"


def install(template: Path, place: Path) -> None:
    """As an installer does: the package, and beside it what its metadata says."""
    about = tomllib.loads((template / "pyproject.toml").read_text("utf-8"))["project"]
    shutil.copytree(template / "src", place, dirs_exist_ok=True)
    info = place / f"{about['name'].replace('-', '_')}-{about['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {about['name']}\nVersion: {about['version']}\n"
    )
    lines = [
        line
        for group, points in about["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where packages are installed: on the path of this process, for this test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.all_adapters.cache_clear()
    yield tmp_path
    registry.all_adapters.cache_clear()
    for name in [name for name in sys.modules if name.startswith("annunciator_acme")]:
        del sys.modules[name]


@pytest.mark.django_db(transaction=True)
def test_the_template_is_found_by_its_entry_point_and_polled(
    place: Path, server: Server, settings: Any
) -> None:
    install(TEMPLATE, place)
    registry.all_adapters.cache_clear()
    assert registry.adapter_class("acme").name == "Acme Jobs"
    assert checks.adapter_modules(None) == []
    fixtures = place / "annunciator_acme" / "fixtures"
    for name, query in (("jobs_first_page", {}), ("jobs_last_page", {"cursor": "c2"})):
        answer = json.loads((fixtures / f"{name}.json").read_text("utf-8"))["response"]
        server.on("GET", "/v2/jobs", answer, query=query)
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*"]
    account = ProviderAccount.objects.create(
        name="Jobs", provider="acme", settings={"base_url": server.url}
    )
    account.set_credentials({"api_key": "k-1234567"}, by="test")
    account.save()
    assert poll_once(account).health == "ok"
    found = Execution.objects.order_by("ref").values_list("ref", "status", "workflow__name")
    assert list(found) == [
        ("j1", "running", "Sales / import"),
        ("j2", "failed", "Sales / import"),
        ("j3", "succeeded", "Sales / import"),
    ]


def test_the_shared_suite_plays_the_template(tmp_path: Path) -> None:
    install(TEMPLATE, tmp_path)
    files = ("tests/providers/test_scenarios.py", "tests/providers/test_every_adapter.py")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-k", "acme",
         "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert " passed" in ran.stdout


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        ("raise RuntimeError('no such library')", "RuntimeError: no such library"),
        ("", "must define exactly one Adapter, has 0"),
    ],
)
def test_a_package_that_does_not_work_is_left_out_and_told(
    place: Path, spoil: str, why: str
) -> None:
    install(TEMPLATE, place)
    (place / "annunciator_acme" / "__init__.py").write_text(spoil)
    registry.all_adapters.cache_clear()
    assert "acme" not in registry.all_adapters()
    assert "prefect" in registry.all_adapters()
    (problem,) = checks.adapter_modules(None)
    assert (problem.id, problem.is_serious()) == ("providers.W001", False)
    assert why in problem.msg


def test_a_package_takes_no_key_of_our_own(place: Path) -> None:
    install(TEMPLATE, place)
    (points,) = place.glob("*.dist-info/entry_points.txt")
    points.write_text("[annunciator.adapters]\nprefect = annunciator_acme\n")
    registry.all_adapters.cache_clear()
    assert registry.adapter_class("prefect").name == "Prefect"
