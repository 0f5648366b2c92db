"""Takes secrets out of what a provider says: by value, wherever one is written, and by name.

Plain functions and values, used by the HTTP door, by storing, by forms and by logs. There is one
mask; the list of names is in `secret_names`.
"""

from __future__ import annotations

import dataclasses
import html
import re
import threading
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from providers import exact_json
from providers.secret_names import has_content, is_hidden, is_secret_name

MASK = "[redacted]"

# ---------------------------------------------------------------------------------------- by value

SHORTEST = 4  # characters of a value that is looked for inside other text
CERTAIN = 8  # characters from which a value in the middle of a word is no coincidence
LONGEST = 4096  # characters of a value that its other spellings are made for

_WORDS = """
    true false null none nil nan undefined yes no on off default unknown test demo admin root user
    password secret token bearer basic string number integer boolean object array
    queued running waiting user_input userinput paused succeeded warning failed canceled cancelled
    timed_out timedout skipped completed complete cancelling canceling crashed terminated pending
    scheduled success successful failure error errors executing executed execution faulted finished
    started active inactive enabled disabled suspended resumed approved rejected declined accepted
    created updated deleted production staging development required optional
"""
_COMMON = frozenset(_WORDS.split())
"""Values that stand for themselves nearly everywhere: JSON's words, statuses, settings."""
_DATE = re.compile(r"(19|20)\d\d([-/.]?\d\d){0,2}([T ][\d:.,]*(Z|[+-]\d\d:?\d\d)?)?")


def is_common(value: str) -> bool:
    """Whether a text that holds this value most likely does not mean the secret: too short, a
    word like `true` or `running`, a small number, a date."""
    is_small = value.isdigit() and len(value) < 6
    return (
        len(value) < SHORTEST
        or is_small
        or value.casefold() in _COMMON
        or _DATE.fullmatch(value) is not None
    )


class Secrets:
    """Values that must not be shown, and the three ways to take them out of something.

    An account's own credentials are looked for in everything it sends; those that are common values
    are not, since they cannot be told from the rest. What a person has `typed` into a run is looked
    for in that run: also where it is common, if a value is that and nothing else.
    """

    def __init__(self, own: Iterable[str] = (), *, typed: Iterable[str] = ()) -> None:
        self._certain: dict[str, str] = {}
        self._words: set[str] = set()
        self._whole: frozenset[str] = frozenset()
        self._own: Secrets = self
        for secret in own:
            self.remember(secret)
        for secret in (given := tuple(typed)):
            self.remember(secret)
        self._whole = frozenset(secret for secret in given if secret)
        self._look_up()

    def remember(self, secret: str) -> None:
        """Hide this value too, from now on."""
        if is_common(secret):
            return
        if len(secret) < CERTAIN:
            self._words.add(secret)
        else:
            self._certain.setdefault(secret.lower(), secret)
        self._look_up()

    def joined(self, typed: Iterable[str]) -> Secrets:
        """These, and what was typed into one run. Keys of objects hold none of the latter."""
        both = Secrets([*self._certain.values(), *self._words], typed=typed)
        both._own = self
        return both

    def hide(self, text: str) -> str:
        """A text for people."""
        text = self.hide_certain(text)
        if self._words and any(word in text for word in self._words):
            text = _words_of(tuple(sorted(self._words))).sub(MASK, text)
        return text

    def hide_certain(self, text: str) -> str:
        """An identifier, a name or a word that is compared: only what is no coincidence."""
        if len(text) < self._shortest:
            return text
        low = text.lower()
        for needle in self._needles:
            if needle in low:
                return _forms_of(tuple(self._certain.values())).sub(MASK, text)
        return text

    def hide_named(self, text: str) -> str:
        """A text for people, also without what stands after a secret's name."""
        return redact_text(self.hide(text)) if text else text

    def may_be_in(self, low: str) -> bool:
        """Whether a text in lower case could hold one of these: a cheap look before a close one."""
        if self._words or self._whole:
            return True
        for needle in self._needles:  # noqa: SIM110 - a generator costs more than the look
            if needle in low:
                return True
        return False

    def redact(self, value: Any) -> Any:
        """A JSON value without these, and without the values of secret names. Numbers are taken
        out where one is the secret; booleans never."""
        if isinstance(value, str):
            return MASK if value in self._whole else self.hide_named(value)
        if isinstance(value, dict):
            return self._redact_object(value)
        if isinstance(value, list | tuple):
            return [self.redact(item) for item in value]
        if self._whole and isinstance(value, int | float) and self._is_number(str(value)):
            return MASK
        return value

    def hide_within(self, value: Any) -> Any:
        """A value of the contract, a list or an object, with `hide_certain` on every text."""
        if type(value) is str:
            return self.hide_certain(value)
        if isinstance(value, list | tuple):
            return type(value)(self.hide_within(item) for item in value)
        if isinstance(value, dict):
            key_of = self._own.hide_certain
            return {key_of(str(key)): self.hide_within(item) for key, item in value.items()}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            found = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
            hidden = {name: self.hide_within(item) for name, item in found.items()}
            changes = {name: item for name, item in hidden.items() if item != found[name]}
            return dataclasses.replace(value, **changes) if changes else value
        return value

    def _redact_object(self, value: dict[Any, Any]) -> dict[Any, Any]:
        redacted = {
            key: MASK if is_secret_name(key) and has_content(key, item) else self.redact(item)
            for key, item in value.items()
        }
        if "value" in value and is_hidden(_name_in(value), value["value"]):
            redacted["value"] = MASK
        if self._own._shortest <= max(map(len, redacted), default=0):
            redacted = {self._own.hide_certain(key): item for key, item in redacted.items()}
        if isinstance(value, exact_json.Doubled):
            return exact_json.Doubled(redacted, value.twice)
        return redacted

    def _is_number(self, digits: str) -> bool:
        return len(digits) >= 6 and digits in self._whole

    def _look_up(self) -> None:
        """Texts in lower case of which one stands in every text that holds a certain secret."""
        self._needles = tuple(
            dict.fromkeys(
                needle for secret in self._certain.values() for needle in _needles_of(secret)
            )
        )
        self._shortest = min(map(len, self._needles), default=1 << 60)


