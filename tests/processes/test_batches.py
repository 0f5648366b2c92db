"""A batch over two accounts, carried out by real workers, one of which dies in the middle."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from config.demo_accounts import EXTRA_SETTINGS
from providers.demo import serve
from tests.product import Product

pytestmark = pytest.mark.processes
EACH = 15  # runs per account
SCENARIOS = {"smartflows": "waiting_esign", "eightx8": "running_long"}
EFFECTS = {"smartflows": "cancel", "eightx8": "terminate"}

BEGIN = """
import uuid
from django.contrib.auth.models import User
from django.utils import timezone
from django.http import QueryDict
from executions.bulk import frozen_selection
from executions.bulk import batch_lifecycle
from executions.search import filters
from providers.contract import Verb
from providers.models import ProviderAccount
user = User.objects.get(username="admin")
accounts = ProviderAccount.objects.filter(name__startswith="Batch ").in_bulk()
asked = frozen_selection.Asked(user, Verb.CANCEL, uuid.uuid4(), accounts)
query = QueryDict("&".join(f"account={pk}" for pk in accounts))
found = filters.parse(query, accounts, now=timezone.now())
batch = frozen_selection.freeze_matching(asked, found)
problems = batch_lifecycle.start(batch, reason="drill", typed="30", address=None)
print(problems, batch.pk)
"""


def open_account(product: Product, sim: serve.Running) -> int:
    site = {"base_url": sim.base_url, **EXTRA_SETTINGS.get(sim.key, {})}
    product.add_account(f"Batch {sim.key}", sim.key, site, api_key=sim.api_key)
    [[pk]] = product.query(
        "SELECT id FROM providers_provideraccount WHERE name = %s", f"Batch {sim.key}"
    )
    return int(pk)


def cancelable(product: Product, account: int) -> int:
    sql = "SELECT 1 FROM executions_execution WHERE account_id = %s AND 'cancel' = ANY(offers)"
    return len(product.query(sql, account))


def end_behind_our_back(sim: serve.Running, ref: str) -> None:
    run = sim.world.runs[ref]
    while not run.is_final:
        run.proceed()


def results(product: Product, batch: int) -> list[tuple[Any, ...]]:
    sql = """SELECT e.ref, i.state, i.message FROM executions_batchitem i
        JOIN executions_execution e ON e.id = i.execution_id WHERE i.batch_id = %s"""
    return product.query(sql, batch)


def canceled(sim: serve.Running) -> list[str]:
    return [str(ref).rpartition("/")[2] for ref in sim.effects.get(EFFECTS[sim.key], [])]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.fault("C11")
def test_thirty_runs_are_canceled_once_each_though_the_worker_is_shot(product: Product) -> None:
    with serve.running("smartflows", seed=3) as flows, serve.running("eightx8", seed=3) as eights:
        sims = (flows, eights)
        accounts = {sim.key: open_account(product, sim) for sim in sims}
        refs = {sim.key: [sim.start(SCENARIOS[sim.key]) for _ in range(EACH)] for sim in sims}
        for sim in sims:
            product.wait_until(
                lambda sim=sim: cancelable(product, accounts[sim.key]) == EACH, "all are stored", 60
            )
        product.kill("poller")  # so that nobody sees that one of them ends
        end_behind_our_back(flows, refs["smartflows"][7])
        batch = int(product.manage("shell", "-v0", "-c", BEGIN).stdout.split("{} ")[1])

        product.wait_until(lambda: len(canceled(flows) + canceled(eights)) >= 5, "some are gone")
        product.kill("worker")
        half = len(canceled(flows)) + len(canceled(eights))
        assert half < 2 * EACH - 1, "shot too late to show anything"
        product.start("worker")
        no = "SELECT 1 FROM executions_batchitem WHERE batch_id = %s AND state = 'rejected'"
        product.wait_until(lambda: product.query(no, batch), "the provider has refused one", 120)
        product.start("poller")

        sql = "SELECT state FROM executions_batch WHERE id = %s AND state = 'done'"
        product.wait_until(lambda: product.query(sql, batch), "the batch is done", 120)
        for sim in sims:
            twice = [ref for ref, number in Counter(canceled(sim)).items() if number > 1]
            assert twice == [], twice
        assert sorted(canceled(eights)) == sorted(refs["eightx8"])
        assert sorted(canceled(flows)) == sorted(
            ref for ref in refs["smartflows"] if ref != refs["smartflows"][7]
        )
        told = results(product, batch)
        assert Counter(state for _, state, _ in told) == {"confirmed": 29, "rejected": 1}
        [(ref, message)] = [(ref, said) for ref, state, said in told if state == "rejected"]
        assert ref == refs["smartflows"][7]
        assert "nothing to cancel" in message
        sql = """SELECT count(*), count(DISTINCT execution_id) FROM executions_command
            WHERE account_id = ANY(%s)"""
        assert product.query(sql, list(accounts.values())) == [(30, 30)]
