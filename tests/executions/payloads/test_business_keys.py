"""Business keys in one run: sources, paths, patterns, bounds, and rules that are wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executions.payloads.business_keys import (
    MAX_KEY,
    MAX_KEYS,
    Rule,
    find,
    normalized,
    problem_of,
    read_path,
)

ORDER = {
    "order": {"id": 4711, "No.": "A-7", "lines": [{"sku": "x1"}, {"sku": "x2"}]},
    "tags": ["ORD-9", "urgent"],
    "total": 17.0,
    "note": "for ORD-17 and ORD-18",
}


def texts(source: str, path: str = "", pattern: str = "", **sources: object) -> list[str]:
    rule = Rule(1, "order number", source, path, pattern)
    found = [key.text for key in find([rule], sources)]
    assert rule.problem == ""
    return found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.order.id", ["4711"]),
        ("order.id", ["4711"]),
        ("order['No.']", ["A-7"]),
        ("$.order.lines[0].sku", ["x1"]),
        ("$.order.lines[*].sku", ["x1", "x2"]),
        ("tags[*]", ["ORD-9", "urgent"]),
        ("total", ["17"]),
        ("order.nothing", []),
        ("order", []),  # a mapping is no key
    ],
)
def test_a_path_leads_to_the_values_of_a_key(path, found):
    assert texts("input", path, input=ORDER) == found


def test_the_group_of_a_pattern_is_the_key_else_all_that_fits():
    assert texts("name", pattern=r"ORD-(\d+)", name="Intake of ORD-17") == ["17"]
    assert texts("name", pattern=r"ORD-\d+", name="Intake of ORD-17") == ["ORD-17"]
    assert texts("input", "note", r"ORD-(\d+)", input=ORDER) == ["17", "18"]
    assert texts("error", pattern=r"order (\d+)", error="Timeout at order 17") == ["17"]


def test_a_pattern_without_a_path_looks_through_all_of_a_value():
    assert texts("raw", "", r"ORD-\d+", raw=ORDER) == ["ORD-9", "ORD-17", "ORD-18"]


def test_a_source_that_was_not_read_is_left_alone():
    assert texts("output", "order.id", input=ORDER) == []


def test_keys_are_equal_however_they_are_written():
    assert normalized(" ord-17 ") == normalized("ORD-17") == normalized("ＯＲＤ-17")
    assert normalized("ORD-17") != normalized("ORD-18")


@pytest.mark.parametrize("text", ["", "  ", "---", "x" * (MAX_KEY + 1)])
def test_what_nobody_could_tell_apart_is_no_key(text):
    assert normalized(text) == ""


def test_a_run_has_at_most_five_keys_and_the_rule_says_so():
    rule = Rule(1, "line", "input", "[*]")
    assert len(find([rule], {"input": [f"line {n}" for n in range(9)]})) == MAX_KEYS
    assert "more than 5 keys" in rule.problem


def test_a_rule_that_is_wrong_says_why_and_the_others_find_their_keys():
    bad, good = Rule(1, "a", "name", "", "(("), Rule(2, "b", "ref")
    found = find([bad, good], {"name": "ORD-17", "ref": "r1"})
    assert [key.text for key in found] == ["r1"]
    assert bad.problem.startswith("Pattern: This is not a valid RE2 pattern")


@pytest.mark.parametrize(
    ("source", "path", "pattern", "field"),
    [
        ("label", "", "", "source"),
        ("name", "order.id", "", "path"),
        ("input", "order..id[", "", "path"),
        ("input", "", "", "pattern"),
        ("name", "", "((", "pattern"),
        ("name", "", r"(\d+)-(\d+)", "pattern"),
        ("name", "", r"\d*", "pattern"),
        ("name", "", r"(?=x)y", "pattern"),  # not in RE2
    ],
)
def test_a_rule_that_cannot_work_is_refused_at_its_field(source, path, pattern, field):
    assert problem_of(source, path, pattern).field == field


@given(st.text(max_size=60))
def test_any_text_is_a_path_or_is_refused(text):
    steps = read_path(text)
    assert steps is None or len(steps) >= 1


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_is_looked_through_without_an_error(value):
    rules = [Rule(1, "a", "input", "a[*].b"), Rule(2, "b", "input", "", "[a-z]+")]
    assert len(find(rules, {"input": value, "name": "n"})) <= MAX_KEYS
