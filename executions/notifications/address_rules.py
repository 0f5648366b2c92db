"""Addresses that messages go to: which are allowed, and how they are shown.

An address is a URL as Apprise documents them. It is a secret from its first character to its last:
`shown` is the only form of it that may be printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_ADDRESS = 2000  # characters

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
        "It would read or store files on this server.",
    ),
    **dict.fromkeys(
        ("retry", "wait", "rto", "cto", "timeout", "service_timeout"),
        "Annunciator sets how long and how often it tries.",
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
    called: str = ""
    """What people call the place, such as #ops; "" where nobody said."""

    @property
    def shown(self) -> str:
        return self.called or f"{self.scheme}://{self.host or '…'}"

    def __repr__(self) -> str:
        return f"Address({self.shown})"


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
