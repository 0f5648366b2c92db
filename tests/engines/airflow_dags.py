"""DAGs of a made-up back office, one per situation that the adapter has to read.

Read by a real Airflow from its folder of DAGs (see `airflow.py`), in Airflow's own environment.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import Param, TaskGroup, TriggerRule, dag, task

log = logging.getLogger(__name__)
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
PLAIN = {"schedule": None, "start_date": BEGAN, "catchup": False, "is_paused_upon_creation": False}


@dag(
    dag_id="import-invoices",
    params={
        "count": Param(5, type="integer", minimum=1, maximum=50, description="How many to read."),
        "priority": Param("normal", enum=["normal", "urgent"], title="Priority"),
        "source": Param(None, type=["null", "string"]),
        "dry_run": Param(False, type="boolean"),
        "tags": Param(["a"], type="array"),
    },
    **PLAIN,
)
def import_invoices():
    """Succeeds and leaves values behind."""

    @task
    def read_rows(params):
        log.info("importing with priority %s", params["priority"])
        return list(range(params["count"]))

    @task
    def add_up(rows):
        log.warning("adding up %d rows, this can take a while", len(rows))
        return {"sum": sum(rows)}

    add_up(read_rows())


@dag(dag_id="reconcile-ledger", **PLAIN)
def reconcile_ledger():
    """Fails after a second try; what comes after never begins."""

    @task
    def read_rows():
        return [1, 2, 3]

    @task(retries=1, retry_delay=timedelta(seconds=1))
    def post_to_ledger(rows):
        log.error("the ledger does not take the entry")
        raise ConnectionError("ledger refused the entry: token=abc123")

    @task
    def close_books(posted):
        return posted

    close_books(post_to_ledger(read_rows()))


@dag(dag_id="notify-customers", **PLAIN)
def notify_customers():
    """Ends well although one of its tasks fails."""

    @task
    def send_courtesy_mail():
        raise ValueError("mailbox is full")

    @task(trigger_rule=TriggerRule.ALL_DONE)
    def wrap_up():
        return "done"

    send_courtesy_mail() >> wrap_up()


@dag(dag_id="close-month", dagrun_timeout=timedelta(seconds=4), **PLAIN)
def close_month():
    """Runs longer than the whole run may."""

    @task
    def book_all():
        time.sleep(120)

    @task
    def publish():
        return None

    book_all() >> publish()


@dag(dag_id="load-rates", **PLAIN)
def load_rates():
    """A task runs longer than it may."""

    @task(execution_timeout=timedelta(seconds=1))
    def fetch():
        time.sleep(60)

    fetch()


@dag(dag_id="print-labels", **PLAIN)
def print_labels():
    """One task many times, inside two groups."""

    @task(map_index_template="{{ wanted }}")
    def render_label(ware):
        from airflow.sdk import get_current_context

        get_current_context()["wanted"] = f"label of {ware}"
        log.info("rendering %s", ware)
        return f"label {ware}"

    with TaskGroup("warehouse"), TaskGroup("north"):
        render_label.expand(ware=["anchors", "barrels", "candles"])


@dag(dag_id="onboard-suppliers", **PLAIN)
def onboard_suppliers():
    """Starts a run of another DAG."""
    TriggerDagRunOperator(
        task_id="import_first", trigger_dag_id="import-invoices", conf={"count": 2}
    )


@dag(dag_id="skip-weekend", **PLAIN)
def skip_weekend():
    @task.short_circuit
    def is_workday():
        return False

    @task
    def open_shop():
        return None

    is_workday() >> open_shop()


@dag(dag_id="watch-inbox", max_active_runs=200, **PLAIN)
def watch_inbox():
    """Goes on for as long as anybody lets it."""

    @task
    def look_for_mail():
        for number in range(900):
            log.info("look %d", number)
            time.sleep(4)

    @task
    def sort_mail():
        return None

    look_for_mail() >> sort_mail()


@dag(dag_id="await-stock", max_active_runs=2000, **PLAIN)
def await_stock():
    """Waits for a timer outside of any worker."""
    TimeDeltaSensor(task_id="wait_an_hour", delta=timedelta(days=300), deferrable=True)


@dag(dag_id="poll-harbour", **PLAIN)
def poll_harbour():
    """Looks again every hour."""

    @task.sensor(mode="reschedule", poke_interval=3600, timeout=864000)
    def is_ship_there():
        return False

    is_ship_there()


@dag(dag_id="flaky-export", **PLAIN)
def flaky_export():
    """Waits for its second try."""

    @task(retries=3, retry_delay=timedelta(hours=10))
    def export():
        raise OSError("no route to the archive")

    export()


@dag(dag_id="archive-orders", **{**PLAIN, "is_paused_upon_creation": True})
def archive_orders():
    """Paused: its runs stay queued."""

    @task
    def archive():
        return None

    archive()


@dag(dag_id="approve-payment", **PLAIN)
def approve_payment():
    decide = HITLOperator(
        task_id="decide",
        subject="Pay 1,200 to Harbour Ropes?",
        body="Invoice **4711** is due on Friday.",
        options=["Pay", "Hold", "Refuse"],
        defaults=None,
        params={
            "note": Param("", type="string", title="Note"),
            "amount": Param(1200, type="integer", minimum=1, maximum=5000),
        },
    )

    @task
    def book(answer):
        log.info("decided: %s", answer)
        return answer

    book(decide.output)


@dag(dag_id="sign-contract", **PLAIN)
def sign_contract():
    sign = ApprovalOperator(task_id="sign", subject="Sign the contract with the port?")

    @task
    def ship():
        return "shipped"

    sign >> ship()


@dag(dag_id="choose-wares", **PLAIN)
def choose_wares():
    HITLOperator(
        task_id="choose",
        subject="Which wares go out today?",
        options=["anchors", "barrels", "candles"],
        multiple=True,
    )


@dag(dag_id="late-answer", **PLAIN)
def late_answer():
    """Nobody answers in time."""
    HITLOperator(
        task_id="decide",
        subject="Still wanted?",
        options=["Yes", "No"],
        execution_timeout=timedelta(seconds=2),
    )


@dag(dag_id="take-stock", params={"lines": 100}, **PLAIN)
def take_stock():
    @task
    def count_wares(params):
        for number in range(params["lines"]):
            log.info("ware %05d counted, of many that lie in the northern warehouse", number)

    count_wares()


@dag(dag_id="bürö.export_ä-1", dag_display_name='Büro: Exporte / <täglich> & "mehr"', **PLAIN)
def odd_names():
    @task(task_id="schritt.ä-1", task_display_name="Schritt <1> & mehr / 日本")
    def step():
        log.info("Zeile mit Ümläuten, 日本 and <b>tags</b>")
        return {"größe": "riesig", "n": 12345678901234567890}

    step()


for each in (
    import_invoices, reconcile_ledger, notify_customers, close_month, load_rates, print_labels,
    onboard_suppliers, skip_weekend, watch_inbox, await_stock, poll_harbour, flaky_export,
    archive_orders, approve_payment, sign_contract, choose_wares, late_answer, take_stock,
    odd_names,
):  # fmt: skip
    each()
