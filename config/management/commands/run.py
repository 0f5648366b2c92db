"""`manage.py run`: every process of the product in one terminal, until Ctrl-C.

Web, live stream, worker, poller, beat, listener and, unless ANNUNCIATOR_DEMO=0, the demo
providers: separate processes under one runner. A second start on the same data folder is refused.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from honcho.manager import Manager

from config import demo, env
from config.preparing import prepare
from config.processes import demo as demo_command
from config.processes import processes


class Command(BaseCommand):
    help = "Start every process of the product in this terminal. Ctrl-C stops all of them."

    def handle(self, *args: Any, **options: Any) -> None:
        with self._only_one():
            self._check_ports()
            sign_in = prepare()
            if settings.IS_DEMO:
                demo.ensure_accounts()
            self._print_address(sign_in)
            manager = Manager()
            for name, command in self._commands().items():
                manager.add_process(name, command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
            manager.loop()
        if manager.returncode not in (0, 130, 143):
            raise CommandError("A process ended by itself; its last lines are above.")

    @contextmanager
    def _only_one(self) -> Iterator[None]:
        folder = env.data_folder()
        with open(folder / "run.lock", "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise CommandError(
                    f"Annunciator runs already on {folder} (process {lock.read() or '?'}). Stop "
                    "it first, or set ANNUNCIATOR_DATA to another folder."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def _check_ports(self) -> None:
        host = env.text("HOST", "127.0.0.1")
        wanted = {settings.PORT: (host, "PORT"), settings.LIVE_PORT: (host, "LIVE_PORT")}
        if settings.IS_DEMO:
            wanted |= {port: ("127.0.0.1", f"demo {key}") for key, port in demo.ports().items()}
        for port, (address, name) in wanted.items():
            with socket.socket() as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind((address, port))
                except OSError:
                    raise CommandError(
                        f"Port {port} ({name}) is in use by another program. Set PORT to another "
                        "number."
                    ) from None

    def _commands(self) -> dict[str, str]:
        commands = processes(
            host=env.text("HOST", "127.0.0.1"),
            port=settings.PORT,
            live_port=settings.LIVE_PORT,
            data=env.data_folder(),
        )
        if settings.IS_DEMO:
            commands["demo"] = demo_command(ports=demo.ports_text(), data=env.data_folder())
        return commands

    def _print_address(self, sign_in: str) -> None:
        host = env.text("HOST", "127.0.0.1")
        shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound
        self.stdout.write(
            f"\n  Annunciator: http://{shown}:{settings.PORT}/\n  Sign in as:  {sign_in}\n"
            "  Ctrl-C stops everything.\n"
        )
        self.stdout.flush()
