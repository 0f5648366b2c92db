"""What every test gets: plain static files, and a database that is not dropped at the end."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.quick_postgres import empty_quickly
from tests.services import IS_OURS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--keep-screenshots",
        action="store_true",
        help="write pictures of every page to .data/screenshots/, the documented ones to docs/",
    )


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


@pytest.fixture(autouse=True)
def _plain_static(settings: Any) -> None:
    """Files as they are, each found when it is asked for: every client of a test would else look at
    all of them first."""
    settings.WHITENOISE_AUTOREFRESH = True
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """A password that nobody guesses at needs no third of a second."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_time_to_undo(settings: Any) -> None:
    """Answers are sent at once, but where a test is about that."""
    settings.ANNUNCIATOR_UNDO = timedelta()


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).resolve().parent.parent
