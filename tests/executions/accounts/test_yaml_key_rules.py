"""Correlation rules in an accounts file, and in the list of accounts."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from executions.accounts import yaml_apply
from executions.accounts.yaml_parser import BadFile
from executions.models import CorrelationRule, KeySearch

pytestmark = pytest.mark.django_db
ACCOUNT = """
accounts:
  - name: Documents
    provider: smartflows
    settings: {base_url: "https://docs.example.com"}
    credentials: {api_key: secret-one}
"""
KEYS = (
    ACCOUNT
    + r"""
    keys:
      - {name: order number, source: input, path: $.order.id}
      - name: order number
        source: name
        pattern: 'ORD-(\d+)'
        link: 'https://erp.example.com/orders/{key}'
"""
)


def told(**options: Any) -> str:
    out = StringIO()
    call_command("accounts", "list", stdout=out, **options)
    return out.getvalue()


def rules() -> list[tuple[str, ...]]:
    rows = CorrelationRule.objects.order_by("pk")
    return list(rows.values_list("name", "source", "path", "pattern", "link"))


def test_a_file_makes_the_rules_of_an_account_and_says_what_it_did():
    (applied,) = yaml_apply.apply(KEYS)
    assert rules() == [
        ("order number", "input", "$.order.id", "", ""),
        ("order number", "name", "", r"ORD-(\d+)", "https://erp.example.com/orders/{key}"),
    ]
    assert "order number from its input" in str(applied)
    assert KeySearch.objects.exists()  # stored runs are looked through


def test_the_same_file_again_changes_nothing():
    yaml_apply.apply(KEYS)
    KeySearch.objects.all().delete()
    before = list(CorrelationRule.objects.values())
    (applied,) = yaml_apply.apply(KEYS)
    assert applied.changes == []
    assert list(CorrelationRule.objects.values()) == before
    assert not KeySearch.objects.exists()


def test_a_list_that_is_named_is_complete_and_one_that_is_not_leaves_all_as_it_is():
    yaml_apply.apply(KEYS)
    yaml_apply.apply(ACCOUNT)
    assert len(rules()) == 2
    yaml_apply.apply(ACCOUNT + "    keys: [{name: claim, source: ref}]\n")
    assert rules() == [("claim", "ref", "", "", "")]
    yaml_apply.apply(ACCOUNT + "    keys: []\n")
    assert rules() == []


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("order", "line 7: accounts[1].keys: this must be a list."),
        ("[order]", "line 7: accounts[1].keys[1]: this must be a mapping."),
        ("[{name: a, source: ref, of: b}]", "keys[1].of: this key is not known."),
        ("[{name: 17, source: ref}]", "keys[1].name: this must be a text"),
        ("[{source: ref}]", "keys[1].name: This field cannot be blank."),
        ("[{name: a, source: moon}]", "keys[1].source: "),
        (
            "[{name: a, source: name, pattern: '(('}]",
            "keys[1].pattern: This is not a valid RE2 pattern",
        ),
        ("[{name: a, source: input}]", "keys[1].pattern: Without a path or a pattern"),
    ],
)
def test_a_bad_rule_is_told_with_its_line_and_nothing_is_applied(keys, problem):
    with pytest.raises(BadFile) as bad:
        yaml_apply.apply(ACCOUNT + f"    keys: {keys}\n")
    assert problem in str(bad.value)
    assert not CorrelationRule.objects.exists()


def test_the_list_of_accounts_prints_their_rules():
    yaml_apply.apply(KEYS)
    assert "  key order number from input $.order.id" in told()
    (account,) = json.loads(told(json=True))
    assert account["keys"][1]["pattern"] == r"ORD-(\d+)"
