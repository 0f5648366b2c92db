"""When two error texts are the same error: what differs from run to run is masked.

Called by `storage.store` for every text it stores, so a key is made once and kept. Pure text:
nothing here knows a row or a provider. A change of the rules changes every key: `rekey` in the
migration of such a change makes those of stored rows again."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from executions.payloads.terminal_text import without_codes

KEY_LENGTH = 16  # hexadecimal characters
LONGEST = 300  # characters looked at; as many as a summary has

_SPACE = re.compile(r"\s+")
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
# The first that fits wins. What is `kept` tells errors apart: a 404 is not a 502.
_VARYING = re.compile(
    r"""
    (?P<kept>
        \b(?:HTTP(?:/\d(?:\.\d)?)?|status(?:\ code)?|exit\ code|error\ code|code|errno)
            [\s:=\#-]{1,3}\d{1,6}\b
        | \bORA-\d{5}\b | \bSQLSTATE[\s:=\[]{1,2}\w{5}\b
        | \b[45]\d\d\b(?=\s(?:Client|Server|Bad|Unauthorized|Forbidden|Not|Gateway|Internal|Service
            |Too|Conflict|Request))
    )
    | (?P<url>\b[a-z][a-z0-9+.-]*://(?P<host>[^\s/"'<>:@]+)[^\s"'<>]*)
    | (?P<uuid>\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)
    | (?P<time>
        \b\d{4}-\d{2}-\d{2}(?:[T\ ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\ ?Z|\ ?[+-]\d{2}:?\d{2})?)?
        | \b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b
        | \b(?:MONTH\ \d{1,2}|\d{1,2}\ MONTH)(?:,?\ \d{4})?\b
        | \b\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\b
    )
    | (?P<quoted>
        "[^"]*" | “[^”]*” | «[^»]*» | `[^`]*` | (?<!\w)'[^']*'(?!\w) | ‘[^’]*’(?!\w)
    )
    | (?P<path>(?<![\w.])(?:[a-z]:)?(?:[\\/][\w.@%+~=-]+){2,}[\\/]? | (?<!\S)[\\/][\w.@%+~=-]+)
    | (?P<id>
        \b0x[0-9a-f]+\b
        | \b(?=[a-z]*\d)(?=\d*[a-z])[0-9a-z]{8,}\b
    )
    | (?P<number>\d+(?:[.,]\d+)*)
    """.replace("MONTH", _MONTH),
    re.IGNORECASE | re.VERBOSE,
)
_MARKS = {"uuid": "#", "time": "<time>", "quoted": "<value>", "path": "<path>", "id": "#"}


def mask(text: str) -> str:
    """`Order 17 of "Ada": timeout after 30 s` becomes `order # of <value>: timeout after # s`."""
    line = _SPACE.sub(" ", without_codes(text[:LONGEST])).strip()
    return _VARYING.sub(_masked, line).casefold().rstrip(" .!…")


def _masked(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if match["kept"]:
        return match[0]
    if match["url"]:
        return f"<url {match['host']}>"
    return _MARKS.get(kind, "#")


@lru_cache(4096)
def error_key(text: str) -> str:
    """Equal for texts that tell the same error; "" where there is no text."""
    masked = mask(text)
    if not masked:
        return ""
    digest = hashlib.blake2b(masked.encode("utf-8", "replace"), digest_size=KEY_LENGTH // 2)
    return digest.hexdigest()


def is_error_key(word: str) -> bool:
    return len(word) == KEY_LENGTH and all(letter in "0123456789abcdef" for letter in word)
