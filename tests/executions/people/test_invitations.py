"""Invitations: a link that makes one person, once, in the role and the teams that it was made with;
and that tells nothing to who has none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.utils import timezone

from executions.access.permissions import may_act, may_administer
from executions.models import AuditEntry, Invitation
from executions.people import invitations
from tests.pages import Page

pytestmark = pytest.mark.django_db
HOME = "/people/invitations/"
PASSWORD = "a-word-of-her-own-7"


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    session = client.session
    session["proved"] = timezone.now().timestamp()
    session.save()
    return client


@pytest.fixture
def team(db: None) -> Group:
    return Group.objects.create(name="Claims")


def typed(**more: Any) -> dict[str, Any]:
    return {"username": "nia", "role": "operator", "lasts": "7", **more}


def invited(root: Client, **more: Any) -> str:
    """The path of the link that the page shows."""
    answer = root.post(HOME, typed(**more))
    assert answer.status_code == 201, answer.content
    return urlsplit(Page(answer).one("#secret").text).path


def accepted(path: str, password: str = PASSWORD, **more: str) -> Any:
    client = Client()
    words = {"new_password1": password, "new_password2": password, **more}
    return client, client.post(path, words)


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, Page(answer).one("main").text


def test_who_opens_the_link_chooses_a_password_and_is_signed_in_with_role_and_teams(root, team):
    path = invited(root, teams=[team.pk], email="nia@example.com")
    page = Page(Client().get(path))
    assert "signed in as nia" in page.one("main").text
    client, answer = accepted(path)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    nia = User.objects.get(username="nia")
    assert (may_act(nia), may_administer(nia), nia.is_staff) == (True, False, False)
    assert set(nia.groups.values_list("name", flat=True)) == {"operator", "Claims"}
    assert nia.email == "nia@example.com"
    again = Client()
    assert again.post("/sign-in/", {"username": "nia", "password": PASSWORD})["Location"] == "/"


def test_an_administrator_may_enter_the_administration(root):
    client, _ = accepted(invited(root, role="operator+admin"))
    nia = User.objects.get(username="nia")
    assert (may_act(nia), may_administer(nia)) == (True, True)
    assert client.get("/admin/").status_code == 200


def test_a_passkey_is_offered_next_without_proving_anything_again(root):
    client, answer = accepted(invited(root), passkey="")
    assert answer["Location"] == "/security/passkeys/creation/"
    assert client.get(answer["Location"]).status_code == 200


def test_the_link_works_once_and_looking_at_it_does_not_use_it_up(root):
    path = invited(root)
    assert [Client().get(path).status_code for _ in range(3)] == [200] * 3
    assert accepted(path)[1].status_code == 302
    assert accepted(path, "another-word-of-mine-8")[1].status_code == 403
    assert User.objects.filter(username__iexact="nia").count() == 1
    assert User.objects.get(username="nia").check_password(PASSWORD)


@pytest.mark.parametrize("password", ["short", "password123", ""])
def test_a_weak_password_is_refused_and_leaves_the_link_open(root, password):
    path = invited(root)
    _, answer = accepted(path, password)
    assert answer.status_code == 422
    assert Page(answer).has(".field-error")
    assert accepted(path)[1].status_code == 302


def test_only_a_hash_of_the_link_is_kept_and_the_page_shows_it_once(root):
    secret = invited(root).strip("/").rpartition("/")[2]
    row = Invitation.objects.get()
    assert secret not in str(Invitation.objects.values().get())
    assert len(row.hash) == 64
    assert secret not in root.get(HOME).content.decode()
    assert secret not in str(list(AuditEntry.objects.values()))


def test_every_link_that_opens_nothing_is_answered_in_the_same_words(root):
    links = {name: invited(root, username=name) for name in ("nia", "ben", "eve", "ida", "ola")}
    accepted(links["nia"])
    root.post(f"{HOME}{Invitation.objects.get(username='ben').pk}/revocation/")
    past = timezone.now() - timedelta(seconds=1)
    Invitation.objects.filter(username="eve").update(expires_at=past)
    User.objects.create_user("Ida")  # somebody else has the name by now
    User.objects.filter(username="root").update(is_active=False)  # who made them
    asked = [*links.values(), "/invitations/" + "x" * 43 + "/"]
    for act in (Client().get, lambda path: accepted(path)[1]):
        told = {refusal(act(path)) for path in asked}
        assert len(told) == 1, told
        assert told.pop()[0] == 403
    assert set(User.objects.values_list("username", flat=True)) == {"root", "nia", "Ida"}


def test_who_may_no_longer_add_people_has_given_away_nothing(root):
    path = invited(root)
    User.objects.filter(username="root").update(is_superuser=False)
    assert Client().get(path).status_code == 403
    assert "may not invite any more" in invitations.state_of(Invitation.objects.get())


def test_links_are_not_guessed_for_long_and_others_are_unaffected(root):
    path = invited(root)
    guess = "/invitations/{}/"
    for number in range(invitations.WRONG_LINKS):
        assert Client().get(guess.format(number)).status_code == 403
    limited = Client().get(path)
    assert limited.status_code == 429
    assert int(limited["Retry-After"]) > 0
    assert accepted(path)[1].status_code == 429
    assert Client(REMOTE_ADDR="203.0.113.9").get(path).status_code == 200


def test_a_name_is_invited_once_and_never_that_of_a_person(root):
    User.objects.create_user("Ben")
    invited(root)
    for name, why in (("NIA", "is invited already"), ("ben", "named ben already")):
        answer = root.post(HOME, typed(username=name))
        assert answer.status_code == 422
        assert why in Page(answer).one("main").text
    assert root.post(HOME, typed(username="a b")).status_code == 422
    assert Invitation.objects.count() == 1


def test_one_person_has_a_limited_number_of_open_invitations(root, monkeypatch):
    monkeypatch.setattr(invitations, "MOST", 2)
    for name in ("nia", "ben"):
        invited(root, username=name)
    assert "Revoke some first" in root.post(HOME, typed(username="eve")).content.decode()


def test_the_list_tells_what_became_of_each_and_the_audit_log_who_did_it(root, team):
    accepted(invited(root, teams=[team.pk]))
    invited(root, username="ben")
    root.post(f"{HOME}{Invitation.objects.get(username='ben').pk}/revocation/")
    invited(root, username="eve")
    rows = {row.text.split()[0]: row for row in Page(root.get(HOME)).all("tbody tr")}
    assert "accepted" in rows["nia"]
    assert "Claims" in rows["nia"]
    assert "revoked" in rows["ben"]
    assert "open for 6 d more" in rows["eve"]
    assert [bool(rows[name].all("form")) for name in ("nia", "ben", "eve")] == [False, False, True]
    told = AuditEntry.objects.order_by("pk").values_list("actor", "action")
    assert [each for each in told if "invit" in each[1]] == [
        ("root", "person.invited"),
        ("nia", "invitation.accepted"),
        ("root", "person.invited"),
        ("root", "invitation.revoked"),
        ("root", "person.invited"),
    ]
    detail = AuditEntry.objects.get(action="invitation.accepted").detail
    assert detail == {"invited by": "root", "role": "operator", "teams": "Claims"}


def test_somebody_who_adds_no_people_invites_nobody(client):
    person = User.objects.create_user("ana", is_staff=True)
    person.groups.add(Group.objects.get_or_create(name="admin")[0])
    client.force_login(person)
    assert client.get(HOME).status_code == 403
    assert client.post(HOME, typed()).status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="add_user"))
    assert client.get(HOME).status_code == 200


def test_who_made_one_proves_lately_who_they_are(client, settings):
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    session = client.session
    session["proved"] = 0
    session.save()
    assert client.post(HOME, typed()).status_code == 302
    assert not Invitation.objects.exists()


def test_without_passwords_nobody_is_invited_and_no_link_opens(root, settings):
    path = invited(root)
    settings.LOCAL_SIGN_IN = False
    assert "takes no passwords" in root.get(HOME).content.decode()
    assert root.post(HOME, typed(username="ben")).status_code == 422
    assert Client().get(path).status_code == 403
    assert accepted(path)[1].status_code == 403
    assert Invitation.objects.count() == 1


def test_a_browser_of_somebody_else_is_signed_out_first(root):
    path = invited(root)
    assert "signs that person out" in root.get(path).content.decode()
    root.post(path, {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert root.get("/").context["user"].get_username() == "nia"


def test_the_address_of_a_link_is_told_to_nobody(root):
    answer = Client().get(invited(root))
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_people_are_invited_from_the_page_of_the_people(root):
    assert Page(root.get("/admin/auth/user/")).link("Invite a person") == HOME
