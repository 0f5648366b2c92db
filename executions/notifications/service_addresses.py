"""The services that a person picks from: what each asks for, and the address that it comes to.

What is pasted is what the service itself hands out, so nobody has to know how Apprise writes an
address; *another service* takes one as it is. Nothing here is sent or stored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from executions.notifications.address_rules import Address, AddressRefused, read_address

OTHER = "other"
CALLED = 60  # characters of the name that people give an address

Typed = Mapping[str, str]
"""By the name of an input what was typed into it."""


@dataclass(frozen=True)
class Input:
    """One field of a service."""

    name: str
    label: str
    example: str
    is_required: bool = True
    is_secret: bool = True


@dataclass(frozen=True)
class Service:
    """`how` says what to paste and where to get it; `write` makes the address of what was typed,
    and raises AddressRefused."""

    key: str
    name: str
    how: str
    inputs: tuple[Input, ...]
    write: Callable[[Typed], str]


@dataclass(frozen=True)
class Picked:
    """A service, and what was typed for it. Nothing picked: `service` is ""."""

    service: str = ""
    typed: Typed | None = None
    called: str = ""
    """What people call the place, such as #ops."""
    lines: str = ""
    """Of another service: addresses as Apprise writes them, one a line."""

    @property
    def is_empty(self) -> bool:
        return not (self.service and self.service != OTHER) and not self.lines.strip()


