"""What a provider says is well-formed and still misleads: two accounts that use one identifier, a
clock that is off, a list that moves while it is read, a run that changes after its end."""

from __future__ import annotations

import email.utils
import re
import time
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

from executions import tasks
from executions.models import Execution, Transition
from tests.flow.trouble import Asked, Trouble, answer, flow


def status_of(trouble: Trouble, ref: str) -> str:
    return Execution.objects.get(account=trouble.account, ref=ref).status


@pytest.mark.fault("D2")
def test_one_identifier_in_two_accounts_is_two_runs(trouble: Trouble) -> None:
    trouble.provider.flows["a"] = flow("a", "created")
    trouble.poll()
    found = dict(Execution.objects.filter(ref="a").values_list("account__name", "status"))
    assert found == {"In trouble": "queued", "Beside it": "running"}
    shown = trouble.client.get("/?q=a").content.decode()
    assert "In trouble" in shown
    assert "Beside it" in shown


@pytest.mark.fault("D6")
@pytest.mark.parametrize(("hours", "way"), [(3, "ahead of"), (-3, "behind")])
def test_a_provider_whose_clock_is_off_is_told_and_its_runs_never_took_negative_time(
    trouble: Trouble, hours: int, way: str
) -> None:
    there = time.time() + hours * 3600
    trouble.provider.flows["a"] = flow("a") | {"started_at": email.utils.formatdate(there)}
    trouble.provider.flows["b"] = flow("b", "failed", error="x") | {
        "started_at": stamp(there - 60), "finished_at": stamp(there)
    }  # fmt: skip
    trouble.provider.flows["c"] = flow("c") | {"started_at": stamp(there)}
    plain = trouble.provider.reply
    trouble.provider.reply = lambda asked: plain(asked).replace(  # type: ignore[method-assign]
        b"\r\n", f"\r\nDate: {email.utils.formatdate(there, usegmt=True)}\r\n".encode(), 1
    )
    trouble.poll()
    assert trouble.account.clock_skew == pytest.approx(hours * 3600, abs=5)
    said = rf"The provider's clock is (2 h 59|3 h 00) m {way} ours\."
    assert re.search(said, unescape(trouble.page()))
    for ref in "bc":
        run = Execution.objects.get(account=trouble.account, ref=ref)
        shown = trouble.client.get(f"/executions/{run.pk}/").content.decode()
        assert not re.search(r">\s*-\d+ [smhd]", shown)
    assert Execution.objects.filter(account=trouble.account).count() == 3


def stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(at))


@pytest.mark.fault("D9")
def test_a_list_that_moves_while_it_is_read_loses_and_doubles_no_run(trouble: Trouble) -> None:
    """Pages by offset: between the two of them a new run comes in front, or one goes."""
    rows = [flow(ref) for ref in "abcdef"]
    plain = trouble.provider.reply

    def paged(asked: Asked) -> bytes:
        place = urlsplit(asked.path)
        if place.path != "/flows":
            return plain(asked)
        offset = int(dict(parse_qsl(place.query)).get("offset", 0))
        body = answer({"flows": rows[offset : offset + 3], "total": len(rows)})
        move()
        return body

    def arrives() -> None:
        rows.insert(0, flow(f"new-{len(rows)}"))

    def goes() -> None:
        rows.pop(0)

    trouble.provider.reply = paged  # type: ignore[method-assign]
    trouble.provider.flows = {ref: flow(ref) for ref in "abcdef"}
    for move in (arrives, goes):  # noqa: B007 - `paged` calls it
        for _ in range(3):
            trouble.poll()
            assert trouble.account.health == "ok"
        refs = list(Execution.objects.filter(account=trouble.account).values_list("ref", flat=True))
        assert len(refs) == len(set(refs))
        assert set("abcdef") <= set(refs)
        assert not Execution.objects.exclude(missing_since=None).filter(ref__in="abcdef").exists()
    doubled = Transition.objects.filter(execution__ref__in="abcdef").count()
    assert doubled == Execution.objects.filter(ref__in="abcdef").count()


@pytest.mark.fault("D13")
def test_a_run_that_changes_after_its_end_is_changed_without_a_change_of_its_status(
    trouble: Trouble,
) -> None:
    trouble.provider.flows["a"] = flow("a", "failed", error="disk full")
    trouble.poll()
    run = Execution.objects.get(account=trouble.account, ref="a")
    assert (run.status, run.error_summary) == ("failed", "disk full")
    moves, version = Transition.objects.filter(execution=run).count(), run.version
    trouble.provider.flows["a"] = flow("a", "failed", error="disk full on node 7")
    tasks.read_ref(trouble.account.pk, "a")  # as a page that is opened asks for it
    run.refresh_from_db()
    assert run.error_summary == "disk full on node 7"
    assert run.version > version
    assert Transition.objects.filter(execution=run).count() == moves
