"""Flows of a made-up back office, one per situation that the adapter has to read.

Run as a script inside Prefect's own environment (see `prefect.py`): serves every flow as a
deployment of the same name and starts their runs when the server asks.
"""

import time
from enum import Enum

from prefect import flow, get_run_logger, pause_flow_run, serve, suspend_flow_run, task
from prefect.input import RunInput

ANSWER_WITHIN = 6 * 3600  # seconds until an unanswered pause fails its run


WARES = (
    "anchors", "barrels", "candles", "drums", "engines", "files", "gloves", "hammers", "inks",
    "jacks", "keys", "lamps",
)  # fmt: skip


class PaymentDecision(RunInput):
    approve: bool
    note: str = ""


class ClaimReview(RunInput):
    amount: int
    reviewer: str = "back office"


class Priority(Enum):
    NORMAL = "normal"
    URGENT = "urgent"


@task
def read_rows(count: int) -> list[int]:
    get_run_logger().info("reading %d rows", count)
    return list(range(count))


@task
def add_up(rows: list[int]) -> int:
    get_run_logger().warning("adding up %d rows, this can take a while", len(rows))
    return sum(rows)


@task
def render_label(number: int) -> str:
    return f"label {number}"


@task(retries=1, retry_delay_seconds=0.5)
def post_to_ledger() -> None:
    get_run_logger().error("the ledger does not take the entry")
    raise ConnectionError("ledger refused the entry")


@task
def send_courtesy_mail() -> None:
    raise ValueError("mailbox is full")


@task
def look_for_mail() -> None:
    time.sleep(4)


@task
def count_ware(ware: str) -> int:
    get_run_logger().info("counting %s", ware)
    time.sleep(3)
    return len(ware)


@flow
def take_stock() -> int:
    """Half a minute with something new every few seconds."""
    return sum(count_ware.with_options(name=f"count {ware}")(ware) for ware in WARES)


@flow(log_prints=True)
def import_invoices(count: int = 10, priority: Priority = Priority.NORMAL) -> int:
    print(f"importing with priority {priority.value}")  # noqa: T201 - print is what is captured
    return add_up(read_rows(count))


@flow
def reconcile_ledger() -> None:
    read_rows(3)
    posted = post_to_ledger.submit()
    add_up.submit([1], wait_for=[posted]).wait()
    posted.result()


@flow
def notify_customers() -> str:
    """Ends well although one of its tasks fails."""
    read_rows(2)
    send_courtesy_mail(return_state=True)
    return "done"


@flow(timeout_seconds=2)
def close_month() -> None:
    for _ in range(30):
        time.sleep(0.5)


@flow
def print_labels(count: int = 4) -> list[str]:
    return [label.result() for label in [render_label.submit(n) for n in range(count)]]


@flow
def check_supplier(number: int) -> list[int]:
    return read_rows(number)


@flow
def onboard_suppliers() -> None:
    check_supplier(1)
    check_supplier(2)


@flow
def watch_inbox(seconds: int = 3600) -> None:
    for _ in range(seconds // 4):
        look_for_mail()


@flow
def approve_payment(amount: int = 100) -> str:
    question = PaymentDecision.with_initial_data(description=f"A payment of {amount} is waiting.")
    decision = pause_flow_run(wait_for_input=question, timeout=ANSWER_WITHIN)
    get_run_logger().info("decided: %s %s", decision.approve, decision.note)
    if not decision.approve:
        raise PermissionError("payment declined")
    return "paid"


@flow
def release_shipment() -> None:
    pause_flow_run(timeout=ANSWER_WITHIN)


@flow
def review_claim() -> int:
    review = suspend_flow_run(wait_for_input=ClaimReview, timeout=ANSWER_WITHIN)
    return review.amount


FLOWS = (
    import_invoices, reconcile_ledger, notify_customers, close_month, print_labels,
    onboard_suppliers, watch_inbox, approve_payment, release_shipment, review_claim, take_stock,
)  # fmt: skip

if __name__ == "__main__":
    serve(
        *(each.to_deployment(name=each.name) for each in FLOWS),
        limit=20,
        print_starting_message=False,
    )
