"""Guessing passwords: who is held up by it, who is not, and what they are told."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.sign_in_limits import ClientAddressMiddleware
from executions.models import AuditEntry

pytestmark = pytest.mark.django_db
RIGHT = "the-right-password"


@pytest.fixture(autouse=True)
def ana(db: None) -> User:
    return User.objects.create_user("ana", password=RIGHT)


@pytest.fixture
def behind_proxy(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.1/32"]


def attempt(
    password: str,
    name: str = "ana",
    address: str = "203.0.113.1",
    **more: Any,
) -> Any:
    answer = Client(REMOTE_ADDR=address, **more).post(
        "/sign-in/", {"username": name, "password": password}
    )
    return answer


def is_in(answer: Any) -> bool:
    return bool(answer.status_code == 302 and "_auth_user_id" in answer.client.session)


def test_five_guesses_lock_the_guesser_and_nobody_else() -> None:
    codes = [attempt(f"guess {n}").status_code for n in range(5)]
    assert codes == [200, 200, 200, 200, 429]
    assert attempt(RIGHT).status_code == 429
    assert is_in(attempt(RIGHT, address="203.0.113.2"))


def test_the_page_says_when_to_try_again_and_then_it_works() -> None:
    for n in range(5):
        answer = attempt(f"guess {n}")
    page = answer.content.decode()
    told = re.search(r"Try again at ([\w :,]+?\d\d:\d\d)", page)
    assert told, page
    wait = int(answer["Retry-After"])
    assert 0 < wait <= 15 * 60
    due = timezone.now() + timedelta(seconds=wait)
    assert told[1].endswith(f"{due:%H:%M}"[:4] + told[1][-1])
    long_ago = timezone.now() - timedelta(minutes=15, seconds=1)
    AccessAttempt.objects.update(attempt_time=long_ago)
    assert is_in(attempt(RIGHT))


def test_what_is_tried_during_a_lock_does_not_make_it_longer() -> None:
    for n in range(5):
        attempt(f"guess {n}")
    before = AccessAttempt.objects.get().attempt_time
    for n in range(5):
        attempt(f"more {n}")
    assert AccessAttempt.objects.get().attempt_time == before
    assert isinstance(before, datetime)


def test_a_lock_is_one_entry_of_the_audit_log() -> None:
    for n in range(9):
        attempt(f"guess {n}")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("sign-in.limited", "user:ana")
    assert entry.address == "203.0.113.1"
    assert "guess" not in str(entry.detail)


def test_of_ten_thousand_guesses_from_one_address_twenty_are_checked() -> None:
    """As many are tried as are needed to see that no more are taken."""
    with mock.patch("django.contrib.auth.hashers.check_password", wraps=check_password) as checked:
        codes = [attempt("guess", name=f"user-{n % 60}").status_code for n in range(120)]
    assert codes.count(429) >= 100
    assert checked.call_count <= 20
    assert is_in(attempt(RIGHT, address="203.0.113.2"))


def test_a_name_guessed_from_everywhere_stays_open_where_its_person_has_signed_in() -> None:
    assert is_in(attempt(RIGHT, address="198.51.100.7"))
    codes = [attempt("guess", address=f"203.0.113.{n}").status_code for n in range(1, 60)]
    assert codes.count(200) <= 20
    assert is_in(attempt(RIGHT, address="198.51.100.7"))
    elsewhere = attempt(RIGHT, address="192.0.2.9")
    assert elsewhere.status_code == 429
    assert int(elsewhere["Retry-After"]) <= 30
    assert "guessed from many places" in elsewhere.content.decode()
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(seconds=31))
    assert is_in(attempt(RIGHT, address="192.0.2.9"))


def test_a_forged_header_is_no_other_address() -> None:
    codes = [
        attempt("guess", HTTP_X_FORWARDED_FOR=f"198.51.100.{n}").status_code for n in range(10)
    ]
    assert codes == [200] * 4 + [429] * 6


@pytest.mark.usefixtures("behind_proxy")
def test_behind_a_proxy_people_have_addresses_of_their_own() -> None:
    proxy = "10.0.0.1"

    def seen(forwarded: str) -> int:
        return int(attempt("guess", address=proxy, HTTP_X_FORWARDED_FOR=forwarded).status_code)

    assert [seen(f"198.51.100.{n}, 203.0.113.1") for n in range(6)] == [200] * 4 + [429] * 2
    assert seen("203.0.113.2") == 200
    entry = AuditEntry.objects.get()
    assert entry.address == "203.0.113.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.1", "203.0.113.1"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.1, 10.0.0.1", "203.0.113.1"),
        ("10.0.0.1", "6.6.6.6, rubbish", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("203.0.113.9", "6.6.6.6", "203.0.113.9"),
        ("", "6.6.6.6", ""),
    ],
)
@pytest.mark.usefixtures("behind_proxy")
def test_only_what_a_trusted_proxy_has_added_counts(peer: str, forwarded: str, client: str) -> None:
    assert ClientAddressMiddleware(mock.Mock())._client(peer, forwarded) == client
