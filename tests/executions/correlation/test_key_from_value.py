"""*Use as key* on a value of a run: what it would find is shown, then it is saved and searched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from executions.models import AuditEntry, CorrelationRule, Execution, KeySearch, RunKey
from executions.runs.page.json_tree import tree
from executions.storage import key_backfill
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
PATH = "$.order['order no']"


@pytest.fixture
def put(account: ProviderAccount) -> Callable[..., Execution]:
    def stored(ref: str, number: object, flow: str = "Settle", **more: Any) -> Execution:
        given = {"order": {"order no": number, "token": "made-up-token-value"}, "lines": [{"n": 1}]}
        begun = timezone.now() - timedelta(minutes=int(ref[1:]))
        store(account.pk, 1, [
            Snapshot(
                ref=ref, workflow=contract.Workflow(ref=flow, name=flow), steps=(),
                status=Status.SUCCEEDED, native_status="Done", started_at=begun,
                finished_at=begun, **{"input": given, **more},
            )
        ])  # fmt: skip
        return Execution.objects.get(account=account, ref=ref)

    return stored


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


def typed(**more: Any) -> dict[str, Any]:
    return {"name": "order no", "source": "input", "path": PATH, "pattern": "", "days": "7", **more}


def test_a_value_of_a_run_becomes_a_key_of_its_account(ana: Client, put: Any) -> None:
    runs = [put(f"r{number}", f"ORD-{number}") for number in range(1, 4)]
    put("r8", None, "Another")
    home = f"/executions/{runs[0].pk}/key-rule/"
    data = text(ana.get(f"/executions/{runs[0].pk}/?tab=data"))
    assert f"{home}?source=input&amp;path={quote(PATH, safe='/')}" in data
    assert "order.token" not in data
    page = ana.get(f"{home}?source=input&path={quote(PATH)}")
    assert page.context["form"]["name"].value() == "order no"
    said = text(page)
    assert "In this run: <b>ORD-1</b>" in said
    assert "Of the newest 4 runs of the account" in said
    assert "3 carry it, with 3 different values" in said
    assert "3 of 3" in said
    assert "0 of 1" in said
    saved = ana.post(home, typed(), follow=True)
    assert "“order no” is a business key of Claims now." in text(saved)
    rule = CorrelationRule.objects.get()
    assert (rule.account_id, rule.source, rule.path) == (runs[0].account_id, "input", PATH)
    entry = AuditEntry.objects.get(action="key_rule.added")
    assert (entry.actor, entry.account_name, entry.detail["days"]) == ("ana", "Claims", 7)
    assert KeySearch.objects.get().asked_by.username == "ana"
    key_backfill.carry_on(rule.account_id)
    assert RunKey.objects.filter(text="ORD-2").get().execution == runs[1]


def test_what_is_typed_is_tried_before_it_is_saved(ana: Client, put: Any) -> None:
    run, *_ = [put(f"r{number}", "ORD-7") for number in range(1, 8)]
    home = f"/executions/{run.pk}/key-rule/"
    same = text(ana.post(home, typed(preview="1"), headers=HTMX))
    assert "All of them carry the same value" in same
    part = text(ana.post(home, typed(preview="1", pattern=r"ORD-(\d+)"), headers=HTMX))
    assert "In this run: <b>7</b>" in part
    wrong = ana.post(home, typed(preview="1", pattern="("), headers=HTMX)
    assert wrong.status_code == 200
    assert "Pattern: This is not a valid RE2 pattern" in text(wrong)
    assert ana.post(home, typed(pattern="(")).status_code == 422
    assert ana.post(home, typed(days="900")).status_code == 422
    assert not CorrelationRule.objects.exists()
    ana.post(home, typed())
    again = ana.post(home, typed())
    assert again.status_code == 422
    assert "This account has this very key already." in text(again)
    assert CorrelationRule.objects.count() == 1


def test_who_only_looks_makes_no_key_and_a_stranger_finds_no_run(vik, eve, people, sign_in, put):
    run = put("r1", "ORD-1")
    home = f"/executions/{run.pk}/key-rule/"
    assert "key-rule" not in text(vik.get(f"/executions/{run.pk}/?tab=data"))
    assert (vik.get(home).status_code, vik.post(home, typed()).status_code) == (403, 403)
    assert (eve.get(home).status_code, eve.post(home, typed()).status_code) == (404, 404)
    people["vik"].is_staff = True
    people["vik"].save()
    people["vik"].groups.set(Group.objects.filter(name__in=["admin", "east"]))
    assert sign_in(people["vik"]).post(home, typed()).status_code == 302
    assert CorrelationRule.objects.count() == 1


def test_the_paths_of_a_tree_are_paths_of_rules() -> None:
    value = {
        "a": {"b c": 1, "x.y": "q", "it's": "z", "token": "no"}, "list": [{"id": 5}, 7],
        "long": "x" * 300, "yes": True, "none": None, "hidden": "[redacted]", "*": "star",
    }  # fmt: skip
    paths = [piece.path for piece in tree(value).pieces if piece.path]
    assert paths == [
        "$.a['b c']", "$.a['x.y']", '$.a["it\'s"]', "$.list[*].id", "$.list[*]", "$['*']",
    ]  # fmt: skip
    from executions.payloads.business_keys import Rule, find

    found = [find([Rule(1, "k", "input", path)], {"input": value})[0].text for path in paths]
    assert found == ["1", "q", "z", "5", "7", "star"]
    assert not any(piece.path for piece in tree("alone").pieces)
