"""Hands one message to one address, in a process of its own: the only importer of Apprise.

Started by `sending` with the job as JSON on standard input. Apprise opens its connections itself,
so what `http` does for providers is done here for the whole process: every connection is checked
against the address policy, no program is started, no file is written, none is read outside Python's
own folders, redirects are not followed and certificates are always checked. Nothing leaves but one
JSON line with our own words: Apprise's log lines carry addresses and stay in memory.

In order: read the job, check the address, say "ready", wait for "go", send, say what came of it.
Without a "go" nothing is sent, so a process that dies before that has sent nothing.
"""

from __future__ import annotations

import json
import logging
import mimetypes
import re
import socket
import sys
from collections.abc import Iterable
from email import charset
from email.message import Message
from pathlib import Path
from typing import Any

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType

from providers.address_policy import Policy, Refused

MAIL_PORTS = frozenset({25, 465, 587})  # which mail needs, and accounts do not
CONNECT_FOR = 5.0  # seconds
ANSWER_WITHIN = 10.0  # seconds between two bytes
FORBIDDEN = frozenset(
    {
        "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
        "os.forkpty", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link",
        "socket.bind", "socket.sendto", "socket.sendmsg", "ctypes.dlopen", "webbrowser.open",
    }
)  # fmt: skip
READABLE = tuple(
    str(Path(folder).resolve())
    for folder in (sys.prefix, sys.base_prefix, Path(__file__).parent, "/usr/share/zoneinfo")
)
ANSWERED = re.compile(r"error=(\d{3})|\b(?:status|code)[ =:]+(\d{3})\b|^\D{0,80}\((\d{3}), b?['\"]")
NOT_TAKEN = {
    401: "It refused the credentials in the address.",
    403: "It refused the credentials in the address.",
    404: "Nothing was found at this address.",
    410: "It no longer exists.",
    413: "The message was too large for it.",
    429: "It accepts no more messages at the moment.",
}


class _Lines(logging.Handler):
    """Keeps what Apprise says, to find a reason in it. Nothing of it leaves the process."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage()[:2000])


class _Door:
    """What this process may reach. Everything that Apprise connects comes through here."""

    def __init__(self, policy: Policy, is_encrypted: bool) -> None:
        self.policy = policy
        self.is_encrypted = is_encrypted
        self.refusals: list[str] = []
        self.has_connected = False
        self.is_closed = False

    def watch(self) -> None:
        """From now on; an audit hook cannot be taken off again."""
        real = socket.socket.connect

        def connect(sock: socket.socket, address: Any) -> None:
            real(sock, address)
            self.has_connected = True

        socket.socket.connect = connect  # type: ignore[method-assign,assignment]
        sys.addaudithook(self._audit)
        self.is_closed = True

    def check(self, host: str, port: int) -> None:
        """Raises Refused where one of the host's addresses may not be reached."""
        for info in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM):
            self.policy.check(str(info[4][0]), port, is_encrypted=self.is_encrypted)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.is_closed:
            return
        if event == "socket.connect":
            self._check_connection(args[1])
        elif event in FORBIDDEN:
            self._refuse("The message may not do that on this machine.")
        elif event == "open" and not _may_open(*args):
            self._refuse("The message may not read or write files of this machine.")

    def _check_connection(self, address: Any) -> None:
        if not isinstance(address, tuple):
            self._refuse("The message may not talk to programs of this machine.")
        try:
            self.policy.check(str(address[0]), int(address[1]), is_encrypted=self.is_encrypted)
        except (Refused, ValueError) as error:
            self._refuse(str(error))

    def _refuse(self, why: str) -> None:
        self.refusals.append(why)
        raise Refused(why)


def _may_open(path: Any, mode: Any, flags: Any = 0) -> bool:
    if isinstance(path, int) or path == "/dev/null":
        return True
    if isinstance(mode, str) and set(mode) & set("wax+"):
        return False
    if isinstance(flags, int) and flags & 3:
        return False
    name = path.decode("utf-8", "replace") if isinstance(path, bytes) else str(path)
    return str(Path(name).absolute()).startswith(READABLE)


