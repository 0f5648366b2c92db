"""The definitions of `dagster.py`: a job for each way in which a run of Dagster can go on or end.

Loaded by Dagster in an environment of its own, from a copy.
"""

import enum
import os
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

RUN_TIME = 900  # seconds that a run goes on which nobody ends
BESIDE = {"owner": "büro", "note": 'Größe <1> & "mehr" / 日本'}
quick = dg.in_process_executor


class Priority(enum.Enum):
    NORMAL = "normal"
    URGENT = "urgent"


class Invoices(dg.Config):
    count: int = 5
    priority: Priority = Priority.NORMAL
    dry_run: bool = False
    note: str | None = None
    rate: float = 1.5
    labels: list[str] = []


@dg.op
def fetch(context: dg.OpExecutionContext, config: Invoices) -> list[int]:
    """Read the invoices."""
    context.log.info(f"fetching {config.count} invoices")
    return list(range(config.count))


@dg.op
def book(context: dg.OpExecutionContext, rows: list[int]) -> dg.Output[int]:
    context.log_event(
        dg.AssetMaterialization(
            asset_key=["ledger", "invoices"],
            description="Booked invoices",
            partition="2026-11",
            metadata={
                "rows": len(rows), "sum": 12.5, "odd": dg.MetadataValue.json({"ä": [1, None]}),
                "page": dg.MetadataValue.url("https://example.com/ledger"),
                "about": dg.MetadataValue.md("**done**"),
            },
        )
    )  # fmt: skip
    return dg.Output(len(rows), metadata={"rows": len(rows)})


@dg.job(executor_def=quick, tags=BESIDE, description="Import the invoices of a day")
def import_invoices() -> None:
    book(fetch())


@dg.op
def watch(context: dg.OpExecutionContext) -> None:
    for second in range(RUN_TIME):
        context.log.info(f"look number {second:03}")
        time.sleep(1)


@dg.job(executor_def=quick)
def watch_inbox() -> None:
    watch()


@dg.op
def hold_on() -> None:
    """Does not end when it is asked to."""
    end = time.monotonic() + RUN_TIME
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except BaseException:  # noqa: BLE001, S112 - it ends when its time is over
            continue


@dg.job(executor_def=quick)
def seal_archive() -> None:
    hold_on()


@dg.job(executor_def=quick, tags={"limited": "yes"})
def archive_orders() -> None:
    watch()


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=RUN_TIME))
def export(context: dg.OpExecutionContext) -> None:
    raise ConnectionError("the partner does not answer yet")


@dg.job(executor_def=quick)
def flaky_export() -> None:
    export()


@dg.op(retry_policy=dg.RetryPolicy(max_retries=3))
def knock(context: dg.OpExecutionContext) -> None:
    if context.retry_number < 2:
        raise ConnectionError(f"no answer to knock {context.retry_number + 1}")


@dg.job(executor_def=quick)
def call_partner() -> None:
    knock()


@dg.op
def read_rows() -> int:
    return 3


@dg.op(retry_policy=dg.RetryPolicy(max_retries=1))
def post(context: dg.OpExecutionContext, rows: int) -> int:
    try:
        raise ConnectionError("ledger refused the entry, token=abc123")
    except ConnectionError as error:
        raise dg.Failure(
            "the ledger does not take it", metadata={"row": 2, "hint": "ask the ledger"}
        ) from error


@dg.graph
def ledger(rows: int) -> int:
    return post(rows)


@dg.op
def close_books(rows: int) -> None:
    return None


@dg.job(executor_def=quick)
def reconcile_ledger() -> None:
    close_books(ledger(read_rows()))


@dg.job(executor_def=quick, tags={"dagster/max_runtime": "8"})
def close_month() -> None:
    watch()


@dg.op(out={"weekday": dg.Out(is_required=False)})
def look_at_calendar() -> Iterator[Any]:
    yield from ()


@dg.op
def deliver(weekday: Any) -> None:
    return None


@dg.job(executor_def=quick)
def skip_weekend() -> None:
    deliver(look_at_calendar())


@dg.op(out=dg.DynamicOut())
def count_wares() -> Iterator[Any]:
    for ware in ("anchors", "barrels", "candles"):
        yield dg.DynamicOutput(ware, mapping_key=ware)


@dg.op
def render_label(context: dg.OpExecutionContext, ware: str) -> str:
    print(f"label of {ware} ✓")  # noqa: T201 - an output of the process
    return ware


@dg.op
def print_sheet(labels: list[str]) -> None:
    return None


@dg.job(executor_def=dg.multiprocess_executor.configured({"max_concurrent": 1}))
def print_labels() -> None:
    print_sheet(count_wares().map(render_label).collect())


@dg.op(config_schema={"lines": int})
def count_stock(context: dg.OpExecutionContext) -> None:
    for number in range(context.op_config["lines"]):
        context.log.info(f"ware {number:05} " + "x" * 60)


@dg.job(executor_def=quick)
def take_stock() -> None:
    count_stock()


@dg.op
def vanish() -> None:
    os._exit(3)


@dg.job(executor_def=quick)
def lose_worker() -> None:
    vanish()


@dg.resource(config_schema={"address": str, "password": dg.Field(str, is_required=False)})
def warehouse(context: dg.InitResourceContext) -> str:
    if context.resource_config["address"] == "nowhere":
        raise OSError("there is no such warehouse")
    return str(context.resource_config["address"])


@dg.op(required_resource_keys={"warehouse"})
def stow() -> None:
    return None


@dg.job(executor_def=quick, resource_defs={"warehouse": warehouse})
def stow_goods() -> None:
    stow()


@dg.op
def fail_always() -> None:
    raise ValueError("mailbox is full")


@dg.job(executor_def=quick, tags={"dagster/max_retries": "1"})
def send_letters() -> None:
    fail_always()


days = dg.StaticPartitionsDefinition(["Nord / Süd & <1>", "日本"])


@dg.op
def export_day(context: dg.OpExecutionContext) -> None:
    context.log.info(f"exporting {context.partition_key}")


@dg.job(executor_def=quick, partitions_def=days)
def export_regions() -> None:
    export_day()


@dg.asset(group_name="shop")
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"rows": 7})


@dg.asset(deps=[orders], group_name="shop")
def customers() -> None:
    return None


@dg.asset_check(asset=orders, description="No order without a customer")
def orders_have_customers() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=False, severity=dg.AssetCheckSeverity.WARN, metadata={"orphans": 2}
    )


refresh = dg.define_asset_job("refresh_tables", [orders, customers], executor_def=quick)

defs = dg.Definitions(
    jobs=[
        import_invoices, watch_inbox, seal_archive, archive_orders, flaky_export, call_partner,
        reconcile_ledger, close_month, skip_weekend, print_labels, take_stock, lose_worker,
        stow_goods, send_letters, export_regions, refresh,
    ],
    assets=[orders, customers],
    asset_checks=[orders_have_customers],
)  # fmt: skip
