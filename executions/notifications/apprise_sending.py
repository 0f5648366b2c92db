"""One message to one address, or a check of it: in `apprise_process`, a process of its own that is
killed when its time is over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from executions.notifications.address_rules import SERVICES, Address

SECONDS = 25.0  # for one message to one address, everything included
MAX_TITLE = 200  # characters
MAX_TITLE_OCTETS = 500  # in UTF-8; less than 998 as the subject of a mail
MAX_BODY = 6000


@dataclass(frozen=True)
class Outcome:
    """What came of one sending, in words without secrets."""

    state: str
    """sent; failed: surely not taken; unknown: may have been taken; refused: never will be."""
    says: str

    @property
    def is_sent(self) -> bool:
        return self.state == "sent"


@dataclass(frozen=True)
class Message:
    title: str
    body: str
    type: str = "info"
    """info, success, warning or failure: the colour that a chat gives it."""


def cut_title(text: str) -> str:
    """A title that every service takes: cut by what it becomes on its way, between characters."""
    cut = text[:MAX_TITLE].encode()[:MAX_TITLE_OCTETS].decode(errors="ignore")
    if cut == text:
        return text
    while cut and unicodedata.combining(text[len(cut)]):  # a letter keeps its accents
        cut = cut[:-1]
    return cut


def check(address: Address, allowed: Iterable[str], site: str = "") -> Outcome:
    """Whether the service understands the address and its server may be reached. Sends nothing."""
    return _run(address, Message("", ""), allowed, site, is_check=True, may_go=lambda: False)


def send(
    address: Address,
    message: Message,
    allowed: Iterable[str],
    site: str = "",
    may_go: Callable[[], bool] = lambda: True,
) -> Outcome:
    """Hand one message to one address, once. `allowed`: networks besides public addresses.
    `may_go` is asked right before anything is sent; if it says no, nothing was."""
    return _run(address, message, allowed, site, is_check=False, may_go=may_go)


def _run(
    address: Address,
    message: Message,
    allowed: Iterable[str],
    site: str,
    *,
    is_check: bool,
    may_go: Callable[[], bool],
) -> Outcome:
    job = {
        "url": address.url,
        "title": cut_title(message.title),
        "body": message.body[:MAX_BODY],
        "type": message.type,
        "allowed": list(allowed),
        "is_server": SERVICES[address.scheme][1],
        "is_check": is_check,
        "site": site,
    }
    process = _start()
    timer = Timer(SECONDS, process.kill)
    timer.start()
    has_gone = False
    try:
        answer = _exchange(process, json.dumps(job))
        if answer.get("state") == "ready":
            if not may_go():
                return Outcome("failed", "It was not sent: somebody else took it over.")
            has_gone = True
            answer = _exchange(process, "go")
    finally:
        timer.cancel()
        process.kill()
        process.communicate()
    if answer.get("state") in ("sent", "failed", "unknown", "refused"):
        return Outcome(str(answer["state"]), str(answer.get("says", "")))
    if has_gone:
        return Outcome(
            "unknown",
            f"No answer within {SECONDS:g} s, so the message may or may not have arrived.",
        )
    return Outcome("failed", "It could not be prepared in time; nothing was sent.")


def _start() -> subprocess.Popen[str]:
    """A process that inherits nothing but the way to Python: no proxies, no keys, no home."""
    root = str(Path(__file__).resolve().parents[2])
    kept = {name: os.environ[name] for name in ("PATH", "SSL_CERT_FILE") if name in os.environ}
    env = {**kept, "PYTHONPATH": root, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "executions.notifications.apprise_process"],
        cwd=root,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _exchange(process: subprocess.Popen[str], line: str) -> dict[str, Any]:
    """One line there, one line back; {} where the process is gone or says something else."""
    if process.stdin is None or process.stdout is None:
        return {}
    with suppress(OSError, ValueError):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        return answer if isinstance(answer, dict) else {}
    return {}
