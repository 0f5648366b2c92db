"""How many runs ended when and how: kept by the storing statement, so that charts need not scan.

A row of either table stands for the runs of one workflow (or account) that ended within one quarter
hour, in one final status, after about the same time. Quarter hours make every time zone exact.
"""

from __future__ import annotations

from django.db import models

from executions.models.runs import Workflow
from providers.models import ProviderAccount


class WorkflowTally(models.Model):
    pk = models.CompositePrimaryKey("workflow_id", "quarter", "status", "slot")
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, db_index=False)
    quarter = models.IntegerField()
    """Of the end: whole quarter hours since 1970 in UTC; `storage.rollups.NO_END` where none is
    known."""
    status = models.CharField(max_length=12)
    slot = models.SmallIntegerField()
    """Of the duration of a success, see `storage.rollups.LADDER`; -1 where none was measured."""
    count = models.BigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["quarter"], name="workflow_tally_quarter")]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.quarter} {self.status}: {self.count}"


class AccountTally(models.Model):
    """The same per account, for charts of everything."""

    pk = models.CompositePrimaryKey("account_id", "quarter", "status", "slot")
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    quarter = models.IntegerField()
    status = models.CharField(max_length=12)
    slot = models.SmallIntegerField()
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.account_id} {self.quarter} {self.status}: {self.count}"


class StatusCount(models.Model):
    """How many executions an account has in each status; kept by the storing statement."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    status = models.CharField(max_length=12)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "status"], name="count_key")]

    def __str__(self) -> str:
        return f"{self.status}: {self.count}"
