"""Arbitrary JSON as a triple and arbitrary posts: sentences, never exceptions."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from executions.forms import compile_triple
from executions.forms.json_path import parse_key
from executions.forms.validation import TooMuch, Validation
from tests import hostile

WORDS = [
    "type", "properties", "items", "enum", "const", "default", "required", "title", "format",
    "anyOf", "oneOf", "allOf", "$ref", "#/properties/a", "#", "key", "condition", "titleMap",
    "name", "value", "group", "string", "number", "integer", "boolean", "object", "array", "null",
    "a", "b", "a.b", "a[]", "a[].b", "*", "...", "date", "date-time", "data-url", "password",
    "model.a", "!b", "a == 1", "help", "tabs", "section", "select", "radios", "checkboxes", "file",
    "pattern", "^(a+)+$", "minimum", "maxLength", "minItems", "x-schema-form", "validationMessage",
    "readonly", "startEmpty", "copyValueTo", "destroyStrategy", "minDate", "description",
    "enumNames", "if", "then", "else", "not", "dependencies", "dependentRequired",
    "dependentSchemas", "additionalProperties", "patternProperties", "discriminator",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS,
    st.sampled_from([1e308, -0.0, 10**400, 2**63]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=25,
)
SCHEMA: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "number", "integer", "boolean", "object", "array"])
            | JSON,
            "properties": st.dictionaries(
                st.sampled_from(["a", "b", "c", "a.b"]), SCHEMA, max_size=3
            )
            | JSON,
            "items": SCHEMA | JSON,
            "enum": st.lists(SCALARS, max_size=5) | JSON,
            "default": JSON,
            "required": JSON,
            "anyOf": st.lists(SCHEMA, max_size=3) | JSON,
            "oneOf": st.lists(SCHEMA, max_size=3) | JSON,
            "allOf": st.lists(SCHEMA, max_size=3) | JSON,
            "if": SCHEMA | JSON,
            "then": SCHEMA | JSON,
            "else": SCHEMA | JSON,
            "not": SCHEMA | JSON,
            "const": SCALARS,
            "dependencies": st.dictionaries(st.sampled_from(["a", "b"]), SCHEMA | JSON) | JSON,
            "dependentRequired": JSON,
            "additionalProperties": SCHEMA | JSON,
            "patternProperties": st.dictionaries(TEXTS, SCHEMA) | JSON,
            "$ref": st.sampled_from(["#", "#/properties/a", "#/x", "http://127.0.0.1:1/"]) | JSON,
            "format": st.sampled_from(["date", "date-time", "time", "data-url", "email"]) | JSON,
            "minimum": JSON,
            "multipleOf": SCALARS,
            "pattern": TEXTS,
            "minItems": SCALARS,
            "uniqueItems": SCALARS,
            "title": JSON,
            "description": JSON,
            "position": SCALARS,
        },
    )
)
ENTRY: st.SearchStrategy[Any] = st.deferred(
    lambda: st.fixed_dictionaries(
        {},
        optional={
            "key": st.sampled_from(["a", "b", "c", "a[]", "a[].b", "a.b"]) | JSON,
            "type": st.sampled_from(WORDS) | JSON,
            "items": st.lists(ENTRY, max_size=3) | JSON,
            "tabs": st.lists(ENTRY, max_size=2) | JSON,
            "condition": st.sampled_from(["model.a", "!a", "a[arrayIndex].b", "x.y"]) | JSON,
            "titleMap": JSON,
            "required": SCALARS,
            "readonly": SCALARS,
            "validationMessage": JSON,
            "copyValueTo": JSON,
            "destroyStrategy": JSON,
            "minDate": JSON,
            "format": JSON,
            "add": JSON,
        },
    )
)
FORM = st.lists(ENTRY | st.sampled_from(["*", "...", "a", "b"]), max_size=5) | JSON
MODEL = st.dictionaries(st.sampled_from(["a", "b", "c", "a.b"]), JSON, max_size=4) | JSON


def use(schema: Any, form: Any, model: Any, posted: dict[str, str], press: str) -> None:
    """Everything a page does with a compiled form."""
    compiled = compile_triple(schema, form, model)
    assert isinstance(compiled.problem, str)
    assert all(isinstance(rule, str) for rule in compiled.unchecked)
    first = compiled.bind()
    html = render_to_string("executions/forms/_fields.html", {"form": first, "compiled": compiled})
    html.encode()
    names = list(first.fields)
    data = {name: posted.get(str(i % 7), "") for i, name in enumerate(names)}
    for tool in ("_add", "_remove", "_move"):
        drawn = compiled.bind({**data, tool: f"{names[0] if names else 'f1'}:{press}"})
        render_to_string("executions/forms/_fields.html", {"form": drawn})
    bound = compiled.bind(data)
    if bound.is_valid():
        for complete in (False, True):
            json.dumps(compiled.masked(compiled.body(bound, complete=complete)))
        compiled.lacks(compiled.body(bound))
    compiled.show_errors(bound, {"a[0].b": "no", "": "no", press: "no"})
    render_to_string("executions/forms/_fields.html", {"form": bound}).encode()
    compiled.carry_over(compiled, compiled.typed(data))


@hostile.examples(60)
@given(SCHEMA, FORM, MODEL, st.dictionaries(st.sampled_from("0123456"), TEXTS), TEXTS)
def test_any_likely_triple_is_a_form_or_a_sentence(
    schema: Any, form: Any, model: Any, posted: dict[str, str], press: str
) -> None:
    use(schema, form, model, posted, press)


@hostile.examples(500)
@given(JSON, JSON, JSON)
@pytest.mark.fault("B13")
def test_any_json_is_a_form_or_a_sentence(schema: Any, form: Any, model: Any) -> None:
    use(schema, form, model, {"0": "1", "1": "x", "2": "0"}, "0:up")


@hostile.examples(60)
@given(SCHEMA, MODEL)
def test_an_untouched_form_sends_the_model_back(schema: Any, model: Any) -> None:
    """What nobody typed into never changes what was there."""
    compiled = compile_triple(schema, None, model)
    form = compiled.bind(compiled.typed({}))
    if compiled.problem or not isinstance(model, dict) or not form.is_valid():
        return
    body = compiled.body(form)
    for key, value in model.items():
        if not isinstance(value, dict | list):
            assert json.dumps(body[key]) == json.dumps(value)


@pytest.mark.parametrize("part", [None, [], True, "x", 3])
def test_a_part_that_is_no_schema_says_nothing(part: Any) -> None:
    use({"$ref": "#", "allOf": [part]}, [], {}, {}, "type")


@pytest.mark.parametrize(
    "garbage", [object(), b"bytes", {1: 2}, float("inf"), "\ud800", "{" * 9999]
)
def test_what_is_not_even_json_is_a_sentence(garbage: Any) -> None:
    for part in range(3):
        triple: list[Any] = [{}, None, None]
        triple[part] = garbage
        compiled = compile_triple(*triple)
        assert isinstance(compiled.problem, str)
        compiled.bind()


PAYLOADS = [
    "<script>bad()</script>", "\" onmouseover=\"bad()", "'><img src=x onerror=bad()>",
    "<p hx-get='/bad/' hx-trigger='load'>x</p>", "<a href='javascript:bad()'>x</a>",
    "<div data-hx-on:click='bad()'>x</div>", "{{ settings.SECRET_KEY }}", "{% debug %}",
    "<base href='//bad'>", "<form action='//bad'><input name=csrfmiddlewaretoken>",
    "<svg><style><img src=x onerror=bad()>", "<a id=htmx href='data:text/html,bad'>x</a>",
    "</textarea><script>bad()</script>", "<p class='evil' style='x:bad'>x</p>",
]  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.fault("B13")
def test_no_text_of_a_provider_becomes_markup_that_acts(payload: str) -> None:
    text = {"type": "string", "title": payload, "description": payload, "default": payload}
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {
            payload: text,
            "a": {"type": "string", "enum": [payload, "x"], "pattern": payload},
            "b": {"type": "array", "title": payload, "items": {"type": "string", "title": payload}},
            "c": {"type": "array", "items": {"enum": [payload, "y"]}},
        },
    }
    entry = {
        "key": "a", "titleMap": {payload: payload}, "placeholder": payload, "htmlClass": payload,
        "style": payload, "fieldAddonLeft": payload, "validationMessage": payload, "type": payload,
    }  # fmt: skip
    form = [
        entry, {"key": "b", "add": payload, "remove": payload},
        {"type": "help", "helpvalue": payload}, {"type": payload, "title": payload, "items": ["*"]},
    ]  # fmt: skip
    compiled = compile_triple(schema, form, {payload: payload, "a": payload, "b": [payload]})
    bound = compiled.bind({"f1": "", "f9": payload})
    bound.is_valid()
    for each in (compiled.bind(), bound):
        html = render_to_string("executions/forms/_fields.html", {"form": each})
        for tag in Tags(html).found:
            assert tag in ALLOWED or tag[0] in HARMLESS, tag
        assert "SECRET" not in html or "{{ settings" in html


class Tags(HTMLParser):
    """Every tag of a page with the name of each of its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, name) for name, _ in attrs] or [(tag, "")]
        for name, value in attrs:
            if name == "href":
                assert (value or "").startswith(("https:", "http:", "mailto:", "#field_"))