def deliver(job: dict[str, Any]) -> dict[str, Any]:
    """What came of it: `state` is sent, failed (surely not taken), unknown (may have been taken)
    or refused (never to be tried again), `says` one sentence."""
    lines = _Lines()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [lines], False
    logger.setLevel(logging.DEBUG)
    mimetypes.init()  # reads files of the system, once
    asset = AppriseAsset(
        app_id="Annunciator",
        app_desc="Annunciator",
        app_url=job["site"],
        image_path_mask=False,
        async_mode=False,
        http_redirects=False,
        secure_logging=True,
        allow_templates=False,
        service_timeout=0,
    )
    asset.image_url_mask = asset.image_url_logo = ""
    target: Any = Apprise.instantiate(job["url"], asset=asset, suppress_exceptions=True)
    if target is None:
        return {"state": "refused", "says": "The address is not complete or not understood."}
    target.verify_certificate = True
    target.redirects = False
    target.socket_connect_timeout, target.socket_read_timeout = CONNECT_FOR, ANSWER_WITHIN
    is_mail = hasattr(target, "smtp_host")
    policy = Policy.from_cidrs(job["allowed"], MAIL_PORTS if is_mail else ())
    door = _Door(policy, _is_encrypted(target))
    problem = _problem_with(target, door, is_server=job["is_server"])
    if problem or job["is_check"]:
        return problem or {"state": "sent", "says": f"{target.service_name} understands it."}
    _fold_headers()
    door.watch()
    if not _may_go():
        return {"state": "failed", "says": "It was not sent."}
    sender = Apprise(asset=asset)
    sender.add(target)
    is_sent = bool(
        sender.notify(
            title=job["title"],
            body=job["body"],
            notify_type=NotifyType(job["type"]),
            body_format=NotifyFormat.TEXT,
        )
    )
    door.is_closed = False
    return _outcome(is_sent, door, lines.lines)


def _fold_headers() -> None:
    """Apprise writes a mail by `as_string`, which puts a header on one line however long it is
    (Python's default there, not elsewhere), each octet as three: servers refuse more than 998."""
    charset.add_charset("utf-8", charset.SHORTEST, charset.QP, "utf-8")
    written = Message.as_string

    def as_string(self: Message, unixfrom: bool = False, maxheaderlen: int = 75, **how: Any) -> str:
        return written(self, unixfrom, maxheaderlen, **how)

    Message.as_string = as_string  # type: ignore[method-assign,assignment]


def _is_encrypted(target: Any) -> bool:
    mode = getattr(target, "secure_mode", None)
    if mode is not None:
        return bool(mode in ("ssl", "starttls"))
    secure: Iterable[str] | str | None = target.secure_protocol
    names = {secure} if isinstance(secure, str) else set(secure or ())
    return target.schema in names


def _problem_with(target: Any, door: _Door, *, is_server: bool) -> dict[str, Any] | None:
    """The address that a person typed, looked at before anything is connected."""
    host = getattr(target, "smtp_host", "") or (target.host if is_server else "")
    host = host.strip("[]")
    if not host:
        return None
    try:
        port = int(getattr(target, "port", 0) or (443 if door.is_encrypted else 80))
        door.check(host, port)
    except Refused as error:
        return {"state": "refused", "says": f"{host} may not be reached. {error}"}
    except (OSError, UnicodeError):
        return {"state": "failed", "says": f"The name {host} does not resolve."}
    return None


def _may_go() -> bool:
    _say({"state": "ready"})
    return sys.stdin.readline().strip() == "go"


def _outcome(is_sent: bool, door: _Door, lines: list[str]) -> dict[str, Any]:
    if door.refusals:
        return {"state": "refused", "says": door.refusals[0]}
    if is_sent:
        return {"state": "sent", "says": "The service accepted it."}
    if not door.has_connected:
        return {"state": "failed", "says": "The service could not be reached; nothing was sent."}
    for line in reversed(lines):
        found = ANSWERED.search(line)
        if found:
            code = int(next(group for group in found.groups() if group))
            if 300 <= code < 400:
                says = "It answered with a redirect; redirects are not followed."
            else:
                says = f"It answered {code}. {NOT_TAKEN.get(code, '')}".strip()
            return {"state": "failed", "says": says}
    text = " ".join(lines).lower()
    if "certificate" in text or "ssl" in text:
        return {"state": "failed", "says": "Its certificate is not trusted; nothing was sent."}
    return {
        "state": "unknown",
        "says": "The service did not answer, so the message may or may not have arrived.",
    }


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    job = json.loads(sys.stdin.readline())
    try:
        answer = deliver(job)
    except Exception as error:  # noqa: BLE001 - its text may hold the address
        answer = {"state": "failed", "says": f"Sending broke off ({type(error).__name__})."}
    _say(answer)


if __name__ == "__main__":
    main()
