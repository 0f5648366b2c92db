"""What is stored of executions, and what people did about them. Rows only; stages do the work.

The poller writes Execution, Step, Transition and the rest through `storage.store` alone, one
statement per batch. Rules about values and uniqueness live in constraints here."""

from executions.models.audit import AuditCheck, AuditEntry, AuditSeal
from executions.models.batches import (
    BATCH_KINDS,
    COMMANDED,
    FOLLOWED,
    OPEN_BATCH_STATES,
    Batch,
    BatchItem,
    BatchState,
    ItemState,
)
from executions.models.commands import (
    MAX_REASON,
    OPEN_COMMAND_STATES,
    SETTLED_COMMAND_STATES,
    Command,
    CommandState,
)
from executions.models.error_acknowledgements import Ending, ErrorAcknowledgement, Stance
from executions.models.keys import CorrelationRule, KeySearch, RunKey
from executions.models.notes import MAX_NOTE, Note
from executions.models.notices import (
    Delivery,
    DeliveryState,
    Event,
    Notice,
    NoticeClock,
    NoticeMessage,
    NoticeMute,
    NoticeRule,
    PushBrowser,
    PushKey,
)
from executions.models.people import ApiToken, Invitation, Preference, TokenScope
from executions.models.polls import LastAsked, PollRun, PollTrace
from executions.models.proposals import Proposal, ProposalState
from executions.models.quarantine import Quarantine
from executions.models.questions import (
    MAX_DELEGATION_NOTE,
    Draft,
    OrderedJSON,
    Question,
    StartDraft,
)
from executions.models.read_queue import Backlog, Rank, Reading
from executions.models.runs import (
    ERROR_LEVELS,
    FINAL_STATUSES,
    MAX_SETTLED_REASON,
    OPEN_STATUSES,
    PROBLEM_STATUSES,
    RATED_STATUSES,
    RESOLVABLE_STATUSES,
    STATUS_CHOICES,
    UNRESOLVED,
    Execution,
    ExecutionDetail,
    Lineage,
    LogEntry,
    Output,
    RunLabel,
    Settled,
    Step,
    Transition,
    Workflow,
    short_ref_of,
)
from executions.models.saved_views import SavedView
from executions.models.tallies import AccountTally, StatusCount, WorkflowTally
from executions.models.triage_acts import Act, TriageAct
from executions.models.wall_links import WallLink
from executions.models.workflow_profiles import (
    MAX_LABEL,
    MAX_RUNBOOK,
    MOST_LABELS,
    WorkflowProfile,
)

__all__ = [
    "BATCH_KINDS",
    "COMMANDED",
    "ERROR_LEVELS",
    "FINAL_STATUSES",
    "FOLLOWED",
    "MAX_DELEGATION_NOTE",
    "MAX_LABEL",
    "MAX_NOTE",
    "MAX_REASON",
    "MAX_RUNBOOK",
    "MAX_SETTLED_REASON",
    "MOST_LABELS",
    "OPEN_BATCH_STATES",
    "OPEN_COMMAND_STATES",
    "OPEN_STATUSES",
    "PROBLEM_STATUSES",
    "RATED_STATUSES",
    "RESOLVABLE_STATUSES",
    "SETTLED_COMMAND_STATES",
    "STATUS_CHOICES",
    "UNRESOLVED",
    "AccountTally",
    "Act",
    "ApiToken",
    "AuditCheck",
    "AuditEntry",
    "AuditSeal",
    "Backlog",
    "Batch",
    "BatchItem",
    "BatchState",
    "Command",
    "CommandState",
    "CorrelationRule",
    "Delivery",
    "DeliveryState",
    "Draft",
    "Ending",
    "ErrorAcknowledgement",
    "Event",
    "Execution",
    "ExecutionDetail",
    "Invitation",
    "ItemState",
    "KeySearch",
    "LastAsked",
    "Lineage",
    "LogEntry",
    "Note",
    "Notice",
    "NoticeClock",
    "NoticeMessage",
    "NoticeMute",
    "NoticeRule",
    "OrderedJSON",
    "Output",
    "PollRun",
    "PollTrace",
    "Preference",
    "Proposal",
    "ProposalState",
    "PushBrowser",
    "PushKey",
    "Quarantine",
    "Question",
    "Rank",
    "Reading",
    "RunKey",
    "RunLabel",
    "SavedView",
    "Settled",
    "Stance",
    "StartDraft",
    "StatusCount",
    "Step",
    "TokenScope",
    "Transition",
    "TriageAct",
    "WallLink",
    "Workflow",
    "WorkflowProfile",
    "WorkflowTally",
    "short_ref_of",
]
