"""Example alerts and dashboard read what /metrics says; a line of the log names what was being done
and no credential."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from django.contrib.auth.models import User
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from config import log_context
from config.log_lines import JsonLine, Line
from executions import database_clock, tasks
from executions.live import process_figures, publish
from executions.models import Command, PollRun
from providers import redaction
from providers.models import Health, ProviderAccount

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "operate"
ALERTS = yaml.safe_load((DOCS / "monitoring" / "alerts.yml").read_text("utf-8"))
DASHBOARD = json.loads((DOCS / "monitoring" / "dashboard.json").read_text("utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS = [
    (panel["title"], each["expr"]) for panel in DASHBOARD["panels"] for each in panel["targets"]
]
OTHERS = {"up": {"job"}}  # what Prometheus itself knows
KEY = "planted key/4711+x="


@pytest.fixture
def account(db: None) -> ProviderAccount:
    now = database_clock.now()
    part = {"name": "scheduler", "is_well": True, "message": "", "since": now.isoformat(),
            "seen_at": None}  # fmt: skip
    return ProviderAccount.objects.create(
        name="Claims", provider="generio", health=Health.OK, last_success_at=now, next_poll_at=now,
        poll_warnings={"engine": {"looked_at": now.isoformat(), "parts": [part]}},
    )  # fmt: skip


@pytest.fixture
def figures(account: ProviderAccount, client: Client) -> Iterator[dict[str, list[dict[str, str]]]]:
    """Labels of the samples of every figure, with something of everything there."""
    now = database_clock.now()
    PollRun.objects.bulk_create(
        [
            PollRun(
                account=account, id=1, poll_seq=1, outcome="ok",
                started_at=now - timedelta(seconds=4), finished_at=now,
            )
        ]
    )  # fmt: skip
    process_figures.say(**{database_clock.AHEAD: 0.2}, streams=3)
    answer = client.get("/metrics").content.decode()
    families = text_string_to_metric_families(answer)
    yield {family.name: [sample.labels for sample in family.samples] for family in families}
    for key in publish.client().scan_iter(match=f"{process_figures.KEY}:*"):
        publish.client().delete(key)


def selectors(expression: Any) -> Iterator[Any]:
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if (part := getattr(expression, name, None)) is not None:
            yield from selectors(part)
    for part in getattr(expression, "args", None) or ():
        yield from selectors(part)


def check(expression: str, figures: dict[str, list[dict[str, str]]]) -> None:
    found = list(selectors(promql_parser.parse(expression)))
    assert found, expression
    for each in found:
        if each.name in OTHERS:
            continue
        assert each.name in figures, f"{each.name} is no figure of /metrics"
        for matcher in each.matchers.matchers:
            values = {labels.get(matcher.name) for labels in figures[each.name]}
            assert values != {None}, f"{each.name} has no label {matcher.name}"
            if matcher.name not in ("name", "outcome"):  # of these, any may be there
                assert any(re.fullmatch(matcher.value, value or "") for value in values), matcher


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_example_alert_asks_for_what_there_is_and_says_what_to_do(rule, figures):
    check(rule["expr"], figures)
    assert rule["labels"]["severity"] in ("page", "ticket")
    told = rule["annotations"]["summary"]
    labels = {name for each in selectors(promql_parser.parse(rule["expr"]))
              for one in figures.get(each.name, []) for name in one}  # fmt: skip
    assert set(re.findall(r"\$labels\.(\w+)", told)) <= labels
    runbook = (DOCS / "monitoring.md").read_text("utf-8")
    assert f"\n### {rule['alert']}\n" in runbook


def test_the_runbook_knows_no_other_alerts():
    runbook = (DOCS / "monitoring.md").read_text("utf-8")
    headings = re.findall(r"^### (\w+)$", runbook, re.MULTILINE)
    assert headings == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize(("title", "expression"), PANELS)
def test_the_dashboard_asks_for_what_there_is(title, expression, figures):
    check(expression, figures)


def test_figures_name_accounts_only_to_who_has_the_token(account, client, settings):
    number = f'account="{account.pk}"'
    open_to_all = client.get("/metrics").content.decode()
    assert number in open_to_all
    assert "Claims" not in open_to_all
    settings.ANNUNCIATOR_METRICS_TOKEN = "a token of some length"
    assert client.get("/metrics").status_code == 401
    wrong = client.get("/metrics", headers={"authorization": "Bearer another"})
    assert (wrong.status_code, "Claims" in wrong.content.decode()) == (401, False)
    right = client.get("/metrics", headers={"authorization": "Bearer a token of some length"})
    assert (right.status_code, 'account="Claims"' in right.content.decode()) == (200, True)


def test_what_has_waited_longest_is_told_by_its_age(account, client):
    ana = User.objects.create_user("ana")
    since = database_clock.now() - timedelta(minutes=5)
    for state, ref in (("pending", "a"), ("pending", "b"), ("unknown", "c")):
        Command.objects.create(
            kind="cancel", account=account, target=f"run:{ref}", requested_by=ana, state=state,
            requested_at=since if ref == "a" else database_clock.now(),
        )  # fmt: skip
    ProviderAccount.objects.update(next_poll_at=since)
    found = {
        (sample.name.removeprefix("annunciator_"), sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").content.decode())
        for sample in family.samples
    }
    assert found["commands_open", "pending"] == 2
    assert 300 <= found["commands_oldest_seconds", "pending"] < 360
    assert found["commands_oldest_seconds", "unknown"] < 60
    assert found["commands_oldest_seconds", "sending"] == 0
    assert 300 <= found["account_poll_lag_seconds", None] < 360


# -------------------------------------------------------------------------------------------- logs


def record(message: str, *args: Any, error: Exception | None = None) -> logging.LogRecord:
    given = (type(error), error, None) if error else None
    return logging.LogRecord("executions.test", logging.WARNING, "", 1, message, args, given)


@pytest.fixture
def json_line() -> logging.Formatter:
    from django.conf import settings

    given = dict(settings.LOGGING["formatters"]["json"])
    assert given.pop("()") == "config.log_lines.JsonLine"
    return JsonLine(**given)


def test_a_line_of_json_says_what_was_being_done(json_line):
    with log_context.about(request="proxy-17"), log_context.about(account=3, poll=41):
        told = json.loads(json_line.format(record("account %s is %s", "Claims", "failing")))
    assert told.pop("timestamp")
    assert told == {
        "level": "WARNING", "logger": "executions.test", "message": "account Claims is failing",
        "request": "proxy-17", "account": 3, "poll": 41,
    }  # fmt: skip
    assert "poll" not in json.loads(json_line.format(record("later")))


def test_a_line_of_a_worker_names_its_task_and_what_it_is_about(json_line, monkeypatch):
    told = []

    def poll(account_id: int, poll_seq: int) -> None:
        told.append(json.loads(json_line.format(record("polled"))))

    monkeypatch.setattr(tasks.poller, "poll", poll)
    tasks.poll.apply(args=(3, 41))
    assert {"task": "poll", "account_id": 3, "poll_seq": 41}.items() <= told[0].items()
    assert "task" not in json.loads(json_line.format(record("later")))


def test_no_line_holds_a_credential_that_was_used(json_line, monkeypatch):
    error = ValueError(f"no route for /runs?key={KEY}")
    lines = [record("refused: %s", KEY), record("it broke", error=error)]
    formatters = [Line("%(message)s"), json_line]

    def written() -> str:
        return "\n".join(form.format(line) for form in formatters for line in lines)

    # What other tests of this process have used is none of this one's.
    monkeypatch.setattr(redaction, "_used", {})
    monkeypatch.setattr(redaction, "_in_logs", None)
    assert written().count(KEY) == 4  # nobody has used it: this is what the filter takes out
    redaction.remember_used([KEY, "running"])
    assert KEY not in written()
    assert written().count(redaction.MASK) == 4
    assert Line("%(message)s").format(record("a running run")) == "a running run"


def test_every_answer_names_its_request(client):
    first, second = (client.get("/healthz")["X-Request-ID"] for _ in range(2))
    assert first != second
    assert len(first) == 16
    given = client.get("/healthz", headers={"x-request-id": "proxy-1700.a"})
    assert given["X-Request-ID"] == "proxy-1700.a"
    odd = client.get("/healthz", headers={"x-request-id": "a b\\n<script>"})
    assert re.fullmatch("[0-9a-f]{16}", odd["X-Request-ID"])
