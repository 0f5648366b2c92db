"""Questions of every kind through the door: forms, approvals, drafts, limits."""

from __future__ import annotations

import json
import socket
import time
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import timezone

from executions.forms import compile_question, compile_triple
from providers.contract import Choice, Question
from tests.pages import Page

TEXT = {"type": "string"}
ROWS = {"type": "array", "items": TEXT}


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_an_approval_is_buttons_and_a_note() -> None:
    choices = (
        Choice(value="yes", label="Approve"),
        Choice(value="no", label="Reject", is_danger=True),
    )
    compiled = compile_question(Question(ref="q", kind="approval", choices=choices))
    assert compiled.quick_choices == [("0", "Approve", False), ("1", "Reject", True)]
    form = compiled.bind({compiled.quick_name: "1", "f2": "too dear"})
    assert form.is_valid()
    assert compiled.body(form) == {"choice": "no", "note": "too dear"}
    html = render_to_string("executions/forms/_fields.html", {"form": form, "compiled": compiled})
    assert '<button class="button danger" name="f1" value="1">Reject</button>' in html
    assert 'type="radio"' not in html


def test_an_approval_as_it_is_stored_sends_an_empty_note() -> None:
    stored = [{"value": "go", "label": "", "is_danger": False}, {"value": "stop", "label": "Stop"}]
    compiled = compile_question(StoredQuestion(kind="approval", choices=stored))
    form = compiled.bind({"f1": "0", "f2": ""})
    assert form.is_valid()
    assert compiled.body(form) == {"choice": "go", "note": ""}


def test_an_approval_without_a_choice_is_refused_by_the_form() -> None:
    compiled = compile_question(
        StoredQuestion(kind="approval", choices=[{"value": "go", "label": "Go"}])
    )
    assert not compiled.bind({"f2": "hm"}).is_valid()
    assert not compiled.bind({"f1": "5"}).is_valid()


@pytest.mark.parametrize("choices", [None, [], [1], [{"value": 5}], "yes", [{"label": "x"}]])
def test_an_approval_of_nothing_has_a_problem(choices: Any) -> None:
    assert compile_question(StoredQuestion(kind="approval", choices=choices)).problem


def test_a_question_that_cannot_be_answered_says_why() -> None:
    question = Question(ref="q", kind="form", title="Signed on paper only.", schema=schema(a=TEXT))
    assert compile_question(question).problem == ""
    refused = compile_question(replace(question, is_answerable=False))
    assert refused.problem == "Signed on paper only."
    assert list(refused.bind().fields) == []


def test_two_forms_on_one_page_do_not_share_names() -> None:
    compiled = compile_triple(schema(a=TEXT, l={"type": "array", "items": TEXT}), None, None)
    form = compiled.bind(prefix="q7")
    html = render_to_string("executions/forms/_fields.html", {"form": form})
    assert 'name="q7-f1"' in html
    assert 'id="id_q7-f1"' in html
    assert 'id="q7-answer-fields"' in html
    assert 'name="f1"' not in html
    post = QueryDict("q7-f1=mine&f1=theirs&q8-f1=other&q7-f2=b0&q7-f3_b0=row")
    form = compiled.bind(post, prefix="q7")
    assert form.is_valid()
    assert compiled.body(form) == {"a": "mine", "l": ["row"]}


def test_a_draft_lies_over_the_initial_values_and_survives_json() -> None:
    shape = schema(
        a=TEXT,
        on={"type": "boolean"},
        l={"type": "array", "items": TEXT},
        days={"type": "array", "items": {"enum": ["sat", "sun"]}},
    )
    compiled = compile_triple(shape, None, {"a": "model", "on": True})
    post = QueryDict("f1=typed&f2=&f3=b0,n0&f4_b0=x&f4_n0=y&f5=&f5=1&other=9&csrfmiddlewaretoken=z")
    typed = json.loads(json.dumps(compiled.typed(post)))
    assert set(typed) == {"f1", "f2", "f3", "f4_b0", "f4_n0", "f5"}
    html = render_to_string("executions/forms/_fields.html", {"form": compiled.bind(typed=typed)})
    assert 'value="typed"' in html
    assert 'value="y"' in html
    assert html.count("checked") == 1
    form = compiled.bind({}, typed=typed)
    assert form.is_valid()
    assert compiled.body(form) == {"a": "typed", "on": False, "l": ["x", "y"], "days": ["sun"]}


