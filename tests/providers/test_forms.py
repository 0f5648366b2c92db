"""One builder for settings, credentials and start arguments."""

from __future__ import annotations

import pytest
from django import forms
from django.core.exceptions import ValidationError

from providers.contract import Field
from providers.forms import form_field


def test_a_secret_is_never_rendered_and_says_who_set_it() -> None:
    note = {"set_on": "2026-11-03", "by": "ana", "fingerprint": "8f3a"}
    built = form_field(Field(key="k", label="Key", secret=True), current=note)
    html = built.widget.render("k", "the-secret")
    assert "the-secret" not in html
    assert 'type="password"' in html
    assert built.help_text == ("Set Nov 03 2026 by ana, fingerprint 8f3a. Leave empty to keep it.")
    assert built.clean("") == ""


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x7fb", "a\x00b"])
def test_a_secret_that_could_break_a_header_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        form_field(Field(key="k", label="Key", secret=True)).clean(value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example.com", "https://", "https://user:pw@a.example.com", "https://a.example.com?x=1",
        "http://169.254.169.254\\@a.example.com", "https://a.example.com#x", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_a_base_address_is_cleaned_or_refused_with_a_sentence(url: str) -> None:
    field = form_field(Field(key="base_url", label="Address", kind="url"))
    assert field.clean(" https://a.example.com/x/ ") == "https://a.example.com/x"
    with pytest.raises(ValidationError, match=r"\.$|\.'\]$"):
        field.clean(url)


@pytest.mark.parametrize("text", ["{", "NaN", '{"a": 1, "a": 2}', "[" * 100 + "]" * 100])
def test_json_that_could_not_be_stored_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        form_field(Field(key="arguments", label="Arguments", kind="json")).clean(text)


def test_each_kind_gives_its_own_value() -> None:
    assert form_field(Field(key="n", label="N", kind="integer")).clean("7") == 7
    assert form_field(Field(key="b", label="B", kind="boolean")).clean(False) is False
    assert form_field(Field(key="e", label="E", kind="email")).clean("a@example.com")
    assert form_field(Field(key="j", label="J", kind="json")).clean('{"a": 1}') == {"a": 1}
    choice = form_field(Field(key="c", label="C", kind="choice", choices=(("x", "X"),)))
    assert choice.clean("x") == "x"
    with pytest.raises(ValidationError):
        choice.clean("y")
    assert isinstance(form_field(Field(key="f", label="F", kind="file")), forms.FileField)


def test_a_default_is_shown_first_and_a_stored_value_before_it() -> None:
    field = Field(key="path_prefix", label="Prefix", default="/api")
    assert form_field(field).initial == "/api"
    assert form_field(field, current="/v2").initial == "/v2"
