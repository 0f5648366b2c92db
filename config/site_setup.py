"""What must be there before the processes start: tables, static files, a first user."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from config import database_roles, env
from config.demo_seed_data import set_up_demo
from executions.notifications import push_key
from providers.checks import stored_credentials
from providers.models import ProviderAccount

TIMEOUT = 10  # seconds, for each service


def prepare(say: Callable[[str], object]) -> str:
    """Migrate, collect static files, make the first user and the demo's accounts; `say` is called
    for each stage that takes its time. Returns a sentence about signing in; a password that was
    made here is in it, this once. CannotStart if a service does not answer."""
    check_services()
    if changes := _missing_changes():
        say(f"Tables: {changes} changes to make ...")
        call_command("migrate", verbosity=0)
    database_roles.grant_site()
    _check_site_role()
    _check_keys()
    push_key.row()
    say("Static files ...")
    call_command("collectstatic", interactive=False, verbosity=0)
    if env.text("HOST") in ("0.0.0.0", "::") and not env.text("ANNUNCIATOR_ALLOWED_HOSTS"):  # noqa: S104
        say(
            f"HOST is every address, but the site answers under {', '.join(env.own_hosts())} "
            "alone: name others in ANNUNCIATOR_ALLOWED_HOSTS."
        )
    sentence = first_user()
    if settings.IS_DEMO:
        set_up_demo()
    return sentence


def check_services() -> None:
    parameters = connection.get_connection_params() | {"connect_timeout": TIMEOUT}
    try:
        psycopg.connect(**parameters).close()
    except psycopg.Error as error:
        raise env.CannotStart(
            f"The database of DATABASE_URL does not answer: {_brief(error)}"
        ) from None
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=TIMEOUT) as broker:
            broker.ping()
    except (redis.RedisError, ValueError) as error:
        raise env.CannotStart(f"The broker of REDIS_URL does not answer: {_brief(error)}") from None


def _check_site_role() -> None:
    """CannotStart if the role that the site works with cannot use the database."""
    if database_roles.site_role():
        try:
            psycopg.connect(env.text("DATABASE_URL"), connect_timeout=TIMEOUT).close()
        except psycopg.Error as error:
            raise env.CannotStart(
                f"The database of DATABASE_URL does not answer: {_brief(error)}"
            ) from None


def _check_keys() -> None:
    """CannotStart if no stored credential opens: these keys belong to another installation."""
    sealed = ProviderAccount.objects.exclude(sealed_credentials="").count()
    closed = stored_credentials(None, databases=["default"]) if sealed else []
    if closed and len(closed) == sealed:
        raise env.CannotStart(
            f"CREDENTIAL_KEYS opens none of the {sealed} stored credentials: put the old key back "
            "behind the new one. If it is lost, `manage.py accounts apply` seals them anew."
        )


def _brief(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _missing_changes() -> int:
    """How many migrations are to come. CannotStart if the tables are those of a newer version."""
    executor = MigrationExecutor(connection)
    ours = {app for app, _ in executor.loader.disk_migrations}
    known = executor.loader.disk_migrations.keys() | executor.loader.replacements.keys()
    unknown = [f"{app}.{name}" for app, name in executor.loader.applied_migrations
               if app in ours and (app, name) not in known]  # fmt: skip
    if unknown:
        raise env.CannotStart(
            f"The database was written by a newer version of Annunciator ({unknown[-1]} is unknown "
            "here): install that version, or set ANNUNCIATOR_DATA or DATABASE_URL to another one."
        )
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def first_user() -> str:
    if User.objects.exists():
        return "admin, or any user you made"
    chosen = env.exact("ANNUNCIATOR_ADMIN_PASSWORD")
    password = chosen or secrets.token_urlsafe(12)
    User.objects.create_superuser("admin", password=password)
    if chosen:
        return "admin, with ANNUNCIATOR_ADMIN_PASSWORD"
    return f"admin / {password}   (shown this once)"
