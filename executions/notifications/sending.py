"""Messages to people: which addresses are allowed, how they are shown, and one sending.

An address is a URL as Apprise documents them. It is a secret from its first character to its last:
`shown` is the only form of it that may be printed. The sending itself happens in
`apprise_process`, a process of its own that is killed when its time is over."""

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
from urllib.parse import parse_qsl, unquote, urlsplit

SECONDS = 25.0  # for one message to one address, everything included
MAX_ADDRESS = 2000  # characters
MAX_TITLE = 200  # characters
MAX_TITLE_OCTETS = 500  # in UTF-8; less than 998 as the subject of a mail
MAX_BODY = 6000

# Scheme: (service, whether the address names a server that a person chose and that may be shown).
# Nothing else is ever sent to: Apprise knows schemes that write files or talk to this machine.
SERVICES: dict[str, tuple[str, bool]] = {
    "json": ("webhook (JSON)", True),
    "jsons": ("webhook (JSON)", True),
    "form": ("webhook (form)", True),
    "forms": ("webhook (form)", True),
    "xml": ("webhook (XML)", True),
    "xmls": ("webhook (XML)", True),
    "mailto": ("e-mail", True),
    "mailtos": ("e-mail", True),
    "slack": ("Slack", False),
    "workflow": ("Microsoft Teams", True),
    "workflows": ("Microsoft Teams", True),
    "discord": ("Discord", False),
    "gchat": ("Google Chat", False),
    "tgram": ("Telegram", False),
    "webex": ("Webex", False),
    "wxteams": ("Webex", False),
    "zulip": ("Zulip", False),
    "mmost": ("Mattermost", True),
    "mmosts": ("Mattermost", True),
    "rocket": ("Rocket.Chat", True),
    "rockets": ("Rocket.Chat", True),
    "matrix": ("Matrix", False),
    "matrixs": ("Matrix", False),
    "gotify": ("Gotify", True),
    "gotifys": ("Gotify", True),
    "ntfy": ("ntfy", False),
    "ntfys": ("ntfy", False),
    "signal": ("Signal", True),
    "signals": ("Signal", True),
    "pover": ("Pushover", False),
    "pagerduty": ("PagerDuty", False),
    "opsgenie": ("Opsgenie", False),
    "splunk": ("Splunk On-Call", False),
    "victorops": ("Splunk On-Call", False),
}

# Options of an address that would read files, weaken TLS, follow redirects or repeat a sending.
FORBIDDEN_OPTIONS = {
    "verify": "Certificates are always checked.",
    "redirect": "Redirects are never followed.",
    **dict.fromkeys(
        ("template", "attach", "attach-as", "inline", "pgp", "pgppub", "pgprv", "pgpprv", "pgpkey",
         "wkd", "e2ee", "key", "store", "hook", "discovery"),
        "It would read or keep files here.",
    ),
    **dict.fromkeys(
        ("retry", "wait", "rto", "cto", "timeout", "service_timeout"),
        "How long and how often is decided here.",
    ),
}  # fmt: skip


class AddressRefused(ValueError):
    """The address is not one that may be used; says why, without the address itself."""


@dataclass(frozen=True)
class Address:
    """One address of a target, checked."""

    url: str
    scheme: str
    service: str
    host: str
    """Of the server, where a person chose it; else ""."""

    @property
    def shown(self) -> str:
        return f"{self.scheme}://{self.host or '…'}"

    def __repr__(self) -> str:
        return f"Address({self.shown})"


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


def read_address(text: str) -> Address:
    """Raises AddressRefused."""
    url = text.strip()
    if len(url) > MAX_ADDRESS:
        raise AddressRefused(f"It is longer than {MAX_ADDRESS:,} characters.")
    if any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise AddressRefused("It holds a space or a control character; write %20 for a space.")
    scheme, divider, rest = url.partition("://")
    scheme = scheme.lower()
    if not divider or not rest:
        raise AddressRefused("It does not begin with a service, such as mailtos:// or slack://.")
    if scheme in ("http", "https"):
        raise AddressRefused("For a webhook write jsons:// instead of https:// (json:// for http).")
    if scheme not in SERVICES:
        raise AddressRefused(f"{scheme[:20]}:// is not among the services that may be used.")
    service, is_server = SERVICES[scheme]
    for name, _ in parse_qsl(rest.partition("?")[2], keep_blank_values=True):
        why = FORBIDDEN_OPTIONS.get(unquote(name).strip().lower())
        if why:
            raise AddressRefused(f"The option {name[:20]} is not allowed. {why}")
    return Address(f"{scheme}://{rest}", scheme, service, _server_of(rest) if is_server else "")


def _server_of(rest: str) -> str:
    try:
        parts = urlsplit(f"x://{rest}")
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("The server or its port is not understood.") from None
    if not host:
        raise AddressRefused("It names no server.")
    return host


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