HARMLESS = {
    "p", "br", "ul", "ol", "li", "b", "i", "em", "strong", "code", "pre", "legend", "span", "h3",
    "h4", "h5", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
OUR_ATTRIBUTES = [
    "class", "id", "name", "value", "type", "for", "aria-describedby", "aria-invalid", "aria-label",
    "aria-hidden", "tabindex", "hidden", "role", "placeholder", "autocomplete", "required",
    "checked", "selected", "maxlength", "rows", "cols", "size", "multiple", "formnovalidate",
    "label", "hx-ignore", "inputmode", "href", "rel", "target", "minlength", "accept", "",
]  # fmt: skip
OUR_TAGS = [
    "div", "label", "input", "select", "option", "optgroup", "textarea", "fieldset", "button",
    "output", "a", "legend", "p",
]  # fmt: skip
ALLOWED = {(tag, name) for tag in OUR_TAGS for name in OUR_ATTRIBUTES}


@pytest.mark.parametrize("key", ["['" + "\\" * 900, '["' + "\\" * 900, "['" + "\\'" * 400])
def test_a_key_of_backslashes_is_read_at_once(key: str) -> None:
    assert parse_key(key) is None
    assert not compile_triple(None, [key], {}).problem


@pytest.mark.parametrize(
    ("key", "name"),
    [(r"['it\'s']", "it's"), ("['C:\\']", "C:\\"), (r'["a\\b"]', r"a\b"), ("['a'b']", "a'b")],
)
def test_backslashes_and_quotes_of_a_key_are_read(key: str, name: str) -> None:
    assert parse_key(key) == (name,)


def test_a_schema_that_refers_to_itself_for_ever_is_given_up_wherever_the_stack_ends() -> None:
    """Where it ends within the library's part in Rust, another kind of error says so."""
    schema = {"$defs": {"a": {"if": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}
    looping = Validation(schema)

    def below(frames: int) -> None:
        if frames:
            below(frames - 1)
        else:
            looping.errors({})

    for frames in range(15):  # as many as one round of it takes, and more
        with pytest.raises(TooMuch):
            below(frames)
