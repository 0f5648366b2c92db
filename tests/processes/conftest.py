"""One product of real processes for these tests, with short leases, so that what a dead worker
held is looked after within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.product import Product

LEASE = 6  # seconds; every other waiting time follows from it


def open_to_postgres(folder: Path) -> Path:
    """Postgres' own user goes through when the tests run as root."""
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def product(tmp_path_factory: Any) -> Iterator[Product]:
    folder = open_to_postgres(tmp_path_factory.mktemp("processes"))
    with Product(folder, ANNUNCIATOR_LEASE_SECONDS=str(LEASE)) as running:
        yield running
