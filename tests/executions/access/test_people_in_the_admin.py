"""Roles in words: a person is added with what they may do, not with single permissions."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from executions.access.permissions import may_act, may_administer

pytestmark = pytest.mark.django_db

ADD = "/admin/auth/user/add/"


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def typed(name: str, **more: object) -> dict[str, object]:
    word = "made-up-password-1"
    return {
        "username": name, "usable_password": "true", "password1": word, "password2": word, **more,
    }  # fmt: skip


def changed(person: User, **more: object) -> dict[str, object]:
    joined = person.date_joined
    dates = {"date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}"}
    return {"username": person.username, "is_active": "on", **dates, **more}


@pytest.mark.parametrize(
    ("role", "acts", "administers"),
    [
        ("viewer", False, False),
        ("operator", True, False),
        ("admin", False, True),
        ("operator+admin", True, True),
    ],
)
def test_a_role_is_chosen_when_a_person_is_added(
    root: Client, role: str, acts: bool, administers: bool
) -> None:
    team = Group.objects.create(name="Finance")
    answer = root.post(ADD, typed("nia", role=role, teams=[team.pk]))
    assert answer.status_code == 302
    nia = User.objects.get(username="nia")
    assert (may_act(nia), may_administer(nia), nia.is_staff) == (acts, administers, administers)
    assert set(nia.groups.values_list("name", flat=True)) == {"Finance", *role.split("+")}
    form = root.get(f"/admin/auth/user/{nia.pk}/change/").context["adminform"].form
    assert form["role"].value() == role
    assert form["teams"].value() == [team.pk]


def test_the_roles_are_words_and_no_permission_is_asked_for(root: Client) -> None:
    page = root.get(ADD).content.decode()
    assert "Viewer: sees runs, questions and errors, and changes nothing" in page
    assert "permissions" not in page


def test_another_role_takes_the_place_of_the_one_before(root: Client) -> None:
    root.post(ADD, typed("nia", role="admin"))
    nia = User.objects.get(username="nia")
    page = f"/admin/auth/user/{nia.pk}/change/"
    assert root.post(page, changed(nia, role="viewer")).status_code == 302
    nia = User.objects.get(pk=nia.pk)
    assert (may_administer(nia), nia.is_staff) == (False, False)
    assert [group.name for group in nia.groups.all()] == ["viewer"]
    assert "Choose what this person may do." in root.post(page, changed(nia)).content.decode()


def test_a_superuser_needs_no_role(root: Client) -> None:
    boss = User.objects.get(username="root")
    page = f"/admin/auth/user/{boss.pk}/change/"
    assert root.post(page, changed(boss, is_superuser="on")).status_code == 302
    boss.refresh_from_db()
    assert (boss.is_superuser, boss.is_staff) == (True, True)
