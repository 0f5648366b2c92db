"""`manage.py run`: every process of the product in one terminal, until Ctrl-C.

Web, live stream, worker, poller, beat, listener and, unless ANNUNCIATOR_DEMO=0, the demo
providers: separate processes under one runner, which starts again what ends by itself. A second
start on the same data folder is refused.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser

from config import database_roles, demo_accounts, embedded_services, env
from config.processes import demo as demo_command
from config.processes import processes
from config.site_setup import prepare
from config.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start every process of the product in this terminal. Ctrl-C stops all of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--with-parent",
            action="store_true",
            help="stop when the process that started this one has ended, as `make run` does",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        parent = os.getppid() if options["with_parent"] else None
        self._check_ports()
        sign_in = prepare(self._say)
        database_roles.forget_owner()
        self._print_address(sign_in)
        Supervisor(self._commands(), parent=parent, dead_services=embedded_services.dead).run()

    def _say(self, line: str) -> None:
        self.stdout.write(f"  {line}")
        self.stdout.flush()

    def _check_ports(self) -> None:
        """CommandError that names the variable, if a port cannot be listened on."""
        host = env.text("HOST", "127.0.0.1")
        wanted = [("PORT", host, settings.PORT), ("LIVE_PORT", host, settings.LIVE_PORT)]
        if settings.IS_DEMO:
            wanted += [
                ("ANNUNCIATOR_DEMO_PORT", "127.0.0.1", port)
                for port in demo_accounts.ports().values()
            ]
        users: dict[int, str] = {}
        for variable, address, port in wanted:
            if port in users:
                raise CommandError(
                    f"Port {port} is wanted twice: set {variable} or {users[port]} to another "
                    "number."
                )
            users[port] = variable
            if problem := _problem(address, port):
                raise CommandError(problem.format(port=port, variable=variable, address=address))

    def _commands(self) -> dict[str, str]:
        commands = processes(
            host=env.text("HOST", "127.0.0.1"),
            port=settings.PORT,
            live_port=settings.LIVE_PORT,
            data=env.data_folder(),
        )
        if settings.IS_DEMO:
            commands["demo"] = demo_command(
                host=demo_accounts.host(), ports=demo_accounts.ports_text(), data=env.data_folder()
            )
        return commands

    def _print_address(self, sign_in: str) -> None:
        shown = env.shown_host()
        self.stdout.write(
            f"\n  Annunciator: http://{shown}:{settings.PORT}/\n  Sign in as:  {sign_in}\n"
            "  Ctrl-C stops everything.\n"
        )
        self.stdout.flush()


def _problem(address: str, port: int) -> str:
    """ "" if this port can be listened on."""
    if port > 65_535:
        return "There is no port {port}: set {variable} to a smaller number."
    try:
        family, _, _, _, where = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return "Port {port} is in use by another program: set {variable} to another number."
        if error.errno in (errno.EACCES, errno.EPERM):
            return (
                "Port {port} needs the rights of an administrator: set {variable} to a number "
                "from 1024 on."
            )
        return "HOST is {address!r}, which is no address of this machine."
    return ""