def test_a_draft_of_raw_lists_is_read_too() -> None:
    compiled = compile_triple(schema(a=TEXT, l={"type": "array", "items": TEXT}), None, None)
    form = compiled.bind({}, typed={"f1": ["typed"], "f2": ["b0"], "f3_b0": ["x"], "_add": ["f2"]})
    assert form.is_valid()
    assert compiled.body(form) == {"a": "typed", "l": ["x"]}


def test_a_file_stays_in_the_draft_while_the_form_is_drawn_again() -> None:
    compiled = compile_triple(schema(doc={"type": "string", "format": "data-url"}), None, None)
    upload = SimpleUploadedFile("a.pdf", b"%PDF", "application/pdf")
    typed = compiled.typed({"_redraw": "1"}, {"f1": upload})
    again = compiled.bind({"_redraw": "1"}, typed=typed)
    assert not again.is_bound
    html = render_to_string("executions/forms/_fields.html", {"form": again})
    assert "Now: a.pdf, application/pdf, 1 kB." in html
    assert "JVBERg" not in html
    form = compiled.bind({}, {}, typed=typed)
    assert form.is_valid()
    assert compiled.body(form) == {"doc": "data:application/pdf;base64,JVBERg=="}


def test_a_file_that_is_too_large_is_refused_with_a_sentence() -> None:
    compiled = compile_triple(schema(doc={"type": "string", "format": "data-url"}), None, None)
    form = compiled.bind({}, {"f1": SimpleUploadedFile("a.bin", b"x" * 5_000_001)})
    assert form.errors["f1"] == ["This file is too large to be sent from here."]


def test_made_up_posts_change_nothing_but_what_is_drawn() -> None:
    rows = {"type": "array", "maxItems": 2, "items": TEXT}
    shape = schema(id={"type": "string", "readonly": True}, a=TEXT, l=rows)
    compiled = compile_triple(shape, None, {"id": "R1", "l": ["x"]})
    post = {
        "f1": "R2", "f2": ["", "ok"], "f3": "0,0,7,b999,zz,n1,-1", "f4_7": "?", "f4_n1": "y",
        "f99": "x", "f2_0": "x", "f": "x", "__proto__": "x",
    }  # fmt: skip
    form = compiled.bind(post)
    assert form.is_valid()
    assert compiled.body(form) == {"id": "R1", "a": "ok", "l": ["x", "y"]}
    full = compiled.bind({"f3": "0,n1,n2", "f4_n1": "y", "f4_n2": "z"})
    assert full.errors["f3"] == ["At most 2 allowed, 3 given."]


@pytest.mark.parametrize(
    "press", [{"_add": "f2"}, {"_remove": "f2:0"}, {"_move": "f2:0:up"}, {"_add": "f9"}]
)
def test_buttons_never_pass_the_limits_of_a_list(press: dict[str, str]) -> None:
    rows = {"type": "array", "minItems": 1, "maxItems": 1, "items": TEXT}
    compiled = compile_triple(schema(a=TEXT, l=rows), None, {"l": ["x"]})
    form = compiled.bind({"f2": "0", "f3_0": "x", **press})
    assert not form.is_bound
    assert [row.token for row in form.by_name["f2"].rows] == ["0"]


def test_a_page_never_grows_beyond_its_limit() -> None:
    inner = {"type": "array", "items": {"type": "object", "properties": {"a": TEXT, "b": TEXT}}}
    compiled = compile_triple(schema(l={"type": "array", "items": inner}), None, None)
    outer = ",".join(f"n{i}" for i in range(200))
    typed = {"f1": outer, **{f"f2_n{i}": outer for i in range(200)}}
    assert compiled.bind(typed=typed).drawing.drawn < 20


