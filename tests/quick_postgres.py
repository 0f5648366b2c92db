"""A Postgres for tests: as safe as its process, not as its disk."""

from __future__ import annotations

import psycopg


def wait_for_no_disk(address: str) -> None:
    """A power cut may cost a test its database: nothing in it is written down before going on."""
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("ALTER SYSTEM SET fsync = off")
        server.execute("ALTER SYSTEM SET full_page_writes = off")
        server.execute("SELECT pg_reload_conf()")
