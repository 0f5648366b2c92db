"""The configuration of a Buildbot of an invented office: a builder for each way a build can end.

BB_PORT and BB_PASSWORD come from `buildbot.py`.
"""

import os
from pathlib import Path

from buildbot.plugins import schedulers, steps, util, worker
from buildbot.process.buildstep import BuildStep
from buildbot.process.results import RETRY, SUCCESS

PORT, PASSWORD = int(os.environ["BB_PORT"]), os.environ["BB_PASSWORD"]
LONG = "sleep 3600"


class Explode(BuildStep):
    name = "explode"

    async def run(self):
        raise ConnectionError("ledger refused the entry: token=abc123")


class TryAgain(BuildStep):
    """Wants another build the first time."""

    name = "try again"

    async def run(self):
        mark = Path("tried")
        if mark.exists():
            return SUCCESS
        mark.touch()
        return RETRY


def shell(name, command, **more):
    return steps.ShellCommand(name=name, command=["sh", "-c", command], **more)


def weekend(step):
    return False


told = util.Interpolate("echo %(prop:count)s %(prop:urgency)s %(prop:dry_run)s")
FACTORIES = {
    "import-invoices": [
        steps.ShellCommand(name="read", command=["sh", "-c", told]),
        steps.SetProperty(name="count rows", property="rows", value="17"),
        shell("book", "echo weekend", doStepIf=weekend),
    ],
    "reconcile-ledger": [
        shell("read rows", "echo 3 rows"),
        shell(
            "post to ledger", "echo 'ledger refused the entry: token=abc123' >&2; exit 3",
            haltOnFailure=True,
        ),
        shell("close books", "echo closed"),
    ],
    "notify-customers": [
        shell("mail", "echo full; exit 1", warnOnFailure=True, flunkOnFailure=False),
        shell("log", "echo done"),
    ],
    "explode": [Explode()],
    "load-rates": [shell("load", LONG, timeout=2)],
    "close-month": [shell("close", f"while true; do echo on; {LONG[:5]} 1; done", maxTime=3)],
    "watch-inbox": [shell("look for mail", f"echo looking; {LONG}"), shell("sort mail", "echo")],
    "take-stock": [shell("count", "for i in $(seq 5000); do echo ware $i; done")],
    "try-again": [TryAgain()],
    "onboard": [
        steps.Trigger(
            name="import first", schedulerNames=["imports"], waitForFinish=True,
            set_properties={"count": 1, "urgency": "low", "dry_run": False},
        )
    ],
    "Büro: Exporte <täglich> & mehr": [shell("Schritt <1> & mehr", "echo 'Zeile <1> – 日本'")],
}  # fmt: skip

ALL = list(FACTORIES)
c = BuildmasterConfig = {
    "title": "Office",
    "workers": [worker.LocalWorker("w1", max_builds=4), worker.LocalWorker("w2", max_builds=4)],
    "protocols": {"null": {}},
    "builders": [
        util.BuilderConfig(
            name=name, workernames=["w2"] if name == "watch-inbox" else ["w1"],
            factory=util.BuildFactory(factory), tags=["office"],
        )
        for name, factory in FACTORIES.items()
    ],
    "schedulers": [
        schedulers.ForceScheduler(
            name="force-import",
            builderNames=["import-invoices"],
            label="Import",
            properties=[
                util.IntParameter(name="count", label="Rows", default=3, required=True),
                util.ChoiceStringParameter(
                    name="urgency", label="Urgency", choices=["normal", "urgent"],
                    default="normal",
                ),
                util.BooleanParameter(name="dry_run", label="Dry run", default=False),
                util.NestedParameter(
                    name="options",
                    label="Options",
                    fields=[util.StringParameter(name="note", label="Note", default="", size=40)],
                ),
            ],
        ),
        schedulers.ForceScheduler(name="force", builderNames=ALL[1:]),
        schedulers.Triggerable(name="imports", builderNames=["import-invoices"]),
    ],
    "www": {
        "port": f"tcp:{PORT}:interface=127.0.0.1",
        "auth": util.UserPasswordAuth({"ana": PASSWORD, "vera": PASSWORD}),
        "authz": util.Authz(
            allowRules=[util.AnyControlEndpointMatcher(role="admins")],
            roleMatchers=[util.RolesFromUsername(roles=["admins"], usernames=["ana"])],
        ),
    },
    "buildbotURL": f"http://127.0.0.1:{PORT}/",
    "db": {"db_url": "sqlite:///state.sqlite"},
    "buildbotNetUsageData": None,
    "collapseRequests": False,
}  # fmt: skip
