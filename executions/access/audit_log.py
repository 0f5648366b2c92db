"""The audit log: who did what to which account or run, when, with what result. Append-only."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from executions.models import AuditEntry


class Action(StrEnum):
    """Every word of the audit log: `record` takes no other."""

    CANCEL = "cancel"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETRY = "retry"
    ANSWER = "answer"
    ANSWER_PROPOSED = "answer proposed"
    ANSWER_RETURNED = "answer given back"
    PROPOSAL_WITHDRAWN = "proposal withdrawn"
    SECOND_PERSON_SET = "second person set"
    START = "start"
    BATCH_CANCEL = "batch cancel"
    BATCH_SUSPEND = "batch suspend"
    BATCH_RESUME = "batch resume"
    BATCH_RETRY = "batch retry"
    BATCH_ANSWER = "batch answer"
    BATCH_STOPPED = "batch stopped"
    BATCH_UNDONE = "batch undone"
    COMMAND_UNDONE = "command undone"
    CLAIM = "claim"
    TAKE_OVER = "take over"
    LET_GO = "let go"
    QUESTION_DELEGATED = "question.delegated"
    DELEGATION_ENDED = "delegation.ended"
    VALUE_SHOWN = "value.shown"
    VALUE_HIDDEN = "value.hidden"
    NOTE_WRITTEN = "note written"
    NOTE_PINNED = "note pinned"
    NOTE_UNPINNED = "note unpinned"
    NOTE_DELETED = "note deleted"
    RUNBOOK_WRITTEN = "runbook.written"
    WORKFLOW_DESCRIBED = "workflow.described"
    SHIFT_TAKEN_OVER = "shift taken over"
    RUNS_RESOLVED = "runs.resolved"
    RUNS_IGNORED = "runs.ignored"
    RUNS_ASSIGNED = "runs.assigned"
    RUNS_LET_GO = "runs.let_go"
    RUNS_REOPENED = "runs.reopened"
    ERROR_ACKNOWLEDGED = "error.acknowledged"
    ERROR_IGNORED = "error.ignored"
    ERROR_RELEASED = "error.released"
    ERROR_RESOLVED = "error.resolved"
    NOTICE_ACKNOWLEDGED = "notice.acknowledged"
    NOTICE_LET_GO = "notice.let_go"
    NOTICE_MUTED = "notice.muted"
    NOTICE_MUTE_ENDED = "notice.mute_ended"
    NOTICE_RULE_ADDED = "notice_rule.added"
    NOTICE_RULE_CHANGED = "notice_rule.changed"
    NOTICE_RULE_DELETED = "notice_rule.deleted"
    NOTICE_RULE_TESTED = "notice_rule.tested"
    BROWSER_ADDED = "browser.added"
    BROWSER_REMOVED = "browser.removed"
    KEY_RULE_ADDED = "key_rule.added"
    KEY_RULE_CHANGED = "key_rule.changed"
    KEY_RULE_DELETED = "key_rule.deleted"
    ACCOUNT_ADDED = "account.added"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_TESTED = "account.tested"
    ACCOUNT_POLL_ASKED = "account.poll_asked"
    BLIND_TEST_BEGUN = "blind test begun"
    BLIND_TEST_ENDED = "blind test ended"
    CREDENTIALS_ROTATED = "credentials.rotated"
    SIGNED_IN = "signed in"
    SIGN_IN_LIMITED = "sign-in.limited"
    SIGN_IN_REFUSED = "sign-in.refused"
    SIGN_IN_LINK_MADE = "sign-in link made"
    PROVED_AGAIN = "proved again"
    SECOND_FACTOR_ADDED = "second factor.added"
    SECOND_FACTOR_REMOVED = "second factor.removed"
    SECOND_FACTOR_REFUSED = "second factor.refused"
    PERSON_ADDED = "person.added"
    PERSON_CHANGED = "person.changed"
    GRANT_MADE = "grant.made"
    GRANT_CHANGED = "grant.changed"
    GRANT_REMOVED = "grant.removed"
    PERSON_LINKED = "person.linked"
    PERSON_INVITED = "person.invited"
    INVITATION_ACCEPTED = "invitation.accepted"
    INVITATION_REVOKED = "invitation.revoked"
    TOKEN_ISSUED = "token.issued"  # noqa: S105 - a word, no secret
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - a word, no secret
    WALL_LINK_MADE = "wall_link.made"
    WALL_LINK_REVOKED = "wall_link.revoked"
    VIEW_CREATED = "view.created"
    VIEW_CHANGED = "view.changed"
    VIEW_DELETED = "view.deleted"
    RUNS_EXPORTED = "runs.exported"
    AUDIT_EXPORTED = "audit.exported"

    @property
    def words(self) -> str:
        return words_of(self.value)


# What people read in place of a word that is none of theirs; the stored one never changes.
_WORDS = {"notice": "notification", "proved again": "identity confirmed again"}


def words_of(action: str) -> str:
    """`notification let go` for `notice.let_go`, also of words that are written no more."""
    if action in _WORDS:
        return _WORDS[action]
    kind, _, done = action.replace("_", " ").partition(".")
    first, _, rest = kind.partition(" ")
    return " ".join(part for part in (_WORDS.get(first, first), rest, done) if part)


def record(
    actor: AbstractBaseUser | AnonymousUser | str,
    action: Action,
    *,
    account_name: str = "",
    target: str = "",
    detail: dict[str, Any] | None = None,
    command_key: UUID | None = None,
    address: str | None = None,
) -> None:
    """One entry, in the caller's transaction. `detail` must hold no secrets; `actor` may be a
    word such as "command line" where there is no user. Raises ValueError for a word of its own."""
    name = actor if isinstance(actor, str) else actor.get_username()
    AuditEntry.objects.create(
        actor=name[:150],
        action=Action(action),
        account_name=account_name[:100],
        target=target[:300],
        detail=detail or {},
        command_key=command_key,
        address=address,
    )
