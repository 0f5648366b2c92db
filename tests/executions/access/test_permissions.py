"""Who may not act is told so in one sentence; who is no longer there has one name."""

from __future__ import annotations

import pytest

from executions.access import api_tokens
from executions.access.permissions import LOOK_ONLY
from executions.display.people import DELETED_USER
from executions.models import Note

pytestmark = pytest.mark.django_db


def test_every_act_is_refused_to_a_viewer(vik, put, question) -> None:
    run = put("r1")
    addresses = [
        *(f"/executions/{run.pk}/{noun}/" for noun in ("cancellation", "suspension", "notes")),
        *(f"/questions/{question.pk}/{noun}/" for noun in ("answer", "claim", "release")),
        f"/workflows/{run.workflow_id}/notes/",
        "/errors/0123456789abcdef/acknowledgement/",
        "/batches/creation/",
        "/notices/mutes/",
    ]
    found = {address: vik.post(address, {"text": "x"}).status_code for address in addresses}
    assert found == dict.fromkeys(addresses, 403)


def test_the_api_says_why(people, client, put) -> None:
    token = api_tokens.issue(people["vik"])
    answer = client.post(
        f"/api/v1/executions/{put('r1').pk}/commands",
        {"kind": "cancel"},
        "application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, answer.json()["message"]) == (403, LOOK_ONLY)


def test_a_deleted_user_has_the_same_name_on_every_page(ana, vik, people, put, account) -> None:
    run = put("r1")
    ana.post(f"/executions/{run.pk}/cancellation/", {"reason": "broken input"})
    ana.post(f"/executions/{run.pk}/notes/", {"text": "Restarted by hand"})
    assert Note.objects.count() == 1
    people["ana"].delete()
    pages = [f"/executions/{run.pk}/", "/", "/shift/"]
    assert {page: DELETED_USER in vik.get(page).content.decode() for page in pages} == (
        dict.fromkeys(pages, True)
    )
