"""A Postgres for tests: as safe as its process, not as its disk, and emptied row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import connection


def wait_for_no_disk(address: str) -> None:
    """A power cut may cost a test its database: nothing in it is written down before going on."""
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("ALTER SYSTEM SET fsync = off")
        server.execute("ALTER SYSTEM SET full_page_writes = off")
        server.execute("SELECT pg_reload_conf()")


def empty_quickly() -> None:
    """What a test with transactions leaves is deleted. Django truncates every table after each, and
    Postgres makes seven hundred files anew for the few rows in some of them."""
    operations = type(connection.ops)
    truncate = operations.sql_flush

    def sql_flush(self: Any, style: Any, tables: Sequence[str], **options: Any) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            may_leave_out_triggers = cursor.fetchone() == (True,)
        if options.get("reset_sequences") or not may_leave_out_triggers:
            return list(truncate(self, style, tables, **options))
        named = ", ".join(f"'{table}'" for table in tables)
        return [DELETE_ALL % named] if tables else []

    operations.sql_flush = sql_flush


DELETE_ALL = """DO $$
DECLARE each text; is_used boolean;
BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    FOREACH each IN ARRAY ARRAY[%s] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', each) INTO is_used;
        IF is_used THEN EXECUTE format('DELETE FROM %%I', each); END IF;
    END LOOP;
END $$"""
