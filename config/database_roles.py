"""Two roles in the database: an owner, who makes and changes tables, and the role that the site
works with. That one owns nothing, adds to the audit log and cannot change it.

`manage.py` acts as the owner for what sets the site up (OWNER_COMMANDS), everything else as the
role of DATABASE_URL. Without DATABASE_OWNER_URL one role does both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning
from django.db import connections
from psycopg import sql

from config import env
from executions.sql_sections import statements

OWNER_COMMANDS = {"run", "setup", "migrate", "flush", "loaddata", "createcachetable"}
OF_EMBEDDED = "annunciator_app"  # the site's role in an embedded Postgres
_sql = statements(__file__)
_acts_as_owner = False


def choose(command: str) -> None:
    """As whom this process works, before the settings are read."""
    global _acts_as_owner
    _acts_as_owner = command in OWNER_COMMANDS


def address() -> str:
    """Of the database, for this process."""
    site: str = env.value("DATABASE_URL", "postgresql://localhost/annunciator")
    owner: str = env.value("DATABASE_OWNER_URL", "") if _acts_as_owner else ""
    return owner or site


def password() -> str:
    """Of the owner, where it does not stand in the address."""
    return env.exact("DATABASE_OWNER_PASSWORD") if _acts_as_owner else ""


def forget_owner() -> None:
    """What this process starts from now on does not learn the owner's address."""
    for name in ("DATABASE_OWNER_URL", "DATABASE_OWNER_PASSWORD"):
        os.environ.pop(name, None)


def site_role() -> str:
    """The role that the site works with, "" where that is the owner."""
    owner, site = (_user(env.text(name)) for name in ("DATABASE_OWNER_URL", "DATABASE_URL"))
    return site if owner and site != owner else ""


def separate_embedded() -> None:
    """Of the embedded Postgres whose owner DATABASE_URL names: two roles from now on, in folders of
    earlier versions as well."""
    owner = os.environ["DATABASE_URL"]
    site = urlsplit(owner)
    netloc = site.netloc.replace("postgres@", f"{OF_EMBEDDED}@", 1)
    os.environ |= {
        "DATABASE_OWNER_URL": owner,
        "DATABASE_URL": site._replace(netloc=netloc).geturl(),
    }
    with psycopg.connect(owner) as server:
        if not _exists(server, OF_EMBEDDED):
            grant(server, OF_EMBEDDED)


def after_migrate(sender: AppConfig, using: str, **more: Any) -> None:
    grant_site(using)


def grant_site(using: str = "default") -> None:
    """Make the site's role where there is none, with the password of its address, and grant it what
    the tables need as they are now. CannotStart if the owner may not."""
    role = site_role()
    if not role:
        return
    connections[using].ensure_connection()
    server = connections[using].connection
    try:
        with server.transaction():
            grant(server, role)
    except psycopg.errors.InsufficientPrivilege as error:
        reason = str(error).strip().splitlines()[0]
        raise env.CannotStart(
            f"The role of DATABASE_OWNER_URL cannot give {role} its rights ({reason}): make {role} "
            "by hand, and let DATABASE_OWNER_URL name the owner of the tables."
        ) from None


def grant(server: psycopg.Connection[Any], role: str) -> None:
    """In the caller's transaction. What another role owns in the schema is left alone."""
    server.execute(_sql("one_at_a_time"))
    name = sql.Identifier(role)
    if not _exists(server, role):
        made = sql.SQL("CREATE ROLE {} LOGIN").format(name)
        secret = unquote(urlsplit(env.text("DATABASE_URL")).password or "")
        if secret := secret or os.environ.get("PGPASSWORD", ""):
            made += sql.SQL(" PASSWORD {}").format(sql.Literal(secret))
        server.execute(made)
    server.execute(_sql("grant", role=sql.Literal(role).as_string(server)))


def check(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **more: Any
) -> list[CheckMessage]:
    """A system check: the site cannot change its audit log."""
    if _acts_as_owner or "default" not in (databases or ()):
        return []
    with connections["default"].cursor() as cursor:
        cursor.execute(_sql("may_change_the_audit_log"))
        (may,) = cursor.fetchone()
    if not may:
        return []
    return [
        Warning(
            "The role of DATABASE_URL may change the audit log and drop tables.",
            hint="Give the site a role that owns nothing: docs/operate/deployment.md, Two roles.",
            id="config.W001",
        )
    ]


def _exists(server: psycopg.Connection[Any], role: str) -> bool:
    found = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    return found is not None


def _user(address: str) -> str:
    return unquote(urlsplit(address).username or "")
