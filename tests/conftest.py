"""What every test gets: plain static files, and a database that is not dropped at the end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import override_settings

from tests.quick_postgres import empty_quickly
from tests.services import IS_OURS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-screenshots",
        action="store_true",
        help="write pictures of every page to .data/screenshots/, the documented ones to docs/",
    )


def pytest_collection_finish() -> None:
    """Half a million objects of ten thousand tests live on: they are not looked at any more."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """An embedded database goes with its folder; dropping it would wait for every last thread."""
    return django_db_keepdb or IS_OURS


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests with transactions empty the tables afterwards; the audit log must let them."""
    empty_quickly()
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE executions_auditentry DISABLE TRIGGER audit_no_truncate")
        cursor.execute("ALTER TABLE executions_auditseal DISABLE TRIGGER seal_no_truncate")


@pytest.fixture(scope="session", autouse=True)
def _settings_of_tests() -> Iterator[None]:
    """Set once for all: a test that is about one of them sets it for itself."""
    with override_settings(
        # Files are found when they are asked for: every client would else look at all of them.
        WHITENOISE_AUTOREFRESH=True,
        STORAGES={
            **settings.STORAGES,
            "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
        },
        # A password that nobody guesses at needs no third of a second.
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        # Answers are sent at once.
        ANNUNCIATOR_UNDO=timedelta(),
    ):
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent
