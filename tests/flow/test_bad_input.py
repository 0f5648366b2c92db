"""Bad input of every kind: one clear sentence that names what it is about, nothing lost, and
everything else goes on."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse

from executions import tasks
from executions.models import Command, Execution, ExecutionDetail, Quarantine, Question, Rank
from executions.polling import read_queue, schedule
from providers.contract import Verb
from providers.demo.smartflows import scenarios
from providers.demo.smartflows.forms import Draft, Form, section
from providers.models import ProviderAccount
from tests.flow.conftest import Desk
from tests.pages import Page

HUGE = 100 * 2**20  # bytes
NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens there


# --------------------------------------------------------------------------------- what is broken


async def huge(request: Request) -> StreamingResponse:
    async def pieces() -> Any:
        yield b'{"flows": ["'
        for _ in range(HUGE // 2**20):
            yield b"a" * 2**20
        yield b'"]}'

    return StreamingResponse(pieces(), media_type="application/json")


FLOW = {
    "flow_id": "0123456789abcdef01234567",
    "template": "model_generate_fromprompt",
    "state": "running",
    "progress": 0.5,
    "created_at": "2026-11-22T08:00:00Z",
    "started_at": "2026-11-22T08:00:01Z",
    "finished_at": None,
}


async def twins(request: Request) -> JSONResponse:
    """The same id twice, with different words, and one flow that is alone."""
    other = {**FLOW, "flow_id": "f" * 24}
    return JSONResponse({"flows": [FLOW, {**FLOW, "progress": 0.75}, other], "templates": []})


@pytest.fixture
def healthy(open_desk: Callable[..., Desk]) -> Desk:
    """An account beside the broken one: whatever happens there, this one goes on."""
    desk = open_desk("generio", speed=1)
    desk.account.name = "Beside it"
    desk.account.save()
    return desk


def poll_all() -> None:
    """What one tick of the scheduler leads to."""
    ProviderAccount.objects.update(next_poll_at=timezone.now(), lease_until=None)
    for account, seq in schedule.claim_due():
        tasks.poll(account, seq)


def at_address(desk: Desk, url: str, **more: Any) -> ProviderAccount:
    desk.account.settings = {**desk.account.settings, "base_url": url, **more}
    desk.account.save()
    return desk.account


def text_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, path
    return unescape(answer.content.decode())


@pytest.fixture
def page(ana: Any) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def wrong_key(desk: Desk, served: Any) -> None:
    desk.account.set_credentials({"api_key": "not-the-right-key"}, by="test")
    desk.account.save()


def wrong_path(desk: Desk, served: Any) -> None:
    at_address(desk, f"{desk.sim.base_url}/elsewhere")


def unreachable(desk: Desk, served: Any) -> None:
    at_address(desk, NOWHERE)


def html(desk: Desk, served: Any) -> None:
    desk.sim.fault("html")


def hundred_megabytes(desk: Desk, served: Any) -> None:
    at_address(desk, served(huge))


@pytest.mark.parametrize(
    ("key", "spoil", "health", "sentence"),
    [
        ("smartflows", wrong_key, "auth", "answered 401"),
        ("eightx8", wrong_key, "auth", "answered 401"),
        ("generio", wrong_key, "auth", "answered 401"),
        ("flow8", wrong_key, "auth", "answered 401"),
        ("smartflows", wrong_path, "failing", "404"),
        ("flow8", unreachable, "failing", "127.0.0.1"),
        ("eightx8", html, "failing", "answered with a web page, not data"),
        ("smartflows", hundred_megabytes, "failing", "MiB"),
    ],
)
def test_a_bad_answer_is_told_at_its_account_and_the_others_go_on(
    open_desk, healthy, served, page, key, spoil, health, sentence
):
    desk = open_desk(key, speed=1)
    spoil(desk, served)
    ref = healthy.begin("long_running")
    poll_all()
    desk.account.refresh_from_db()
    assert desk.account.health == health
    cause = desk.account.last_error
    assert sentence in cause
    assert "not-the-right-key" not in cause
    told = text_of(page, f"/accounts/{desk.account.pk}/")
    assert desk.account.name in told
    assert cause in told
    assert desk.account.name in text_of(page, "/")
    assert healthy.status(ref) in ("queued", "running")
    healthy.account.refresh_from_db()
    assert healthy.account.health == "ok"


# ------------------------------------------------------------------------------------ odd records


@pytest.mark.parametrize("variant", ["quantum", "nameless", "far", "bare"])
def test_an_odd_record_is_shown_or_set_aside_and_the_rest_is_stored(open_desk, page, variant):
    """An unknown status with an absurd time, a NUL byte in names, years out of reach, and a row
    with hardly a field."""
    desk = open_desk("smartflows", speed=1, filter="refuse")  # the plain list hides nothing
    odd = desk.begin("absurd", variant=variant)
    good = desk.begin("waiting_esign")
    desk.poll_until(lambda: desk.status(good))
    assert desk.account.health == "ok"
    run = Execution.objects.filter(ref=odd).first()
    aside = Quarantine.objects.filter(ref=odd).first()
    assert (run is None) != (aside is None)
    told = text_of(page, f"/executions/{run.pk}/" if run else f"/accounts/{desk.account.pk}/")
    assert odd in told
    assert "\0" not in told
    assert aside is None or aside.reason in told
    assert good in text_of(page, "/")


def test_a_run_whose_workflow_has_no_identifier_is_set_aside(open_desk, page, monkeypatch):
    monkeypatch.setitem(scenarios.ODD, "numbered", {"flow": {"id": {"en": "f1"}}})
    desk = open_desk("smartflows", speed=1, filter="refuse")
    odd = desk.begin("absurd", variant="numbered")
    good = desk.begin("waiting_esign")
    desk.poll_until(lambda: desk.status(good))
    assert desk.account.health == "ok"
    assert desk.account.failures == 0
    assert "Workflow.ref is no text but dict" in Quarantine.objects.get(ref=odd).reason
    assert odd in text_of(page, f"/accounts/{desk.account.pk}/")


@pytest.mark.fault("D3")
def test_an_unknown_status_is_kept_in_the_providers_word(open_desk, page, monkeypatch):
    monkeypatch.setitem(scenarios.ODD, "quantum", {"status": "Quantum"})
    desk = open_desk("smartflows", speed=1)
    ref = desk.begin("absurd", variant="quantum")
    desk.poll_until(lambda: desk.status(ref))
    run = desk.run(ref)
    assert (run.status, run.native_status) == ("unknown", "Quantum")
    assert "The provider says Quantum" in Page(page.get(f"/executions/{run.pk}/"))


@pytest.mark.fault("D1")
def test_of_two_records_with_one_id_the_first_is_stored_once(open_desk, served):
    desk = open_desk("generio")
    at_address(desk, served(twins))
    desk.poll()
    stored = dict(Execution.objects.values_list("ref", "progress"))
    assert stored.keys() == {FLOW["flow_id"], "f" * 24}
    assert Execution.objects.get(ref=FLOW["flow_id"]).transitions.count() == 1


# ------------------------------------------------------------------------------------------ forms


def secret_form(chance: Any, answers: list[dict[str, Any]]) -> Form:
    """A password, a file and a choice that draws the form again."""
    draft = Draft(chance)
    choice = draft.field("Kind", "select", "a", type="string", enum=["a", "b"])
    more = {"condition": f"model['{choice['key']}'] === 'b'"}
    return draft.finish(
        section(
            "Access",
            draft.field("Portal password", "password"),
            draft.field("Scan", "fileupload", type="string", format="data-url"),
            draft.field("Untouched"),
            choice,
            draft.field("Why b", shown=more),
        )
    )


@pytest.fixture
def asked(open_desk, monkeypatch) -> Callable[..., tuple[Desk, Question]]:
    """A desk with a run that asks a person."""

    def ask(scenario: str, speed: float = 20, **options: Any) -> tuple[Desk, Question]:
        desk = open_desk("smartflows", speed=speed)
        ref = desk.begin(scenario, **options)
        return desk, desk.poll_until(lambda: desk.open_question(ref))

    def secret_asking(seconds: float = 1200.0) -> Any:
        return scenarios.asking(secret_form, seconds=seconds)

    monkeypatch.setitem(scenarios.SCENARIOS, "secret_form", secret_asking)
    return ask


def form_of(client: Client, question: Question) -> dict[str, str]:
    """What a browser would post from the question's page."""
    return Page(client.get(f"/questions/{question.pk}/")).answer_form.posted()


def field_called(client: Client, question: Question, title: str) -> str:
    return Page(client.get(f"/questions/{question.pk}/")).answer_form.field(title)


def test_a_form_nobody_can_read_is_left_to_the_provider_with_what_it_sent(asked, page):
    _, question = asked("unparsable_form")
    told = text_of(page, f"/questions/{question.pk}/")
    assert "answer it at the provider" in told.lower()
    assert "<<< not a schema" in told
    assert "Send answer" not in told
    refused = page.post(f"/questions/{question.pk}/answer/", {"x": "1"})
    assert refused.status_code == 409
    assert not Command.objects.exists()


@pytest.mark.fault("C3")
def test_an_answer_to_a_form_answered_elsewhere_stays_on_the_page(asked, page):
    desk, question = asked("one_round_form")
    city = field_called(page, question, "City")
    typed = {**form_of(page, question), city: "Trondheim, Olav Tryggvasons gate 5"}
    desk.sim.world.runs[question.execution.ref].answer({})  # in the vendor's own panel
    desk.poll_until(lambda: desk.open_question(question.execution.ref) is None)
    answer = page.post(f"/questions/{question.pk}/answer/", typed)
    told = unescape(answer.content.decode())
    assert answer.status_code == 409
    assert "answered elsewhere" in told
    assert "Trondheim, Olav Tryggvasons gate 5" in told
    assert f"/executions/{question.execution_id}/" in told
    assert not Command.objects.exists()


@pytest.mark.fault("C3", "H4")
def test_an_answer_that_crosses_another_one_is_refused_by_the_provider_and_kept(asked, page):
    desk, question = asked("one_round_form")
    city = field_called(page, question, "City")
    typed = {**form_of(page, question), city: "Trondheim"}
    desk.sim.world.runs[question.execution.ref].answer({})
    page.post(f"/questions/{question.pk}/answer/", typed)  # no poll has told us yet
    command = Command.objects.get()
    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert command.state == "rejected"
    assert command.message.startswith("Answered elsewhere or closed: the run is now ")
    told = text_of(page, f"/questions/{question.pk}/")
    assert "answered elsewhere" in told
    assert "Trondheim" in told
    assert command.message in text_of(page, f"/executions/{question.execution_id}/")
    assert "answer" not in desk.sim.effects


def test_an_answer_names_every_property_where_the_provider_blanks_what_is_left_out(asked, page):
    desk, question = asked("secret_form")
    page.post(f"/questions/{question.pk}/answer/", form_of(page, question))
    tasks.carry_out(str(Command.objects.get().pk))
    sent = desk.sim.effects["answer"][0]["values"]
    assert sent.keys() == question.schema["properties"].keys()


def test_a_file_chosen_before_the_form_was_drawn_again_is_sent(asked, page):
    desk, question = asked("secret_form")
    scan = field_called(page, question, "Scan")
    path = f"/questions/{question.pk}/"
    typed = form_of(page, question)
    upload = SimpleUploadedFile("scan.png", b"sixteen tons of coal", "image/png")
    redrawn = page.post(f"{path}draft/", {**typed, scan: upload, "_redraw": "1"})
    assert redrawn.status_code == 200
    page.post(f"{path}answer/", typed)
    tasks.carry_out(str(Command.objects.get().pk))
    content = base64.b64encode(b"sixteen tons of coal").decode()
    assert f"data:image/png;base64,{content}" in desk.sim.effects["answer"][0]["values"].values()


def test_a_secret_answer_is_sent_and_shown_nowhere(asked, page):
    desk, question = asked("secret_form")
    password = 'open "sesame" 4711'
    typed = {**form_of(page, question), field_called(page, question, "Portal password"): password}
    path = f"/questions/{question.pk}/"
    assert b"sesame" not in page.post(f"{path}draft/", typed).content
    assert "sesame" not in text_of(page, path)
    page.post(f"{path}answer/", typed)
    tasks.carry_out(str(Command.objects.get().pk))
    assert password in desk.sim.effects["answer"][0]["values"].values()
    ref = question.execution.ref
    desk.poll_until(lambda: desk.status(ref) == "succeeded")
    # The provider repeats the answer among the stages of the run; it is not stored.
    assert "sesame" in str(desk.sim.world.runs[ref].details())
    read_queue.ask([question.execution_id], Rank.PERSON)
    tasks.read_due(desk.account.pk)
    stored = ExecutionDetail.objects.get(pk=question.execution_id)
    assert "sesame" not in str([stored.raw, stored.input, stored.output])
    assert "[redacted]" in str(stored.raw)
    run = f"/executions/{question.execution_id}/"
    for address in (path, run, f"{run}raw.json", "/inbox/"):
        assert b"sesame" not in page.get(address).content, address


@pytest.mark.parametrize("password", ["2026", "true", "null", "running", '", "status": "x'])
def test_a_secret_that_looks_like_something_else_breaks_no_run(asked, page, password):
    desk, question = asked("secret_form")
    other = desk.begin("quick_success")
    typed = {**form_of(page, question), field_called(page, question, "Portal password"): password}
    page.post(f"/questions/{question.pk}/answer/", typed)
    tasks.carry_out(str(Command.objects.get().pk))
    ref = question.execution.ref
    desk.poll_until(lambda: desk.status(ref) == desk.status(other) == "succeeded")
    read_queue.ask([question.execution_id], Rank.PERSON)
    tasks.read_due(desk.account.pk)
    run = desk.run(ref)
    assert (run.started_at, run.finished_at) > (timezone.now() - timedelta(days=1),) * 2
    assert "[redacted]" not in run.ref + run.native_status + run.workflow.name
    raw = str(ExecutionDetail.objects.get(pk=run.pk).raw)
    assert "[redacted]" in raw
    assert f"'{password}'" not in raw
    assert not Quarantine.objects.exists()


def test_what_the_provider_says_of_an_answer_stands_at_its_field(asked, page):
    _, question = asked("one_round_form")
    name = field_called(page, question, "City")
    page.post(f"/questions/{question.pk}/answer/", {**form_of(page, question), name: "Atlantis"})
    key = next(key for key, value in question.model.items() if value == "Oslo")
    Command.objects.update(  # as a provider with complaints by field leaves it
        state="rejected", message="The answer was refused.", fields={key: "no such city"}
    )
    told = Page(page.get(f"/questions/{question.pk}/"))
    assert "The answer was refused." in told
    assert told.value(name) == "Atlantis"
    described = told.one(f"[name='{name}']")["aria-describedby"].split()
    assert any("no such city" in each for ref in described for each in told.all(f"[id='{ref}']"))
    assert "Send answer" in told


# --------------------------------------------------------------------------------- second thoughts


@pytest.mark.fault("C1")
def test_a_second_cancel_is_the_first_and_a_late_one_is_refused_in_words(open_desk, page):
    desk = open_desk("generio")
    ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(ref) == "running")
    path = f"/executions/{desk.run(ref).pk}/"
    for _ in range(2):
        assert page.post(f"{path}cancellation/").status_code == 302
    command = Command.objects.get()
    tasks.carry_out(str(command.pk))
    desk.poll_until(lambda: desk.status(ref) == "canceled")
    answer = page.post(f"{path}cancellation/", follow=True)
    assert "It has already ended (canceled)." in unescape(answer.content.decode())
    assert Command.objects.count() == 1
    assert len(desk.sim.effects["cancel"]) == 1


@pytest.mark.fault("C9")
def test_a_cancel_that_meets_an_ended_run_is_rejected_in_the_providers_words(open_desk, page):
    desk = open_desk("generio", speed=5)
    ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(ref) and desk.run(ref).native_status == "running")
    command = desk.ask(ref, Verb.CANCEL)
    desk.sim.world.runs[ref].proceed()  # it ends before we get there
    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert command.state == "rejected"
    assert "completed" in command.message
    assert command.message in text_of(page, f"/executions/{desk.run(ref).pk}/")


# ---------------------------------------------------------------------------------- accounts file

BAD_FILE = """\
accounts:
  - name: Good one
    provider: generio
    settings: {base_url: "http://127.0.0.1:8103"}
    credentials: {api_key: "k-4711"}
  - name: Test smartflows
    provider: smartflows
    settings:
      base_url: ftp://docs.example.com
    credentials:
      api_key: env:NO_SUCH_VARIABLE
  - name: Third
    provider: nobody
"""


def test_an_invalid_accounts_file_names_line_and_field_and_applies_nothing(open_desk, tmp_path):
    desk = open_desk("smartflows")
    before = list(ProviderAccount.objects.values())
    path = tmp_path / "accounts.yaml"
    path.write_text(BAD_FILE)
    with pytest.raises(CommandError) as refused:
        call_command("accounts", "apply", str(path))
    told = str(refused.value)
    assert "nothing has changed" in told
    assert re.search(r"line 9: .*Test smartflows.*settings\.base_url: .*https://", told)
    assert re.search(r"line 11: .*credentials\.api_key: .*NO_SUCH_VARIABLE is not set", told)
    assert re.search(r"line 13: .*Third.*provider: it must be one of", told)
    assert list(ProviderAccount.objects.values()) == before
    assert desk.poll().health == "ok"


@pytest.mark.fault("D5")
@pytest.mark.parametrize(
    "odd",
    ["2026-11-22T24:00:00Z", "2026-11-22T08:00:60Z", 1_795_334_400_000, 1_795_334_400_000_000,
     "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "12026-01-01T00:00:00Z", 10**30, [1]],
)  # fmt: skip
def test_a_run_with_an_odd_time_is_stored_and_what_is_left_out_is_noted(
    open_desk, served, page, odd
):
    async def odd_times(request: Request) -> JSONResponse:
        flow = {**FLOW, "started_at": odd, "finished_at": odd}
        is_one = request.url.path.endswith(FLOW["flow_id"])
        return JSONResponse(flow if is_one else {"flows": [flow], "templates": []})

    desk = open_desk("generio")
    at_address(desk, served(odd_times))
    desk.poll()
    assert not Quarantine.objects.exists()
    run = desk.run(FLOW["flow_id"])
    if run.started_at is None:
        tasks.read_due(desk.account.pk)
        shown = text_of(page, f"/executions/{run.pk}/")
        assert "could not be stored as sent" in shown
    else:
        assert run.started_at.year in (2026, 2025)