@pytest.mark.fault("B13")
def test_references_are_never_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        shape = {"$ref": address, "properties": {"a": {"$ref": address + "#/a"}}}
        compiled = compile_triple(shape, [{"key": "a"}], {"$schema": address})
        compiled.bind({"f1": "1"}).is_valid()
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.parametrize(
    ("shape", "form", "model", "words"),
    [
        (schema(**{f"p{i}": TEXT for i in range(10_000)}), None, None, "more than 500 fields"),
        (schema(a=TEXT), ["a"], {"a": "x" * 1_000_001}, "larger than 1 MB"),
        (schema(a=ROWS), None, {"a": ["x"] * 201}, "more than 200 rows"),
        (schema(a=TEXT), None, {"a": float("nan")}, "not JSON"),
        (schema(a=TEXT), None, '{"a": NaN}', "not JSON"),
        ({"a": {1, 2}}, None, None, "not JSON"),
        (schema(a=TEXT), [{"type": "section", "items": []}] * 501, None, "more than 500"),
        (True, None, None, "not an object"),
    ],
)  # fmt: skip
@pytest.mark.fault("B13")
def test_what_is_too_much_is_a_problem(shape: Any, form: Any, model: Any, words: str) -> None:
    assert words in compile_triple(shape, form, model).problem


@pytest.mark.fault("B13")
def test_200_levels_of_layout_are_a_problem() -> None:
    form: Any = "a"
    for _ in range(200):
        form = {"type": "section", "items": [form]}
    assert "nested too deeply" in compile_triple(schema(a=TEXT), form, None).problem


@pytest.mark.fault("B13")
def test_a_schema_bomb_behind_one_drawn_field_is_a_problem_and_quick() -> None:
    definitions = {
        f"d{i}": schema(**{name: {"$ref": f"#/definitions/d{i + 1}"} for name in "abcdefgh"})
        for i in range(7)
    }
    definitions["d7"] = schema(x={"type": "string", "default": "x"})
    bomb = {**schema(a=TEXT, b={"$ref": "#/definitions/d0"}), "definitions": definitions}
    assert "too many parts" in compile_triple(bomb, ["a"], None).problem


class StoredQuestion:
    """The fields of a stored question that the compiler reads."""

    def __init__(self, kind: str, choices: Any = None) -> None:
        self.kind = kind
        self.choices = choices
        self.title = self.description = ""
        self.schema = self.form = self.model = None
        self.is_answerable = True


@pytest.mark.parametrize(
    ("day", "is_valid"), [("2026-02-01", True), ("2025-12-31", False), ("2026-03-01", False)]
)
def test_the_bounds_of_a_date_hold_whatever_its_style(day: str, is_valid: bool) -> None:
    bounds = {"format": "dd.mm.yyyy", "minDate": "2026-01-01", "maxDate": "2026-02-28"}
    compiled = compile_triple(
        schema(due={"type": "string", "format": "date"}), [{"key": "due", **bounds}], {}
    )
    assert compiled.bind({"f1": day}).is_valid() is is_valid


def test_a_key_with_a_position_edits_that_item_and_keeps_the_list() -> None:
    shape = schema(a={"type": "array", "items": schema(b=TEXT, c={"type": "integer"})})
    form = ["a[0].b", "a[1].c"]
    compiled = compile_triple(shape, form, {"a": [{"b": "x", "c": 1}]})
    assert compiled.body(_bound(compiled, {"f1": "x"})) == {"a": [{"b": "x", "c": 1}]}
    body = compiled.body(_bound(compiled, {"f1": "y", "f2": "7"}))
    assert body == {"a": [{"b": "y", "c": 1}, {"c": 7}]}
    compiled = compile_triple(shape, form, {})
    assert compiled.body(_bound(compiled, {"f1": "z"})) == {"a": [{"b": "z"}]}
    assert compiled.body(_bound(compiled, {})) == {}


@pytest.mark.parametrize("key", ["a[5000]", "a[00000000000]", "a[0][0][0]", "o[0]", "t[0]"])
def test_odd_positions_in_a_key_break_nothing(key: str) -> None:
    model = {"a": [[1]], "o": {"0": "x"}, "t": "text"}
    compiled = compile_triple(None, [key], model)
    assert not compiled.problem
    assert _bound(compiled, {}).is_valid()
    assert compiled.body(_bound(compiled, {})) == model


def _bound(compiled: Any, typed: dict[str, str]) -> Any:
    form = compiled.bind(typed)
    assert form.is_valid(), form.errors
    return form


