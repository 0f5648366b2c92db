"""Checks before a `manage.py` command, and before Django is loaded: settings that can be used,
services that answer, and for `run` nothing left of an earlier one.

Called by `manage.py` alone.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from django.db import OperationalError, ProgrammingError
from psycopg.errors import UndefinedColumn, UndefinedTable

from config import database_roles, embedded_services, env, leftover_processes

STOPS_WITHIN = 90.0  # seconds; Postgres writes down what it holds
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def surroundings(argv: list[str]) -> Iterator[None]:
    """Of the command in `argv`. CannotStart if it cannot have them; a signal that ends the command
    ends the services as well."""
    if not embedded_services.needs_services(argv):
        yield
        return
    env.check()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _exit)
    try:
        if argv[1] == "run":
            with only_run() as mark:
                say("Database and broker ...")
                with _services(argv[1]):
                    os.environ[leftover_processes.MARK] = mark
                    yield
        else:
            with _services(argv[1]):
                yield
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        raise env.CannotStart(f"The database of DATABASE_URL does not answer: {reason}") from None
    except ProgrammingError as error:
        if not isinstance(error.__cause__, UndefinedTable | UndefinedColumn):
            raise
        raise env.CannotStart(
            "The database has no tables yet, or older ones: `manage.py setup` makes them."
        ) from None
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise env.CannotStart(
            f"The disk of {env.data_folder()} is full: free some space, or set ANNUNCIATOR_DATA to "
            "a folder on another disk."
        ) from None


@contextmanager
def _services(command: str) -> Iterator[None]:
    """Database and broker, and the role in the database that this command works with."""
    is_embedded = not env.text("DATABASE_URL")
    with embedded_services.services():
        database_roles.choose(command)
        if is_embedded:
            database_roles.separate_embedded()
        yield


def _exit(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


@contextmanager
def only_run() -> Iterator[str]:
    """The only run on the data folder, with nothing left of an earlier one. CannotStart if another
    one is at work there. What carries the mark that is given ends with this process, however it
    dies, and so do the embedded services."""
    folder = env.data_folder()
    embedded_services.check_folder(folder)
    with _lock(folder):
        _end_leftovers(folder)
        run = secrets.token_hex(8)
        with _guarded(folder, run):
            yield leftover_processes.mark(folder, run)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    with open(folder / "run.lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise env.CannotStart(
                f"Annunciator runs already on {folder} (process {lock.read() or '?'}). Stop "
                "it first, or set ANNUNCIATOR_DATA to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _end_leftovers(folder: Path) -> None:
    if number := leftover_processes.end(leftover_processes.mark(folder)):
        say(f"Ended {number} processes that an earlier start on {folder} had left behind.")
    if services := embedded_services.left_running(folder):
        say(f"{' and '.join(services)} of an earlier start on {folder} still run: used again.")


@contextmanager
def _guarded(folder: Path, run: str) -> Iterator[None]:
    to_guard, from_run = os.pipe()
    watchdog = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "config.run_watchdog", str(folder), run],
        cwd=env.BASE_DIR,
        stdin=to_guard,
        start_new_session=True,  # what kills a terminal's processes does not reach it
    )
    os.close(to_guard)
    try:
        yield
    finally:
        os.close(from_run)
        watchdog.wait(STOPS_WITHIN)


def say(line: str) -> None:
    sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()
