"""What is taken out of a provider's text: secrets by their value, and what stands under a name."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from providers.redaction import MASK, NOTHING, Secrets, redact_text
from providers.secret_names import is_secret_name

KEY = 'Sk-live/42+Q"z é&x\\7'

SPELLINGS = {
    "as it is": KEY,
    "json": json.dumps(KEY),
    "json with its own letters": json.dumps(KEY, ensure_ascii=False),
    "json in json": json.dumps(json.dumps(KEY)),
    "in an address": quote(KEY, safe=""),
    "in a path": quote(KEY),
    "in a query": quote_plus(KEY),
    "in a query, lower case": quote_plus(KEY).lower(),
    "html": html.escape(KEY),
    "upper case": KEY.upper(),
    "lower case": KEY.lower(),
    "base64": b64encode(KEY.encode()).decode(),
    "base64 for addresses": urlsafe_b64encode(KEY.encode()).decode(),
    "base64 in an address": quote(b64encode(KEY.encode()).decode(), safe=""),
    "basic authentication": b64encode(b"user:" + KEY.encode()).decode(),
    "basic authentication without a user": b64encode(b":" + KEY.encode()).decode(),
    "basic authentication as the user": b64encode(KEY.encode() + b":").decode(),
    "basic authentication, another length": b64encode(b"me:" + KEY.encode()).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_is_found_however_it_is_written(spelling: str) -> None:
    written = SPELLINGS[spelling]
    hidden = Secrets([KEY]).hide(f"before <{written}> after")
    assert MASK in hidden
    assert hidden.startswith("before <")
    assert hidden.endswith("> after")
    remaining = hidden.replace(MASK, "")
    assert not [at for at in range(len(written) - 7) if written[at : at + 8] in remaining]


@pytest.mark.parametrize(
    "secret", ["2026", "2026-11-29", "2026-11-29T10:00:00Z", "true", "null", "running", "no", "123"]
)
def test_a_common_value_is_no_secret_in_the_middle_of_a_text(secret: str) -> None:
    told = "2026-11-29T10:00:00Z: 2026 is true, null and running, no 123"
    assert Secrets([secret]).hide(told) == told
    typed = Secrets(typed=[secret])
    assert typed.hide(told) == told
    assert typed.redact({"at": told, "typed": secret}) == {"at": told, "typed": MASK}


def test_a_short_secret_is_hidden_as_a_word_and_stays_inside_of_others() -> None:
    assert Secrets(["hunt3r"]).hide("hunt3r, hunt3rs, <hunt3r>") == f"{MASK}, hunt3rs, <{MASK}>"


def test_a_key_of_an_object_keeps_what_was_typed_and_loses_what_is_the_accounts() -> None:
    secrets = Secrets(["sk-4711-0815"]).joined(["ty-ped-1234"])
    told = {"ty-ped-1234": "ty-ped-1234", "sk-4711-0815": 1}
    assert secrets.redact(told) == {"ty-ped-1234": MASK, MASK: 1}


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("call failed: token=abc123", "call failed: token=[redacted]"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("sent Basic dXNlcjpwYXNz", "sent Basic [redacted]"),
        ('{"password": "my pa\\"ss", "n": 1}', '{"password":"[redacted]","n":1}'),
        ('got {"pwd": "my pa\\"ss", "n": 1}', 'got {"pwd": "[redacted]", "n": 1}'),
        ("{'api_keys': ['a', 'b'], 'n': 1}", "{'api_keys': [redacted], 'n': 1}"),
        ('"{\\"access_key\\": \\"ab\\"}"', '"{\\"access_key\\": \\"[redacted]\\"}"'),
        ("Cookie: a=b; c=d", "Cookie: [redacted]"),
        ("postgres://me:pass@db/x", "postgres://me:[redacted]@db/x"),
    ],
)
def test_a_secret_in_a_text_is_known_by_its_name(text: str, without: str) -> None:
    assert redact_text(text) == without
    assert redact_text(without) == without


@pytest.mark.parametrize(
    "text",
    [
        "prompt_tokens: 812, has_password: true, secretary: Ada",
        "tokens=812 password=null basic concepts",
        '{"usage": {"total_tokens": 1000}, "token_count": "12"}',
        "compass: north; passenger=Ada; keyboard: de",
        "Checks that did not pass: orders_have_customers; one didn't pass: sums",
    ],
)
def test_a_text_about_secrets_stays_as_it_is(text: str) -> None:
    assert redact_text(text) == text


SECRET = """
    password Password db_password dbPassword PASSWORD userpassword password_2 password_confirmation
    password_hash passwd pwd PWD pw passphrase passcode secret secrets client_secret clientSecret
    client-secret secret_key secretKey secret_access_key secret_token token tokens auth_token
    authToken access_token accessToken refreshToken id_token csrf_token X-Auth-Token apikey apiKey
    api_key api_keys api-keys API_KEY x-api-key X-API-Key access_key accessKey access_keys
    private_key privateKey PRIVATE_KEY signing_key encryption_key ssh_key account_key credential
    credentials creds db_creds authorization Authorization proxy-authorization cookie Set-Cookie
    session_id sessionid jwt otp pin cvv bearer bearer_token connection_string basic_auth secret_id
    smtp_pass pass wachtwoord
""".split()  # noqa: SIM905 - a table
PLAIN = """
    prompt_tokens completion_tokens total_tokens max_tokens input_tokens output_tokens cached_tokens
    token_count tokens_used token_limit token_type token_expires_at token_url has_password
    hasPassword is_secret password_required password_changed_at password_policy password_length
    secretary Secretary secretariat undersecretary compass passenger passed bypass passage passport
    keyboard monkey key keys public_key primary_key foreign_key sort_key cache_key idempotency_key
    tokenizer tokenized authority author authored authorization_status cookie_policy cookie_consent
    secret_name secret_arn credential_id credentials_type spinner pinned opinion shipping
    number_of_tokens requires_password uses_token num_tokens completion_tokens_details powder n
""".split()  # noqa: SIM905 - a table


@pytest.mark.parametrize("name", SECRET)
def test_the_name_of_a_secret(name: str) -> None:
    assert is_secret_name(name)
    assert NOTHING.redact({name: "Ada"}) == {name: MASK}


@pytest.mark.parametrize("name", PLAIN)
def test_the_name_of_something_else(name: str) -> None:
    assert not is_secret_name(name)
    assert NOTHING.redact({name: "Ada"}) == {name: "Ada"}


@pytest.mark.parametrize(
    ("value", "without"),
    [
        ({"secrets": ["a", "b"]}, {"secrets": MASK}),
        ({"credentials": {"pw": "a", "deep": [{"x": 1}]}}, {"credentials": MASK}),
        ({"password": 4711}, {"password": MASK}),
        ({"password": True, "secrets": [False], "token": None, "pwd": ""}, None),
        ({"tokens": 812, "tokens_by_day": {"monday": 3}}, None),
        ({"usage": {"prompt_tokens": 812, "tokens": {"in": 3, "out": 4}}}, None),
        ([{"name": "API_KEY", "value": "v"}], [{"name": "API_KEY", "value": MASK}]),
        ([{"name": "COLOUR", "value": "v"}], None),
        ({"log": "token=abc123"}, {"log": f"token={MASK}"}),
        ({"note": '{"password": "x", "n": 1}'}, {"note": f'{{"password":"{MASK}","n":1}}'}),
    ],
)
def test_what_is_masked_under_a_name(value: Any, without: Any) -> None:
    assert NOTHING.redact(value) == (value if without is None else without)
