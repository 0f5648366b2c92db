"""Grants: who sees an account of another team, and who acts on it, said once and meant everywhere:
pages, API, stream, tokens, notifications, the admin and what a worker is about to send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from config import live_stream
from executions.access import api_tokens
from executions.access.permissions import (
    VIEW_ONLY,
    may_act,
    operable_accounts,
    require_may_act,
    visible_accounts,
    with_roles,
)
from executions.commands import dispatch
from executions.kiosk import links as wall_links
from executions.models import (
    AuditEntry,
    BatchItem,
    Command,
    Execution,
    NoticeRule,
    TokenScope,
    WallLink,
)
from executions.notifications import evaluation, team_rules
from providers.contract import Status, Verb
from providers.models import Grant, Level, ProviderAccount
from tests.executions.conftest import signed_in
from tests.pages import Page

pytestmark = pytest.mark.django_db

# Of a person of the team west: role, to whom, of what, which; then what they may do with an account
# of the team east: not there (404), only seen (403), acted on.
KINDS: dict[str, tuple[str, str, str, Level | None, int]] = {
    "an operator without a grant": ("operator", "person", "account", None, 404),
    "an operator who may look": ("operator", "person", "account", Level.VIEW, 403),
    "an operator whose team may look": ("operator", "team", "team", Level.VIEW, 403),
    "an administrator who may look": ("admin", "team", "account", Level.VIEW, 403),
    "an operator who may act": ("operator", "team", "account", Level.OPERATE, 200),
    "a viewer who may act": ("viewer", "person", "account", Level.OPERATE, 200),
    "a viewer whose team may act": ("viewer", "team", "team", Level.OPERATE, 200),
    "an administrator who may act": ("admin", "person", "team", Level.OPERATE, 200),
}


@pytest.fixture
def grant(people: dict[str, User], account: ProviderAccount) -> Callable[..., Grant]:
    def made(who: User, level: Level, *, to: str = "person", of: str = "account") -> Grant:
        west = Group.objects.get(name="west")
        return Grant.objects.create(
            level=level,
            person=who if to == "person" else None,
            team=west if to == "team" else None,
            account=account if of == "account" else None,
            accounts_of=account.group if of == "team" else None,
        )

    return made


@pytest.fixture
def own(people: dict[str, User]) -> ProviderAccount:
    """An account of the team west."""
    return ProviderAccount.objects.create(
        name="Letters", provider="smartflows", group=Group.objects.get(name="west")
    )


def somebody(role: str) -> User:
    user = User.objects.create_user("wes", is_staff=role == "admin")
    user.groups.set([Group.objects.get(name=role), Group.objects.get(name="west")])
    return user


@pytest.mark.parametrize("kind", KINDS)
def test_every_way_in_has_the_same_meaning(kind, grant, question, put, account, own) -> None:
    role, to, of, level, expected = KINDS[kind]
    wes = somebody(role)
    if level is not None:
        grant(wes, level, to=to, of=of)
    run, failed = put("r1"), put("r2", Status.FAILED, error="Disk full", finished_at=timezone.now())
    page, ids = signed_in(wes), {"run": run.pk, "flow": run.workflow_id, "ask": question.pk}
    sees, acts = (200 if expected != 404 else 404), expected
    looks = ("/executions/{run}/", "/questions/{ask}/", "/workflows/{flow}/",
             "/executions/{run}.json", f"/accounts/{account.pk}/")  # fmt: skip
    assert {each: page.get(each.format(**ids)).status_code for each in looks} == dict.fromkeys(
        looks, sees
    )
    refused_first = role != "operator" and level is not Level.OPERATE  # who acts nowhere at all
    posts = {
        "/executions/{run}/cancellation/": {"reason": "wrong input"},
        "/executions/{run}/notes/": {"text": "Looked at it"},
        "/questions/{ask}/claim/": {},
        "/questions/{ask}/draft/": {},
        "/workflows/{flow}/runbook/": {"text": "Restart it"},
        f"/errors/{failed.error_key}/acknowledgement/": {},
    }
    before = AuditEntry.objects.count()
    for address, data in posts.items():
        code = page.post(address.format(**ids), data).status_code
        ok = code in (200, 204, 302, 409) if acts == 200 else code == acts
        assert ok or (refused_first and code == 403), (address, code)
    assert (AuditEntry.objects.count() > before) == (acts == 200)
    secret = api_tokens.issue(wes)
    api: dict[str, Any] = {"headers": {"Authorization": f"Bearer {secret}"}}
    assert Client().get(f"/api/v1/executions/{run.pk}", **api).status_code == sees
    for path, sent, done in (
        (f"executions/{run.pk}/commands", {"kind": "cancel"}, 202),
        (f"executions/{failed.pk}/decisions", {"act": "resolve"}, 200),
    ):
        answer = Client().post(f"/api/v1/{path}", sent, "application/json", **api)
        wanted = {200: done, 403: 403, 404: 404}[acts]
        assert answer.status_code == wanted, (path, answer.content)
        if acts == 403 and role == "operator":
            assert answer.json()["message"] == VIEW_ONLY
    failed.refresh_from_db()
    assert (failed.settled_by_id == wes.pk) == (acts == 200)
    if acts == 200:  # a token that only reads acts nowhere, whatever was granted
        reads = api_tokens.issue(wes, scope=TokenScope.READ)
        answer = Client().post(
            f"/api/v1/executions/{run.pk}/commands", {"kind": "cancel"}, "application/json",
            headers={"Authorization": f"Bearer {reads}"},
        )  # fmt: skip
        assert answer.status_code == 403
    as_loaded = with_roles(User.objects.filter(pk=wes.pk)).get()  # as pages have the person
    for person in (User.objects.get(pk=wes.pk), as_loaded):
        assert visible_accounts(person).filter(pk=account.pk).exists() == (sees == 200)
        assert operable_accounts(person).filter(pk=account.pk).exists() == (acts == 200)
        assert sees == 404 or may_act(person, account.pk) == (acts == 200)
        assert may_act(person, own.pk) == (role == "operator"), "a grant changes nothing elsewhere"


@pytest.mark.django_db(transaction=True)
def test_the_stream_tells_of_what_was_granted_and_no_longer(people, account, grant, eve) -> None:
    key = eve.cookies[settings.SESSION_COOKIE_NAME].value
    given = grant(people["eve"], Level.VIEW)
    seer = async_to_sync(live_stream.seer_of)(key)
    assert seer is not None
    assert seer.accounts == {account.pk}
    given.delete()
    seer = async_to_sync(live_stream.seer_of)(key)
    assert seer is not None
    assert seer.accounts == set()


def test_what_is_only_seen_has_no_buttons_and_no_box(eve, people, grant, put, question) -> None:
    run = put("r1")
    grant(people["eve"], Level.VIEW)
    listed = eve.get("/").content.decode()
    assert f'id="run-{run.pk}"' in listed
    assert f'form="selection" value="{run.pk}"' not in listed
    shown = eve.get(f"/executions/{run.pk}/").content.decode()
    assert "/cancellation/" not in shown
    assert f"/executions/{run.pk}/notes/" not in shown
    asked = eve.get(f"/questions/{question.pk}/").content.decode()
    assert "You can look at this question, but not answer it." in asked
    Grant.objects.update(level=Level.OPERATE)
    listed, shown = (eve.get(each).content.decode() for each in ("/", f"/executions/{run.pk}/"))
    assert f'form="selection" value="{run.pk}"' in listed
    assert "/cancellation/" in shown


def test_of_many_runs_those_that_are_only_seen_are_left_out_and_say_why(
    eve, people, grant, put
) -> None:
    run = put("r1")
    grant(people["eve"], Level.VIEW)
    made = eve.post("/batches/creation/", {"kind": "cancel", "ids": str(run.pk)})
    assert made.status_code == 302
    item = BatchItem.objects.get()
    assert (item.state, item.message) == ("ineligible", VIEW_ONLY)
    failed = put("r2", Status.FAILED, error="Disk full", finished_at=timezone.now())
    eve.post("/executions/triage/", {"act": "resolve", "ids": str(failed.pk)})
    failed.refresh_from_db()
    assert failed.settled_at is None


def test_what_was_recorded_is_not_sent_when_only_looking_is_left(people, grant, put) -> None:
    run, eve = put("r1"), people["eve"]
    given = grant(eve, Level.OPERATE)
    command = Command.objects.create(
        account=run.account, execution=run, kind=Verb.CANCEL.value, target=f"run:{run.pk}",
        requested_by=eve, account_revision=run.account.revision,
    )  # fmt: skip
    assert dispatch._why_not_any_more(command) == ""
    given.level = Level.VIEW
    given.save()
    command = Command.objects.select_related("account", "requested_by").get()
    assert "may only look" in dispatch._why_not_any_more(command)
    given.delete()
    command = Command.objects.select_related("account", "requested_by").get()
    assert "belongs to another team" in dispatch._why_not_any_more(command)


def test_a_team_is_notified_of_what_it_may_see_and_its_screens_show_it(
    people, account, own, grant
) -> None:
    west = Group.objects.get(name="west")
    NoticeRule.objects.create(name="Runs fail", event="failed", group=west)
    link = WallLink(group=west)

    def told() -> tuple[set[str], set[str], set[str]]:
        (scope,) = evaluation._scopes(timezone.now())
        eve = User.objects.get(username="eve")
        ids = team_rules.accounts_of_team(eve, west, team_rules.Subject())
        names = ProviderAccount.objects.filter(pk__in=ids).values_list("name", flat=True)
        screen = {each.name for each in wall_links.accounts_of(link)}
        return {each.name for each in scope.accounts}, set(names), screen

    assert told() == ({"Letters"},) * 3
    grant(people["eve"], Level.VIEW)  # of one person: nothing that a team is told
    everything = told()
    assert (everything[0], everything[2]) == ({"Letters"}, {"Letters"})
    grant(people["eve"], Level.VIEW, to="team", of="team")
    assert told() == ({"Claims", "Letters"},) * 3


def test_a_failed_run_goes_to_nobody_who_may_only_look_at_it(ana, people, grant, put) -> None:
    failed = put("r2", Status.FAILED, error="Disk full", finished_at=timezone.now())
    grant(people["eve"], Level.VIEW)
    ana.post("/executions/triage/", {"act": "assign", "ids": str(failed.pk), "assignee": "eve"})
    assert Execution.objects.get(pk=failed.pk).assignee is None
    Grant.objects.update(level=Level.OPERATE)
    ana.post("/executions/triage/", {"act": "assign", "ids": str(failed.pk), "assignee": "eve"})
    assert Execution.objects.get(pk=failed.pk).assignee == people["eve"]


def test_the_refusal_says_which_of_the_two_it_is(people, account, grant) -> None:
    for level, words in ((None, "You cannot see this account."), (Level.VIEW, VIEW_ONLY)):
        if level:
            grant(people["eve"], level)
        with pytest.raises(Exception, match=words):
            require_may_act(User.objects.get(username="eve"), account.pk)


# ---------------------------------------------------------------------------------- in the admin

GRANTS = "/admin/providers/grant/"


def test_a_grant_is_made_in_words_and_audited(people, account) -> None:
    root = signed_in(User.objects.create_superuser("root"))
    form = root.get(f"{GRANTS}add/").content.decode()
    assert "See them, with their runs, questions and errors, and change nothing" in form
    west = Group.objects.get(name="west")
    typed = {"person": "", "team": west.pk, "account": account.pk, "level": "view"}
    assert root.post(f"{GRANTS}add/", typed).status_code == 302
    given = Grant.objects.get()
    assert (given.team, given.account, given.level) == (west, account, Level.VIEW)
    assert "team west" in root.get(GRANTS).content.decode()
    root.post(f"{GRANTS}{given.pk}/change/", {**typed, "level": "operate"})
    root.post(f"{GRANTS}{given.pk}/delete/", {"post": "yes"})
    entries = AuditEntry.objects.filter(action__startswith="grant.").order_by("pk")
    assert [(each.action, each.account_name, each.detail["level"]) for each in entries] == [
        ("grant.made", "Claims", "view"),
        ("grant.changed", "Claims", "operate"),
        ("grant.removed", "Claims", "operate"),
    ]
    both = {**typed, "person": people["eve"].pk, "accounts_of": west.pk}
    said = root.post(f"{GRANTS}add/", both).content.decode()
    assert "Choose a person or a team, one of the two." in said
    assert "Choose an account, or a team whose accounts it is about." in said


def test_an_administrator_grants_what_they_see_and_nothing_to_themselves(account, people) -> None:
    head = User.objects.create_user("head", is_staff=True)
    head.groups.set([Group.objects.get(name="admin"), account.group])
    client = signed_in(head)
    typed = {"account": account.pk, "level": "operate"}
    for whom in ({"person": head.pk}, {"team": account.group_id}):
        said = client.post(f"{GRANTS}add/", {**typed, **whom}).content.decode()
        assert "Nobody lets themselves act" in said
    assert client.post(f"{GRANTS}add/", {**typed, "person": people["vik"].pk}).status_code == 302
    stranger = User.objects.create_user("stranger", is_staff=True)
    stranger.groups.set([Group.objects.get(name="admin"), Group.objects.get(name="west")])
    other, given = signed_in(stranger), Grant.objects.get()
    assert other.get(f"{GRANTS}{given.pk}/change/").status_code == 404
    assert "Claims" not in other.get(f"{GRANTS}add/").content.decode()
    assert "Claims" not in other.get(GRANTS).content.decode()


def test_a_grant_is_to_one_and_of_one(people, account) -> None:
    eve = people["eve"]
    both = {"person": eve, "team": account.group, "account": account}
    for wrong in ({"account": account}, {"person": eve}, both):
        with pytest.raises(IntegrityError), transaction.atomic():
            Grant.objects.create(**wrong)


def test_administrators_see_on_an_accounts_page_who_may_act_on_it(
    people: dict[str, User],
    account: ProviderAccount,
    own: ProviderAccount,
    grant: Callable[..., Grant],
) -> None:
    def told(who: User, which: ProviderAccount) -> list[list[str]]:
        page = Page(signed_in(who).get(f"/accounts/{which.pk}/"))
        return [[cell.text for cell in row.all("td")] for row in page.all("#access tbody tr")]

    wes = User.objects.create_user("wes")
    grant(wes, Level.OPERATE)
    grant(wes, Level.VIEW, to="team", of="team")
    root = User.objects.create_superuser("root")
    assert told(root, account) == [
        ["Team east", "see it; operators may also act", "owns the account"],
        ["wes", "see it and act", "grant"],
        ["Team west", "see it", "grant for every account of east"],
    ]
    assert told(root, own) == [["Team west", "see it; operators may also act", "owns the account"]]
    assert told(people["ana"], account) == []