def test_a_moment_before_clocks_were_set_by_the_hour_has_an_offset_of_minutes() -> None:
    compiled = compile_triple(schema(at={"type": "string", "format": "date-time"}), ["at"], {})
    with timezone.override("Europe/Berlin"):
        body = compiled.body(_bound(compiled, {"f1": "1850-02-01T10:00"}))
    assert body == {"at": "1850-02-01T10:00:00+00:53"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("52.5200066", 52.5200066), ("1e-7", 1e-7),
     ("1234567890123456789012", 1234567890123456789012)],
)  # fmt: skip
def test_every_number_that_names_an_option_is_sent_as_a_number(text: str, value: Any) -> None:
    form = [{"key": "n", "type": "select", "titleMap": {text: "This one", "0": "None"}}]
    compiled = compile_triple(schema(n={"type": "number"}), form, {})
    sent = compiled.body(_bound(compiled, {"f1": "0"}))["n"]
    assert (sent, type(sent)) == (value, type(value))


def test_an_added_box_without_a_tick_is_an_answer() -> None:
    boxes = {"type": "array", "items": {"type": "boolean"}}
    compiled = compile_triple(schema(a=boxes), ["a"], {})
    assert compiled.body(_bound(compiled, {"f1": "b0", "f2_b0": ""})) == {}
    typed = {"f1": "n1,n2,n3", "f2_n1": "1", "f2_n2": "", "f2_n3": "1"}
    assert compiled.body(_bound(compiled, typed)) == {"a": [True, False, True]}


@pytest.mark.parametrize("text", ["2026-01-31T11:00+05:00", "20260131T1000", "2026-01-31T10"])
def test_a_moment_that_no_input_posts_is_refused(text: str) -> None:
    shape = schema(at={"type": "string", "format": "date-time"})
    for model in ({}, {"at": "2026-01-31T10:00Z"}):
        assert not compile_triple(shape, ["at"], model).bind({"f1": text}).is_valid()


def test_null_as_the_key_of_a_map_is_no_text_where_no_text_is_asked() -> None:
    field = {"key": "n", "type": "select", "titleMap": {"null": "None", "2": "Two"}}
    compiled = compile_triple(schema(n={"type": ["number", "null"]}), [field], {"n": 2})
    assert compiled.body(_bound(compiled, {"f1": "0"})) == {"n": None}
    assert compiled.body(_bound(compiled, {"f1": "1"})) == {"n": 2}


@pytest.mark.parametrize("text", ["0.10000000000000000001", "soon"])
def test_an_option_that_is_no_number_is_refused_where_a_number_is_asked(text: str) -> None:
    form = [{"key": "n", "type": "select", "titleMap": {text: "This one", "0": "None"}}]
    compiled = compile_triple(schema(n={"type": "number"}), form, {})
    assert compiled.bind({"f1": "0"}).errors["f1"] == ["Enter a number, not a text."]


def test_an_emptied_text_is_an_answer_in_plain_json_schema() -> None:
    shape = {**schema(a=TEXT, b=TEXT), "required": ["a", "b"]}
    compiled = compile_triple(shape, None, {"a": "", "b": "had"})
    form = compiled.bind({"f1": "", "f2": ""}, refuses_empty=False)
    assert form.is_valid()
    assert compiled.body(form) == {"a": "", "b": ""}
    refused = compiled.bind({"f1": "", "f2": ""})
    assert set(refused.errors) == {"f1", "f2"}
    never_there = compile_triple(shape, None, {"a": ""}).bind({}, refuses_empty=False)
    assert set(never_there.errors) == {"f2"}


@pytest.mark.fault("B13")
def test_the_whole_schema_is_checked_in_bounded_time() -> None:
    """Schemas of a few lines that unfold without end, circles, and patterns that backtrack."""
    doubled = {f"d{i}": {"allOf": [{"$ref": f"#/definitions/d{i + 1}"}] * 2} for i in range(60)}
    circle = {"$ref": "#/definitions/circle"}
    definitions = {**doubled, "d60": TEXT, "circle": {"anyOf": [circle, {"not": circle}]}}
    shape = schema(
        a={"type": "object", "patternProperties": {"^(a+)+$": {"type": "integer"}}},
        b={"type": "array", "uniqueItems": True},
        c={"type": "object", "additionalProperties": {"$ref": "#/definitions/d0"}},
        d={"type": "object", "additionalProperties": circle},
    )
    compiled = compile_triple({**shape, "definitions": definitions}, None, None)
    assert not compiled.problem
    began = time.process_time()
    posts = {
        "a": json.dumps({"a" * 60 + "b": "x"}), "b": json.dumps([{"n": i} for i in range(9000)]),
        "c": '{"x": "text"}', "d": '{"x": 1}',
    }  # fmt: skip
    for name, text in posts.items():
        field = compiled.bind().find((name,))
        assert compiled.bind({field: text}).is_valid(), name
    assert time.process_time() - began < 20