def read(picked: Picked) -> tuple[list[Address], list[str]]:
    """The addresses that were meant, and what is wrong with the others, without any of them."""
    if picked.is_empty:
        return [], []
    if picked.service in BY_KEY:
        service = BY_KEY[picked.service]
        try:
            return [_called(read_address(_written(service, picked.typed or {})), picked)], []
        except AddressRefused as error:
            return [], [f"{service.name}: {error}"]
    found, problems = [], []
    lines = [line for line in picked.lines.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        try:
            found.append(read_address(line))
        except AddressRefused as error:
            problems.append(f"Line {number}: {error}")
    return ([_called(found[0], picked)] if len(lines) == len(found) == 1 else found), problems


def _written(service: Service, typed: Typed) -> str:
    given = {each.name: typed.get(each.name, "").strip() for each in service.inputs}
    missing = [each.label for each in service.inputs if each.is_required and not given[each.name]]
    if missing:
        raise AddressRefused(f"Fill in: {', '.join(missing)}.")
    return service.write(given)


def _called(address: Address, picked: Picked) -> Address:
    name = " ".join(picked.called.split())[:CALLED]
    return replace(address, called=name) if name else address


# ------------------------------------------------------------------------------------ each service


def _matched(pattern: str, text: str, sentence: str) -> re.Match[str]:
    found = re.fullmatch(pattern, text, re.ASCII | re.IGNORECASE)
    if found is None:
        raise AddressRefused(sentence)
    return found


def _slack(typed: Typed) -> str:
    found = _matched(
        r"https://hooks\.slack\.com/services/([A-Z0-9]+)/([A-Z0-9]+)/([A-Z0-9]+)/?",
        typed["address"],
        "This is not an incoming webhook of Slack: it begins with "
        "https://hooks.slack.com/services/ and has three parts after that.",
    )
    return f"slack://{found[1]}/{found[2]}/{found[3]}/"


def _teams(typed: Typed) -> str:
    found = _matched(
        r"https://([A-Z0-9_.-]+\.(?:logic\.azure\.[A-Z]{2,12}|(?:power|apps)platform(?:\.[A-Z0-9-]"
        r"{2,24}){1,3}))(:\d{1,5})?(/powerautomate/automations/direct)?/workflows/([A-Z0-9_-]+)"
        r"/triggers/manual/paths/invoke/?\?(\S+)",
        typed["address"],
        "This is no webhook of a Teams workflow: its address leads to logic.azure.com or "
        "powerplatform.com and holds /workflows/ and a signature (sig=).",
    )
    if not dict(parse_qsl(found[5])).get("sig"):
        raise AddressRefused("The end of the address is missing: it holds a signature, sig=.")
    more = "&pa=yes" if found[3] else ""
    return f"workflows://{found[1]}{found[2] or ''}/{found[4]}/?{found[5]}{more}"


def _mail(typed: Typed) -> str:
    for name in ("to", "from"):
        for each in typed[name].split(","):
            _matched(
                r"[^@\s/?#]+@[A-Z0-9.-]+\.?[A-Z0-9]+",
                each.strip(),
                "Write mail addresses as team@example.com, several with commas.",
            )
    server = _matched(
        r"([A-Z0-9._-]+)(?::(\d{1,5}))?",
        typed["server"],
        "Write the mail server as smtp.example.com or smtp.example.com:587.",
    )
    to = ",".join(each.strip() for each in typed["to"].split(","))
    login = ""
    if typed["user"]:
        login = f"{quote(typed['user'], safe='')}:{quote(typed['password'], safe='')}@"
    is_relay = server[2] == "25" and not login
    scheme = "mailto" if is_relay else "mailtos"
    return (
        f"{scheme}://{login}{server[0]}?smtp={server[1]}&to={quote(to, safe='@,')}"
        f"&from={quote(typed['from'], safe='@')}"
    )


def _webhook(typed: Typed) -> str:
    parts = _parts(typed["address"])
    scheme = "jsons" if parts.scheme == "https" else "json"
    # Apprise keeps words that begin with a dash for the receiver, and the others for itself.
    words = "&".join(
        f"-{quote(name, safe='')}={quote(value, safe='')}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return f"{scheme}://{parts.netloc}{parts.path}{'?' if words else ''}{words}"


def _mattermost(typed: Typed) -> str:
    parts = _parts(typed["address"])
    before, divider, token = parts.path.rpartition("/hooks/")
    if not divider or not re.fullmatch(r"[a-z0-9]{10,64}/?", token, re.ASCII):
        raise AddressRefused("This is no webhook of Mattermost: it holds /hooks/ and a key.")
    scheme = "mmosts" if parts.scheme == "https" else "mmost"
    return f"{scheme}://{parts.netloc}{before}/{token.strip('/')}"


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise AddressRefused("The server or its port is not understood.") from None
    if parts.scheme not in ("https", "http") or not host:
        raise AddressRefused("It is an address that begins with https://.")
    return parts


def _discord(typed: Typed) -> str:
    found = _matched(
        r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/(\d+)/([A-Z0-9_-]+)/?",
        typed["address"],
        "This is no webhook of Discord: it begins with https://discord.com/api/webhooks/.",
    )
    return f"discord://{found[1]}/{found[2]}/"


def _google_chat(typed: Typed) -> str:
    found = _matched(
        r"https://chat\.googleapis\.com/v1/spaces/([A-Z0-9_-]+)/messages/?\?(\S+)",
        typed["address"],
        "This is no webhook of Google Chat: it begins with https://chat.googleapis.com/v1/spaces/.",
    )
    words = dict(parse_qsl(found[2]))
    if not (words.get("key") and words.get("token")):
        raise AddressRefused("The end of the address is missing: it holds key= and token=.")
    return f"gchat://{found[1]}/{quote(words['key'], safe='')}/{quote(words['token'], safe='')}"


def _telegram(typed: Typed) -> str:
    token = _matched(
        r"(\d{5,20}:[A-Z0-9_-]{20,64})",
        typed["token"],
        "A bot's token is a number, a colon and some 35 letters, as @BotFather shows it.",
    )
    chat = _matched(
        r"(-?\d{1,20}|@[A-Z0-9_]{3,64})", typed["chat"], "A chat is a number, or a name after @."
    )
    return f"tgram://{token[1]}/{chat[1]}/"


def _opsgenie(typed: Typed) -> str:
    found = _matched(
        r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
        typed["key"],
        "An API key of Opsgenie is five groups of letters and digits with dashes.",
    )
    region = typed["region"].lower() or "us"
    _matched("us|eu", region, "The region is us or eu.")
    return f"opsgenie://{found[1]}/?region={region}"


def _ntfy(typed: Typed) -> str:
    found = _matched(
        r"(?:https://ntfy\.sh/)?([A-Z0-9_-]{1,64})/?",
        typed["topic"],
        "A topic is a name of letters, digits, - and _.",
    )
    return f"ntfys://{found[1]}"


def _address(example: str) -> tuple[Input, ...]:
    return (Input("address", "Webhook address", example),)


SERVICES = (
    Service(
        "slack",
        "Slack",
        "In Slack, add the app “Incoming WebHooks” (or one of your own with an incoming webhook) "
        "to the channel, and paste the webhook address that it shows.",
        _address("https://hooks.slack.com/services/T…/B…/…"),
        _slack,
    ),
    Service(
        "teams",
        "Microsoft Teams",
        "In the channel’s menu, choose Workflows, “Send webhook alerts to a channel”, and paste "
        "the address that is shown at the end.",
        _address("https://….powerplatform.com:443/…/workflows/…?…&sig=…"),
        _teams,
    ),
    Service(
        "mail",
        "E-mail",
        "Name the mail server that your organization sends through, with the user and password "
        "that your mail administrator gives you for it.",
        (
            Input("to", "To", "team@example.com", is_secret=False),
            Input("from", "From", "annunciator@example.com", is_secret=False),
            Input("server", "Mail server", "smtp.example.com:587", is_secret=False),
            Input("user", "User", "annunciator", is_required=False, is_secret=False),
            Input("password", "Password", "", is_required=False),
        ),
        _mail,
    ),
    Service(
        "webhook",
        "Webhook",
        "Paste the address of a program of yours; it gets each message by POST as JSON, with "
        "title, message and type.",
        _address("https://example.com/hooks/annunciator"),
        _webhook,
    ),
    Service(
        "mattermost",
        "Mattermost",
        "In Mattermost, under Integrations, add an incoming webhook for the channel and paste its "
        "address.",
        _address("https://chat.example.com/hooks/…"),
        _mattermost,
    ),
    Service(
        "gchat",
        "Google Chat",
        "In the space’s menu, choose Apps & integrations, add a webhook and paste its address.",
        _address("https://chat.googleapis.com/v1/spaces/…/messages?key=…&token=…"),
        _google_chat,
    ),
    Service(
        "discord",
        "Discord",
        "In the channel’s settings, under Integrations, make a webhook and paste its address.",
        _address("https://discord.com/api/webhooks/…/…"),
        _discord,
    ),
    Service(
        "telegram",
        "Telegram",
        "Ask @BotFather for a bot and its token, add the bot to the chat, and write down the "
        "chat’s number.",
        (
            Input("token", "Token of the bot", "123456789:AA…"),
            Input("chat", "Chat", "-1001234567890", is_secret=False),
        ),
        _telegram,
    ),
    Service(
        "opsgenie",
        "Opsgenie",
        "In the team’s integrations, add an API integration and paste its key.",
        (
            Input("key", "API key", "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
            Input("region", "Region", "us or eu", is_required=False, is_secret=False),
        ),
        _opsgenie,
    ),
    Service(
        "ntfy",
        "ntfy",
        "Choose a topic that nobody guesses and subscribe to it in the ntfy app; whoever knows it "
        "can read along.",
        (Input("topic", "Topic", "ops-4f9c2a71"),),
        _ntfy,
    ),
)
BY_KEY = {each.key: each for each in SERVICES}
OTHER_HOW = (
    "One address a line, as Apprise writes them: pagerduty://integration@key, "
    "mailtos://user:password@example.com?to=team@example.com, jsons://example.com/hook."
)
