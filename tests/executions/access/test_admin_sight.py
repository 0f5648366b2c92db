"""The administrator of one team finds nothing of another team's in the admin: no list, form, trial,
choice, filter or act; and an address that is guessed is not there."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from executions.access import api_tokens, audit_log
from executions.models import (
    ApiToken,
    AuditEntry,
    Command,
    CorrelationRule,
    NoticeRule,
    Quarantine,
    Workflow,
)
from providers.models import Health, ProviderAccount
from tests.executions.conftest import signed_in

pytestmark = pytest.mark.django_db

MARK = "Claims"  # in the name of everything that belongs to the other team
ACCOUNTS, RULES = "/admin/providers/provideraccount/", "/admin/executions/noticerule/"
KEYS = "/admin/executions/correlationrule/"


def head_of(team: str) -> User:
    user = User.objects.create_user(f"head-of-{team}", is_staff=True)
    user.groups.set([Group.objects.get(name="admin"), Group.objects.get(name=team)])
    return user


@pytest.fixture
def west(people: dict[str, User]) -> Client:
    return signed_in(head_of("west"))


@pytest.fixture
def east(people: dict[str, User]) -> Client:
    return signed_in(head_of("east"))


@pytest.fixture
def theirs(people: dict[str, User], account: ProviderAccount, put: Any) -> dict[str, Any]:
    """One of everything that the admin shows, of the team east."""
    run = put("claim-1", name="Claims of Mrs. Adler", input={"order": "Claims-4711"}, steps=())
    rule = NoticeRule.objects.create(name="Claims fail", event="failed", group=account.group)
    audit_log.record("ana", audit_log.Action.CANCEL, account_name="Claims", target="run:1 Claims")
    audit_log.record("ana", audit_log.Action.NOTICE_RULE_ADDED, target="rule:1 Claims fail")
    api_tokens.issue(people["ana"], label="Claims script")
    return {
        "providers/provideraccount": account,
        "executions/workflow": Workflow.objects.get(),
        "executions/quarantine": Quarantine.objects.create(
            account=account, ref="Claims-x", reason="Claims were odd", excerpt="Claims"
        ),
        "executions/auditentry": AuditEntry.objects.earliest("pk"),
        "executions/command": Command.objects.create(
            account=account, execution=run, kind="cancel", target="Claims", message="Claims"
        ),
        "executions/apitoken": ApiToken.objects.get(),
        "executions/correlationrule": CorrelationRule.objects.create(
            account=account, name="Claims number", source="input", path="$.order"
        ),
        "executions/noticerule": rule,
    }


def test_lists_filters_and_searches_hold_ones_own_alone(
    west: Client, east: Client, theirs: dict[str, Any]
) -> None:
    Workflow.objects.update(name="Claims import")
    for place in theirs:
        own, other = (each.get(f"/admin/{place}/") for each in (east, west))
        assert MARK in own.content.decode(), place
        assert MARK not in other.content.decode(), place


def test_the_page_of_each_opens_for_its_own_administrator(
    east: Client, theirs: dict[str, Any]
) -> None:
    pages = [f"/admin/{place}/{row.pk}/change/" for place, row in theirs.items()]
    assert {page: east.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)


def test_what_is_asked_for_by_number_is_not_there(west: Client, theirs: dict[str, Any]) -> None:
    found = {}
    for place, row in theirs.items():
        for view in ("change", "history", "delete"):
            address = f"/admin/{place}/{row.pk}/{view}/"
            found[address] = (west.get(address).status_code, west.post(address).status_code)
    pages = [
        f"{ACCOUNTS}{theirs['providers/provideraccount'].pk}/{page}/" for page in ("poll", "polls")
    ]
    pages.append(f"{RULES}{theirs['executions/noticerule'].pk}/test/")
    found |= {page: (west.get(page).status_code, west.post(page).status_code) for page in pages}
    refused = {address: codes for address, codes in found.items() if not set(codes) <= {403, 404}}
    assert refused == {}
    assert all(404 in codes or "delete" in address for address, codes in found.items())


def test_no_form_offers_what_belongs_to_others(
    west: Client, east: Client, theirs: dict[str, Any]
) -> None:
    Workflow.objects.update(name="Claims import")
    lookups = [
        f"/admin/autocomplete/?app_label=executions&model_name=noticerule&field_name={field}&term="
        for field in ("accounts", "workflows")
    ]
    for page in (f"{KEYS}add/", *lookups):
        assert MARK in east.get(page).content.decode(), page
        assert MARK not in west.get(page).content.decode(), page
    for page in (f"{RULES}add/", f"{ACCOUNTS}add/?provider=smartflows"):
        assert ">east<" in east.get(page).content.decode(), page
        assert ">east<" not in west.get(page).content.decode(), page


def test_a_trial_of_a_rule_reads_no_run_of_others(
    west: Client, east: Client, theirs: dict[str, Any]
) -> None:
    typed = {"account": theirs["providers/provideraccount"].pk, "name": "order", "source": "input",
             "path": "$.order"}  # fmt: skip
    assert "Claims-4711" in east.post(f"{KEYS}trial/", typed).content.decode()
    assert MARK not in west.post(f"{KEYS}trial/", typed).content.decode()


def test_a_rule_cannot_be_pointed_at_others(west: Client, theirs: dict[str, Any]) -> None:
    account, workflow = theirs["providers/provideraccount"], theirs["executions/workflow"]
    west.post(f"{KEYS}add/", {"account": account.pk, "name": "order", "source": "input"})
    assert CorrelationRule.objects.count() == 1
    rule = {"name": "Mine", "event": "failed", "pause_seconds": "60", "enabled": "on"}
    team = Group.objects.get(name="west").pk
    for reach in (
        {"group": account.group_id},
        {"group": ""},  # all accounts: those of others too
        {"group": team, "accounts": account.pk},
        {"group": team, "workflows": workflow.pk},
    ):
        west.post(f"{RULES}add/", {**rule, **reach})
        assert not NoticeRule.objects.filter(name="Mine").exists(), reach
    west.post(f"{RULES}add/", {**rule, "group": team})
    assert NoticeRule.objects.filter(name="Mine").exists()


def test_an_account_is_given_to_ones_own_team_alone(west: Client, account: ProviderAccount) -> None:
    typed = {
        "name": "New", "poll_every": "", "setting_base_url": "https://new.example.com",
        "credential_api_key": "made-up-key",
    }  # fmt: skip
    add = f"{ACCOUNTS}add/?provider=smartflows"
    west.post(add, {**typed, "group": account.group_id})
    assert not ProviderAccount.objects.filter(name="New").exists()
    west.post(add, {**typed, "group": Group.objects.get(name="west").pk})
    assert ProviderAccount.objects.filter(name="New").exists()


def test_an_act_on_a_list_leaves_others_alone(west: Client, theirs: dict[str, Any]) -> None:
    account = theirs["providers/provideraccount"]
    for place, row in theirs.items():
        for action in ("disable", "delete_selected"):
            west.post(
                f"/admin/{place}/", {"action": action, "_selected_action": row.pk, "post": "yes"}
            )
        assert type(row).objects.filter(pk=row.pk).exists(), place
    account.refresh_from_db()
    assert (account.enabled, account.health) == (True, Health.OK)


def test_who_sees_every_account_reads_the_whole_audit_log(
    west: Client, theirs: dict[str, Any]
) -> None:
    ProviderAccount.objects.update(group=None)
    page = west.get("/admin/executions/auditentry/").content.decode()
    assert "rule:1 Claims fail" in page
    assert "run:1 Claims" in page


def test_a_workflow_is_shown_without_what_only_its_storage_needs(east, theirs):
    workflow = theirs["executions/workflow"]
    Workflow.objects.update(typical_seconds=90.0)
    page = east.get(f"/admin/executions/workflow/{workflow.pk}/change/").content.decode()
    assert "Usual duration" in page
    assert "1 m 30 s" in page
    assert "Values due" not in page