_RUN = re.compile(r"[a-z0-9]+")


@lru_cache(1024)
def _needles_of(secret: str) -> tuple[str, ...]:
    """The start of the longest run of letters and digits, which no spelling changes, of the secret
    and of its base64 forms; "" where there is none of three characters: that is in every text."""
    runs = [
        max(_RUN.findall(form.lower()), key=len, default="") for form in (secret, *_base64(secret))
    ]
    return tuple(run[:8] if len(run) >= 3 else "" for run in runs)


def _base64(secret: str) -> list[str]:
    """How base64 writes it in the middle of other bytes, at each of the three places where it can
    begin: without the characters at the edges that its neighbours have a part in. A pair for basic
    authentication holds one of them."""
    content = secret[:LONGEST].encode("utf-8", "replace")
    forms = []
    for before in range(3):
        encoded = b64encode(b"\0" * before + content).decode()
        forms.append(encoded[-(-8 * before // 6) : 8 * (before + len(content)) // 6])
    return forms


@lru_cache(256)
def _forms_of(secrets: tuple[str, ...]) -> re.Pattern[str]:
    """All spellings of these: as they are, in JSON, in an address, in HTML, in base64; any case."""
    forms: list[str] = []
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) > LONGEST:
            forms.append(re.escape(secret))
        else:
            forms += map(_spelled, (secret, *_base64(secret)))
    return re.compile("|".join(forms), re.IGNORECASE)


def _spelled(form: str) -> str:
    """A pattern. JSON in JSON writes any number of backslashes before a character; runs of them are
    taken as one and never given back, so that a text full of them costs no more than another."""
    first, *rest = re.findall(r"\\+|[^\\]", form)
    before = r"(?<!\\)(?<!%5C)" if first[0] == "\\" else ""
    return before + _written(first[0]) + "".join(_after(part[0]) for part in rest)


def _after(char: str) -> str:
    is_plain = char == "\\" or (char.isascii() and char.isalnum())
    return _written(char) if is_plain else rf"\\*+{_written(char)}"


@lru_cache(1024)
def _written(char: str) -> str:
    """A pattern for all ways to write one character, without the backslash before it. `-` and `_`
    are what base64 has for `+` and `/` in addresses."""
    if char.isascii() and char.isalnum():
        return char
    if char == "\\":  # a run of them, however many it is written with
        return r"(?:\\++(?:u005c)?|%5C|&#0*92;|&#x0*5c;){1,64}+"
    units = char.encode("utf-16-be", "surrogatepass").hex()
    escaped = [f"u{units[i : i + 4]}" for i in range(0, len(units), 4)]
    short = {"\n": "n", "\t": "t", "\r": "r", "\b": "b", "\f": "f", " ": r"\+", "+": "-", "/": "_"}
    ways = {
        re.escape(char),
        re.escape(quote(char, safe="", errors="replace")),
        re.escape(html.escape(char)),
        r"\\++".join(escaped),
        f"&#0*{ord(char)};",
        f"&#x0*{ord(char):x};",
        *([short[char]] if char in short else []),
    }
    return f"(?:{'|'.join(sorted(ways, key=len, reverse=True))})"


@lru_cache(256)
def _words_of(words: tuple[str, ...]) -> re.Pattern[str]:
    either = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<![^\W_])(?:{either})(?![^\W_])")


# ----------------------------------------------------------------------------------------- in texts


def _name_in(entry: dict[Any, Any]) -> str:
    """The name of an entry in a list of named values, as lists of variables and headers have."""
    name = entry.get("name") or entry.get("key")
    return name if isinstance(name, str) else ""


_STEMS = (
    "pass", "pw", "secret", "token", "key", "cred", "auth", "cookie", "bearer", "basic", "jwt",
    "otp", "pin", "sid", "session", "cv", "kennwort", "wachtwoord", "connection", "code", "contras",
)  # fmt: skip
_NAME = re.compile(
    r"""(?<![\w.-])(?!(?:(?<=not )|(?<=n't ))pass\W)"""  # "two checks did not pass: ..."
    r"""(\w[\w.-]{0,63}?)\\*["']?\s{0,20}[=:]\s{0,20}"""
)
# `open`: a text or a list whose end is cut off or far away, or that holds others. All of its line.
_VALUE = re.compile(
    r"""(?P<quote>\\*["'])(?P<quoted>(?:(?!(?P=quote))(?:\\.|[^\\])){1,10000})(?=(?P=quote))"""
    r"""|(?P<listed>\[[^\[\]]{1,2000}\]|\{[^{}]{1,2000}\})"""
    r"""|(?:(?P<start>\\*["'])(?!(?P=start))|(?=[\[{](?!\s{0,20}[\]}])))(?P<open>[^\r\n]+)"""
    r"""|(?P<scheme>(?:bearer|basic|digest|token|apikey)\s+)?(?P<plain>[^\s"',;&}]{3,})""",
    re.IGNORECASE | re.DOTALL,
)
_KINDS = ("quoted", "listed", "open", "plain")
_SCHEME = re.compile(r"\b((?i:bearer|basic)\s+)(?=\S*[A-Z0-9._~+/=])([A-Za-z0-9._~+/=-]{8,})")
_COOKIES = re.compile(r"(?im)\b((?:set-)?cookie\s*:\s*)([^\r\n\"']{3,})")
_LOGIN = re.compile(r"(://[^/\s:@\"']{1,200}:)([^/\s@\"']{1,500})(?=@)")
_PLAIN = frozenset({"", "true", "false", "null", "none", "nil", "undefined"})


def redact_text(text: str) -> str:
    """`token=abc123` becomes `token=[redacted]`, by the names that count for objects too."""
    if "@" in text and "://" in text:
        text = _LOGIN.sub(rf"\1{MASK}", text)
    low = text.lower()
    return _redact_names(text, low) if may_name_secrets(low) else text


def may_name_secrets(low: str) -> bool:
    """Whether a text in lower case could hold a secret's name, or an address with a login."""
    if ":" not in low and "=" not in low:
        return "bearer" in low or "basic" in low
    return any(stem in low for stem in _STEMS) or ("@" in low and "://" in low)


def _redact_names(text: str, low: str) -> str:
    if low[0] in "{[":
        text = _redact_json(text)
    if "cookie" in low:
        text = _COOKIES.sub(rf"\1{MASK}", text)
    if ":" in text or "=" in text:
        text = _mask_named(text)
    if "bearer" in low or "basic" in low:
        text = _SCHEME.sub(rf"\1{MASK}", text)
    return text


def _redact_json(text: str) -> str:
    """A text that is JSON, as it came if nothing in it is secret."""
    try:
        value = exact_json.read(text)
        redacted = NOTHING.redact(value)
    except (ValueError, RecursionError):
        return text
    return text if redacted == value else exact_json.written(redacted)


def _mask_named(text: str) -> str:
    parts: list[str] = []
    done = 0
    for named in _NAME.finditer(text):
        if named.start() < done or not is_secret_name(named[1]):
            continue
        found = _VALUE.match(text, named.end())
        part = found and next(kind for kind in _KINDS if found[kind])
        if found and part and has_content(named[1], _as_written(found[part])):
            parts += [text[done : found.start(part)], MASK]
            done = found.end()
    return "".join([*parts, text[done:]])


def _as_written(value: str) -> Any:
    """The value of a text as far as it decides: a number, nothing, or a text."""
    if value.lower() in _PLAIN:
        return None
    return int(value) if value.isdecimal() and len(value) < 20 else value


NOTHING = Secrets()
"""No values: what is left are the names."""

# ------------------------------------------------------------------------------------- in the logs

MOST_USED = 20_000  # credentials that are looked for in each line

_changing = threading.RLock()  # a handler of a signal may log, too
_used: dict[str, None] = {}
_in_logs: Secrets | None = NOTHING


def remember_used(secrets: Iterable[str]) -> None:
    """From now on `hide_used` hides these: credentials that this process sends out."""
    global _in_logs
    if new := [secret for secret in secrets if secret not in _used]:
        with _changing:
            for oldest in [*_used][: max(0, len(_used) + len(new) - MOST_USED)]:
                del _used[oldest]
            _used.update(dict.fromkeys(new))
            _in_logs = None


def hide_used(text: str) -> str:
    """A line of a log, of which nobody knows any more whose account it is about."""
    global _in_logs
    with _changing:
        secrets = _in_logs = _in_logs or Secrets(tuple(_used))
    return secrets.hide(text)
