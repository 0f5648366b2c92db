"""One product of real processes for these tests, with short leases, so that what a dead worker
held is looked after within seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.product import Product, own_folder
from tests.quick_postgres import wait_for_no_disk

LEASE = 6  # seconds; every other waiting time follows from it


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    with own_folder() as folder, Product(folder, ANNUNCIATOR_LEASE_SECONDS=str(LEASE)) as running:
        wait_for_no_disk(running.env["DATABASE_OWNER_URL"])
        yield running
