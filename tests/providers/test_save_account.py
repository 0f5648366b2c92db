"""Setting an account up: what a draft leaves on the row, and when polling begins anew."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from providers import account_switches, save_account
from providers.models import Health, ProviderAccount
from providers.save_account import AccountDraft, set_up
from providers.sealing import SealError

pytestmark = pytest.mark.django_db

HERE = "https://docs.example.com"
ELSEWHERE = "https://attacker.example.net"


def draft(
    url: str = HERE, key: str = "", provider: str = "smartflows", **rest: object
) -> AccountDraft:
    typed = {"api_key": key} if key else {}
    return AccountDraft(provider=provider, settings={"base_url": url}, credentials=typed, **rest)  # type: ignore[arg-type]


@pytest.fixture
def account() -> ProviderAccount:
    row = ProviderAccount(name="Documents")
    set_up(row, draft(key="first-secret"), by="ana")
    ProviderAccount.objects.filter(pk=row.pk).update(
        memory={"listing": "plain"}, covered_since=timezone.now()
    )
    return fresh(row)


def fresh(account: ProviderAccount) -> ProviderAccount:
    return ProviderAccount.objects.get(pk=account.pk)


def test_a_new_account_is_sealed_to_its_own_row_and_due_at_once(account: ProviderAccount) -> None:
    assert account.credentials() == {"api_key": "first-secret"}
    assert "first-secret" not in account.sealed_credentials
    assert account.health == Health.NEW
    assert account.next_poll_at <= timezone.now()
    other = ProviderAccount(name="Copy", provider="smartflows", pk=account.pk + 1)
    other.sealed_credentials = account.sealed_credentials
    with pytest.raises(SealError):
        other.credentials()


def test_an_empty_credential_keeps_the_stored_one(account: ProviderAccount) -> None:
    changes = set_up(account, draft(), by="vik")
    assert changes == []
    assert fresh(account).credentials() == {"api_key": "first-secret"}
    assert fresh(account).revision == 1
    assert fresh(account).credential_notes["api_key"]["by"] == "ana"


def test_a_new_address_forgets_the_stored_credentials(account: ProviderAccount) -> None:
    changes = set_up(account, draft(ELSEWHERE), by="eve")
    assert fresh(account).credentials() == {}
    assert fresh(account).credential_notes == {}
    assert "credentials.api_key removed" in [str(change) for change in changes]


def test_a_new_address_with_new_credentials_takes_those(account: ProviderAccount) -> None:
    set_up(account, draft(ELSEWHERE, key="second-secret"), by="ana")
    assert fresh(account).credentials() == {"api_key": "second-secret"}


def test_a_new_address_forgets_what_the_adapter_remembered(account: ProviderAccount) -> None:
    set_up(account, draft(ELSEWHERE, key="second-secret"), by="ana")
    assert fresh(account).memory == {}
    assert fresh(account).covered_since is None


def test_another_provider_forgets_the_stored_credentials(account: ProviderAccount) -> None:
    set_up(account, draft(provider="generio"), by="ana")
    assert fresh(account).credentials() == {}
    assert fresh(account).provider == "generio"


def test_a_test_of_a_new_address_never_uses_the_stored_credentials(
    account: ProviderAccount,
) -> None:
    assert save_account.trial_account(account, draft(ELSEWHERE)).credentials() == {}
    assert save_account.trial_account(account, draft()).credentials() == {"api_key": "first-secret"}


def test_a_change_of_credentials_lets_a_stopped_account_be_polled_again(
    account: ProviderAccount,
) -> None:
    later = timezone.now() + timedelta(hours=1)
    ProviderAccount.objects.filter(pk=account.pk).update(
        health=Health.AUTH, failures=3, last_error="refused", next_poll_at=later, lease_until=later
    )
    set_up(account, draft(key="second-secret"), by="ana")
    now = fresh(account)
    assert (now.health, now.failures, now.last_error) == (Health.NEW, 0, "")
    assert now.next_poll_at <= timezone.now()
    assert now.lease_until is None
    assert now.revision == 2


def test_a_new_name_alone_leaves_polling_as_it_is(account: ProviderAccount) -> None:
    later = timezone.now() + timedelta(hours=1)
    ProviderAccount.objects.filter(pk=account.pk).update(health=Health.FAILING, next_poll_at=later)
    account.name = "Papers"
    changes = set_up(account, draft(), by="ana")
    now = fresh(account)
    assert [str(change) for change in changes] == ["name: Documents -> Papers"]
    assert (now.name, now.health, now.next_poll_at) == ("Papers", Health.FAILING, later)
    assert now.revision == 1


def test_saving_does_not_undo_what_the_poller_wrote_meanwhile(account: ProviderAccount) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(poll_seq=41, memory={"listing": "sorted"})
    account.name = "Papers"
    set_up(account, draft(key="second-secret"), by="ana")
    assert fresh(account).poll_seq == 41
    assert fresh(account).memory == {"listing": "sorted"}


def test_a_removed_credential_is_gone(account: ProviderAccount) -> None:
    set_up(account, draft(removed=frozenset({"api_key"})), by="ana")
    assert fresh(account).sealed_credentials == ""
    assert fresh(account).credential_notes == {}


def test_changes_never_tell_a_secret(account: ProviderAccount) -> None:
    changes = set_up(account, draft(key="second-secret"), by="ana")
    assert [str(change) for change in changes] == ["credentials.api_key set"]
    assert "secret" not in repr(changes)


def test_credentials_that_no_longer_open_are_replaced_by_typing_new_ones(
    account: ProviderAccount,
) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(sealed_credentials="v1:broken")
    set_up(fresh(account), draft(key="second-secret"), by="ana")
    assert fresh(account).credentials() == {"api_key": "second-secret"}


def test_disabling_and_enabling_say_so_in_the_health(account: ProviderAccount) -> None:
    everyone = ProviderAccount.objects.all()
    assert account_switches.switch(everyone, on=False) == [account]
    assert fresh(account).health == Health.PAUSED
    assert account_switches.switch(everyone, on=False) == []
    account_switches.switch(everyone, on=True)
    assert fresh(account).health == Health.NEW


def test_poll_now_wakes_a_refused_account_and_is_debounced(account: ProviderAccount) -> None:
    later = timezone.now() + timedelta(hours=1)
    ProviderAccount.objects.filter(pk=account.pk).update(health=Health.AUTH, next_poll_at=later)
    assert account_switches.poll_soon(account)
    assert fresh(account).health == Health.NEW
    assert fresh(account).next_poll_at <= timezone.now()
    ProviderAccount.objects.filter(pk=account.pk).update(
        last_poll_at=timezone.now(), next_poll_at=later
    )
    assert not account_switches.poll_soon(account)
    assert fresh(account).next_poll_at == later
