"""Any secret in any text: it is gone, however it is written there."""

from __future__ import annotations

import html
import json
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from providers.redaction import CERTAIN, MASK, Secrets, is_common, redact_text
from tests import hostile

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "json": json.dumps,
    "json with its own letters": lambda text: json.dumps(text, ensure_ascii=False),
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "in an address": lambda text: quote(text, safe=""),
    "in a query": quote_plus,
    "html": html.escape,
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "basic authentication": lambda text: b64encode(f"me:{text}".encode()).decode(),
    "basic authentication, another length": lambda text: b64encode(f"m:{text}".encode()).decode(),
    "basic authentication, nobody": lambda text: b64encode(f":{text}".encode()).decode(),
}
LETTERS = st.characters(exclude_categories=("Cs",))
SECRETS = st.text(LETTERS, min_size=CERTAIN, max_size=20) | st.text(
    "aZ09-_+/=\\\"'<& ", min_size=CERTAIN, max_size=20
)
NEAR = st.text("aZ09\\\"' =:", max_size=6) | hostile.TEXTS
NAMES = st.sampled_from(
    ["password", "api_key", "clientSecret", "x-auth-token", "db.pwd", "passwort"]
)
SEPARATORS = st.sampled_from(["=", ": ", " = ", '": "', "':'", '\\": \\"', '": ["', ": {x: {y: "])
PIECES = st.sampled_from(
    ["password", "=", ":", '"', "'", "\\", "{", "}", "[", "]", ",", "://", "@", "Bearer ", "Basic ",
     "cookie:", "token", "api_key", "\n", " ", "A1b2C3d4", "null", "true", "1", "[" * 70, "٣", "&"]
)  # fmt: skip

LIKELY = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "{", "[", "[[[[", '{"a":']),
    st.lists(PIECES, max_size=8).map("".join),
    st.sampled_from(["", "token=", ' "pwd": ']),
)


def without_masks(text: str) -> str:
    """What a mask stands between does not become one word."""
    return text.replace(MASK, "\0\0")


@hostile.examples(500)
@given(SECRETS, NEAR, NEAR)
def test_a_secret_is_gone_from_any_text(secret: str, before: str, after: str) -> None:
    assume(not is_common(secret))
    hidden = without_masks(Secrets([secret]).hide(before + secret + after + secret))
    assert secret not in hidden


@hostile.examples(500)
@given(SECRETS, st.sampled_from(sorted(SPELLINGS)))
@example("DOMAIN\\\\person", "in an address")
@pytest.mark.fault("B6")
def test_a_secret_is_gone_in_any_spelling(secret: str, spelling: str) -> None:
    assume(not is_common(secret))
    written = SPELLINGS[spelling](secret)
    hidden = Secrets([secret]).hide(f"before <{written}> after")
    assert MASK in hidden
    assert hidden.startswith("before <")
    assert hidden.endswith("> after")
    left = hidden.removeprefix("before <").removesuffix("> after").replace(MASK, "").strip('"\\')
    assert len(left) <= (8 if "bas" in spelling else 0)  # what a secret's neighbours have a part in


@hostile.examples(250)
@given(st.text("abcXYZ-_é", min_size=4, max_size=7), st.text(" ,;()\n", max_size=3))
def test_a_short_secret_is_gone_where_it_is_a_word(secret: str, around: str) -> None:
    assume(not is_common(secret))
    hidden = without_masks(Secrets([secret]).hide(f"said {around}{secret}{around} so"))
    assert secret not in hidden


@hostile.examples(500)
@given(NEAR, NAMES, SEPARATORS, st.text("abcXYZ0189._~+/-", min_size=12, max_size=20))
@example("", "password", '": "', "cut-off-by-its-reader")
@example("", "private_key", '": "', "x" * 9_000 + '" "')
def test_what_stands_after_the_name_of_a_secret_is_gone(
    before: str, name: str, separator: str, value: str
) -> None:
    assume(value.strip("._~+/-") and value not in before)
    text = f"{before}\n{name}{separator}{value}"
    assert value not in redact_text(text), text


@hostile.examples(500)
@given(LIKELY | hostile.TEXTS, st.lists(SECRETS, max_size=2))
@example("[token=", [])
def test_any_text_is_redacted_and_what_is_redacted_stays(text: str, own: list[str]) -> None:
    once = Secrets(own).hide_named(text)
    assert isinstance(once, str)
    assert isinstance(redact_text(once), str)


@hostile.examples(250)
@given(
    st.recursive(
        hostile.TEXTS | st.integers() | st.floats() | st.none() | st.booleans(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile.TEXTS | NAMES, inner),
        max_leaves=6,
    ),
    SECRETS,
)
def test_a_secret_is_gone_from_any_value(value: Any, secret: str) -> None:
    assume(not is_common(secret))
    told = {"told": [value, secret, {secret: secret}], "password": value}
    redacted = Secrets([secret]).redact(told)
    assert secret not in redacted["told"][1]
    assert not [key for key in redacted["told"][2] if secret in key]
    json.dumps(redacted)


@pytest.mark.parametrize(
    "text", ['password="' + "\\" * 200_000, "password=" + "\\'" * 200_000, "a:" + "token " * 90_000,
             "%5C" * 200_000, "&#92;" * 200_000, "\\" * 200_000]
)  # fmt: skip
def test_a_long_text_is_redacted_in_the_time_of_another(text: str) -> None:
    begun = time.process_time()
    Secrets(["4711-0815-abc", "\\\\-\\-\\-\\-"]).hide_named(text)
    assert time.process_time() - begun < 20