@pytest.mark.fault("B13")
def test_conditions_are_decided_in_bounded_time() -> None:
    """Many rows of many alternatives, and tests that take all the steps there are."""
    costly = {f"d{i}": {"allOf": [{"$ref": f"#/definitions/d{i + 1}"}] * 2} for i in range(40)}
    tests = [
        {"if": {"$ref": "#/definitions/d0", "required": [f"p{i}"]}, "then": {"required": ["q"]}}
        for i in range(40)
    ]
    row = {**schema(q=TEXT, **{f"p{i}": TEXT for i in range(4)}), "allOf": tests}
    shape = {**schema(l={"type": "array", "items": row}), "definitions": {**costly, "d40": {}}}
    began = time.process_time()
    compiled = compile_triple(shape, None, {"l": [{}] * 40})
    form = compiled.bind({"f1": ",".join(str(i) for i in range(40)), "f3_0": "x"})
    assert form.is_valid()
    assert time.process_time() - began < 15


MOMENT = schema(at={"type": "string", "format": "date-time", "title": "Begins"})


def test_a_time_that_does_not_exist_is_refused() -> None:
    compiled = compile_triple(MOMENT, None, {})
    with timezone.override("America/New_York"):
        form = compiled.bind({"f1": "2027-03-14T02:30"})
        sentence = "02:30 on 2027-03-14 does not exist in America/New_York"
        assert form.errors["f1"] == [f"{sentence}: clocks are put forward then."]
        assert compiled.body(_bound(compiled, {"f1": "2027-03-14T03:30"})) == {
            "at": "2027-03-14T03:30:00-04:00"
        }
    with timezone.override("UTC"):
        assert compiled.bind({"f1": "2027-03-14T02:30"}).is_valid()


def test_a_time_that_exists_twice_is_asked_about() -> None:
    compiled = compile_triple(MOMENT, None, {})
    with timezone.override("America/New_York"):
        form = compiled.bind(QueryDict("f1=2026-11-01T01:30"))
        assert "exists twice in America/New_York" in form.errors["f1"][0]
        html = render_to_string("executions/forms/_fields.html", {"form": form})
        assert 'type="datetime-local" name="f1" value="2026-11-01T01:30"' in html
        radios = Page(html).all("input[type='radio'][name='f1']")
        choices = [(each["value"], each.around("label").text) for each in radios]
        assert choices == [
            ("2026-11-01T01:30-04:00", "01:30 EDT (UTC-04:00)"),
            ("2026-11-01T01:30-05:00", "01:30 EST (UTC-05:00)"),
        ]
        for value, _ in choices:
            post = QueryDict(f"f1=2026-11-01T01:30&f1={value}")
            form = compiled.bind(post)
            assert form.is_valid(), form.errors
            assert compiled.body(form) == {"at": value[:16] + ":00" + value[16:]}
            again = compiled.bind(typed=json.loads(json.dumps(compiled.typed(post))))  # a draft
            html = render_to_string("executions/forms/_fields.html", {"form": again})
            assert f'value="{value}" checked' in html
        changed = QueryDict("f1=2026-11-02T01:30&f1=2026-11-01T01:30-04:00")
        form = compiled.bind(changed)
        assert form.is_valid()
        assert compiled.body(form) == {"at": "2026-11-02T01:30:00-05:00"}
        made_up = QueryDict("f1=2026-11-01T01:30&f1=2026-11-01T01:30-06:00")
        assert not compiled.bind(made_up).is_valid()


def test_a_moment_with_an_offset_of_its_own_is_never_unclear() -> None:
    compiled = compile_triple(MOMENT, None, {"at": "2026-11-01T00:00:00-05:00"})
    with timezone.override("America/New_York"):
        assert compiled.body(_bound(compiled, {"f1": "2026-11-01T01:30"})) == {
            "at": "2026-11-01T01:30:00-05:00"
        }
