"""What is stored of executions, and what people did about them. Rows only; stages do the work.

The poller writes Execution, Step, Transition and the rest through `storing` alone, one statement
per batch. Rules about values and uniqueness live in constraints here.
"""

from executions.models.commands import OPEN_COMMAND_STATES, Command, CommandState
from executions.models.people import ApiToken, AuditEntry, Preference
from executions.models.polls import HourlyCount, PollRun, Quarantine, StatusCount
from executions.models.questions import Draft, OrderedJSON, Question
from executions.models.runs import (
    OPEN_STATUSES,
    PROBLEM_STATUSES,
    STATUS_CHOICES,
    Execution,
    ExecutionDetail,
    LogEntry,
    Output,
    Step,
    Transition,
    Workflow,
)
from executions.models.views import SavedView

__all__ = [
    "OPEN_COMMAND_STATES",
    "OPEN_STATUSES",
    "PROBLEM_STATUSES",
    "STATUS_CHOICES",
    "ApiToken",
    "AuditEntry",
    "Command",
    "CommandState",
    "Draft",
    "Execution",
    "ExecutionDetail",
    "HourlyCount",
    "LogEntry",
    "OrderedJSON",
    "Output",
    "PollRun",
    "Preference",
    "Quarantine",
    "Question",
    "SavedView",
    "StatusCount",
    "Step",
    "Transition",
    "Workflow",
]
