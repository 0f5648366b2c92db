"""`manage.py` commands of an installation, each in a fork of one process that has loaded Django.

Loading it is most of the work of a command, and a run of all tests gives some sixty. What a test
says about the start of a command itself needs a real start.

Usage: `python -m tests.warm_manage`. Reads a line of JSON per command, `{"args": [...], "env":
{...}}`, and answers with a line `{"returncode": 0, "stdout": "", "stderr": ""}`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import IO

from config.database_roles import OWNER_COMMANDS

ROOT = Path(__file__).resolve().parent.parent


class WarmManage:
    """The commands of the installation that `env` describes, but for those of its database's owner,
    who is somebody else from the first connection on."""

    def __init__(self, env: dict[str, str]) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_manage"],
            cwd=ROOT,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, args: tuple[str, ...], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        assert args[0] not in OWNER_COMMANDS
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps({"args": args, "env": env}) + "\n")
        self._server.stdin.flush()
        return subprocess.CompletedProcess(args, **json.loads(self._server.stdout.readline()))

    def stop(self) -> None:
        self._server.communicate(timeout=10)


def serve(asked: IO[str], told: IO[str]) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django

    django.setup()
    for line in asked:
        command = json.loads(line)
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            if not (pid := os.fork()):
                os._exit(_carry_out(command, out, err))
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            out.seek(0)
            err.seek(0)
            answer = {"returncode": code, "stdout": out.read(), "stderr": err.read()}
        told.write(json.dumps(answer) + "\n")
        told.flush()


def _carry_out(command: dict[str, object], out: IO[str], err: IO[str]) -> int:
    """The exit status of `manage.py`, whose output goes to the two files."""
    from manage import main

    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    os.environ.clear()
    os.environ.update(command["env"])
    sys.argv = ["manage.py", *command["args"]]
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - told as Python tells it when a program ends
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve(sys.stdin, os.fdopen(os.dup(1), "w"))
