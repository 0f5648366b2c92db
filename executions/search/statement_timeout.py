"""Searches that the database may give up on, so that no search holds a page up for long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

SECONDS = 3


class TooLong(Exception):
    """Show it: the search was stopped. str() is a sentence for a person."""


@contextmanager
def bounded() -> Iterator[None]:
    """Statements within may take `SECONDS` each. Raises TooLong."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SECONDS}s"])
            yield
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
    except OperationalError as error:
        if "statement timeout" not in str(error):
            raise
        raise TooLong(
            f"The search took longer than {SECONDS} s and was stopped. Use a more specific text."
        ) from error
