"""The two letters of a provider are the same wherever a page shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executions.models import Execution
from providers import contract
from providers.contract import Status
from providers.models import ProviderAccount
from providers.registry import all_adapters
from tests.pages import Page

pytestmark = pytest.mark.django_db
RELEASE = contract.Choice(value="yes", label="Release")
APPROVAL = contract.Question(ref="q1", kind="approval", title="Release?", choices=(RELEASE,))


def at(client: Client, name: str) -> Page:
    return Page(client.get(reverse(f"executions:{name}")))


@pytest.mark.parametrize("provider", sorted(all_adapters()))
def test_list_and_inbox_show_the_same_letters_for_an_account(
    ana: Client, account: ProviderAccount, put: Callable[..., Execution], provider: Any
) -> None:
    put("waits", Status.USER_INPUT, steps=(), questions=(APPROVAL,), outputs=())
    ProviderAccount.objects.update(provider=provider)
    name = all_adapters()[provider].name
    in_list = at(ana, "list").one(f'[title="{name}"]').text
    in_inbox = at(ana, "inbox").one(f'[title="Claims, {name}"]').one("[aria-hidden]").text
    assert in_list
    assert in_list == in_inbox
