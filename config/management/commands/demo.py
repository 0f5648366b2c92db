"""`manage.py demo`: the demo providers alone, for installations that start their processes one by
one."""

import os
import shlex
from typing import Any

from django.core.management import BaseCommand

from config import demo_accounts, env, processes


class Command(BaseCommand):
    help = "Serve the simulated providers at ANNUNCIATOR_DEMO_HOST, until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        line = shlex.split(
            processes.demo(
                host=demo_accounts.host(), ports=demo_accounts.ports_text(), data=env.data_folder()
            )
        )
        os.execv(line[0], line)  # noqa: S606 - our own command line
