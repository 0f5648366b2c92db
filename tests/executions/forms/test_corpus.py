"""Every triple of the corpus, through the page: drawn, filled in, posted, and the body read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.utils.html import escape

from executions.forms import compile_triple
from executions.forms.json_path import key_text

CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).resolve().parents[3]
TRIPLES: list[dict[str, Any]] = [
    case for file in sorted(CORPUS.glob("*.json")) for case in json.loads(file.read_text())
]


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=case["name"].replace(" ", "_")) for case in cases]


CASES = named(TRIPLES)


def compiled_of(case: dict[str, Any]) -> Any:
    return compile_triple(case.get("schema"), case.get("form"), case.get("model"))


@pytest.mark.parametrize("case", CASES)
def test_a_triple_is_drawn_as_its_provider_would(case: dict[str, Any], open_form: Any) -> None:
    compiled = compiled_of(case)
    if "problem" in case:
        assert case["problem"] in compiled.problem
        return
    assert compiled.problem == ""
    page = open_form(compiled)
    assert page.paths() == case["fields"]
    for path, control in case.get("controls", {}).items():
        assert page.form.by_name[page.name(path)].control == control, path
    for path, text in case.get("initial", {}).items():
        assert page.form.fields[page.name(path)].initial == text, path
    for path, labels in case.get("options", {}).items():
        assert [label for _, label in page.inputs.options[page.name(path)]] == labels
    for words in case.get("notes", []):
        assert any(words in note for note in compiled.notes), compiled.notes
    if case.get("notes") == []:
        assert compiled.notes == []
    for part in case.get("html", []):
        assert part in page.html
    for part in case.get("not_html", []):
        assert part not in page.html
    if "unchecked" in case:
        assert compiled.unchecked == case["unchecked"]
    if "submit" in case:
        assert compiled.submit_label == case["submit"]
    if "quick" in case:
        assert [[label, danger] for _, label, danger in compiled.quick_choices] == case["quick"]


@pytest.mark.parametrize("case", CASES)
def test_a_triple_is_answered_as_its_provider_expects(case: dict[str, Any], open_form: Any) -> None:
    for turn in case.get("rounds", []):
        page = open_form(compiled_of(case))
        for step in turn.get("steps", []):
            page.fill(step.get("post", {}))
            if "press" in step:
                page.press(*step["press"])
            else:
                page.post(_redraw="1")
            if "fields" in step:
                assert page.paths() == step["fields"]
            assert not page.form.errors
        page.fill(turn.get("post", {}))
        form = page.post()
        errors = {
            ("" if name == "__all__" else page_path(page, name)): str(texts[0])
            for name, texts in form.errors.items()
        }
        assert errors == turn.get("errors", {})
        if "fields" in turn:
            assert page.paths() == turn["fields"]
        for part in turn.get("html", []):
            assert part in page.html
        if errors:
            continue
        body = page.compiled.body(form, complete=turn.get("complete", False))
        assert as_json(body) == as_json(turn["body"])
        if "warnings" in turn:
            found = {page_path(page, name): text for name, text in form.warnings.items()}
            assert found == turn["warnings"]
        if "lacks" in turn:
            assert page.compiled.lacks(body) == turn["lacks"]
        if "masked" in turn:
            assert page.compiled.masked(body) == turn["masked"]


@pytest.mark.parametrize("case", named([c for c in TRIPLES if "changed" in c]))
def test_typed_values_are_carried_over_where_they_fit(case: dict[str, Any], open_form: Any) -> None:
    old, changed = compiled_of(case), compiled_of(case["changed"])
    page = open_form(old)
    page.fill(case["typed"])
    typed = old.typed(page.data)
    after = open_form(changed, changed.carry_over(old, typed))
    found = {path: after.form.fields[after.name(path)].widget for path in after.paths()}
    assert list(found) == case["changed"]["fields"]
    values = {path: after.form.by_name[after.name(path)].typed for path in after.paths()}
    for path, text in case["changed"]["carried"].items():
        assert values[path] == text, path


@pytest.mark.parametrize("case", named([c for c in TRIPLES if "complaints" in c]))
def test_complaints_of_the_provider_go_to_their_fields(
    case: dict[str, Any], open_form: Any
) -> None:
    page = open_form(compiled_of(case))
    form = page.post()
    page.compiled.show_errors(form, case["complaints"]["from"])
    page.read()
    for path, text in case["complaints"]["at"].items():
        errors = form.errors[page.name(path)] if path else form.non_field_errors()
        assert text in errors
        assert escape(text) in page.html


DOCS = (ROOT / "docs/operate/forms.md").read_text()
RULES = re.findall(r"^- \*\*(4\.\d+\.\d+)\*\*", DOCS, re.M)
PROOFS = {
    rule: (set(filter(None, triples.split("; "))), re.findall(r"`([^`]+)`", tests))
    for rule, triples, tests in re.findall(
        r"^\| (4\.\d+\.\d+) \| (.*?) ?\| ?(.*?) ?\|$", DOCS, re.M
    )
}


def test_the_table_of_the_docs_names_every_rule_once_and_in_order() -> None:
    assert len(RULES) > 70
    assert list(PROOFS) == RULES


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_proven_by_what_the_docs_name(rule: str) -> None:
    """Triples that exist and say that they are about this rule, or tests that exist."""
    triples, tests = PROOFS[rule]
    assert triples or tests
    assert triples == {case["name"] for case in TRIPLES if rule in case["rules"]}
    for test in tests:
        path, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / path).read_text(), test


def test_no_triple_proves_a_rule_that_is_not_in_the_docs() -> None:
    assert {rule for case in TRIPLES for rule in case["rules"]} <= set(RULES)


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    names = [case["name"] for case in TRIPLES]
    assert len(names) >= 60
    assert len(set(names)) == len(names)


def page_path(page: Any, name: str) -> str:
    return key_text(page.form.by_name[name].path)


def as_json(value: Any) -> str:
    """JSON text: 1, 1.0 and true are three different answers."""
    return json.dumps(value, sort_keys=True)
