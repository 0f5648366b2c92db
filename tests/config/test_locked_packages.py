"""What the lock files name: each package by its content, and none with a fault that is long known.

`make audit` asks for the faults that became known since, where the network allows.
"""

from __future__ import annotations

import re

import pytest
from packaging.version import Version

from tests.product import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock")
MENDED_IN = {
    "cryptography": ("44.0.1", "CVE-2024-12797: raw public keys"),
    "django": ("5.2.8", "CVE-2025-64459: SQL injection by the connector of a filter"),
    "h11": ("0.16.0", "CVE-2025-43859: chunked bodies that two readers cut differently"),
    "requests": ("2.32.4", "CVE-2024-47081: credentials of .netrc to another host"),
    "starlette": ("0.49.1", "CVE-2025-62727: a Range header that takes quadratic time"),
    "urllib3": ("2.6.0", "CVE-2025-66418, CVE-2025-66471: bodies that grow without end"),
    "werkzeug": ("3.1.4", "CVE-2025-66221: names of devices as files"),
}


def locked(name: str) -> dict[str, Version]:
    lines = re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return {package: Version(version) for package, version in lines}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_named_by_its_content(name: str) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", (ROOT / name).read_text(), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(locked(name)) > 0
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("package", MENDED_IN)
def test_no_package_has_a_fault_that_is_long_known(package: str) -> None:
    version, fault = MENDED_IN[package]
    assert locked("requirements-dev.lock")[package] >= Version(version), fault


def test_what_runs_is_what_is_tested() -> None:
    tested = locked("requirements-dev.lock")
    assert {name: tested.get(name) for name in locked("requirements.lock")} == locked(
        "requirements.lock"
    )
