"""Addresses of the pages. Nouns; a POST creates one."""

from django.urls import path

from executions.views import (
    accounts,
    answers,
    cancellations,
    details,
    inbox,
    lists,
    logs,
    outputs,
    payloads,
    preferences,
    starts,
)

app_name = "executions"
urlpatterns = [
    path("", lists.execution_list, name="list"),
    path("changes/", preferences.chrome_changes, name="chrome-changes"),
    path("executions/changes/", lists.execution_changes, name="changes"),
    path("executions/<int:pk>/", details.execution_detail, name="detail"),
    path("executions/<int:pk>/changes/", details.run_changes, name="run-changes"),
    path("executions/<int:pk>/log/", logs.log_fragment, name="log"),
    path("executions/<int:pk>/log.txt", logs.log_text, name="log-text"),
    path("executions/<int:pk>/<slug:part>.json", payloads.payload, name="payload"),
    path("executions/<int:pk>/outputs/<int:output_pk>/", outputs.output, name="output"),
    path("executions/<int:pk>/cancellation/", cancellations.cancellation, name="cancellation"),
    path("executions/<int:pk>/suspension/", cancellations.suspension, name="suspension"),
    path("executions/<int:pk>/resumption/", cancellations.resumption, name="resumption"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/changes/", inbox.inbox_changes, name="inbox-changes"),
    path("questions/<int:pk>/", answers.question_page, name="question"),
    path("questions/<int:pk>/changes/", answers.question_changes, name="question-changes"),
    path("questions/<int:pk>/answer/", answers.answer, name="answer"),
    path("questions/<int:pk>/draft/", answers.draft, name="draft"),
    path("questions/<int:pk>/claim/", answers.claim, name="claim"),
    path("questions/<int:pk>/release/", answers.release, name="release"),
    path("workflows/", starts.workflow_list, name="workflows"),
    path("workflows/<int:pk>/", starts.workflow_start, name="workflow"),
    path("workflows/<int:pk>/runs/", starts.run_creation, name="run-creation"),
    path("commands/<uuid:key>/", starts.command_detail, name="command"),
    path("commands/<uuid:key>/changes/", starts.command_changes, name="command-changes"),
    path("accounts/", accounts.account_list, name="accounts"),
    path("accounts/changes/", accounts.accounts_changes, name="accounts-changes"),
    path("accounts/<int:pk>/", accounts.account_detail, name="account"),
    path("accounts/<int:pk>/changes/", accounts.account_changes, name="account-changes"),
    path("accounts/<int:pk>/poll/", accounts.poll, name="poll"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("statuses/", preferences.statuses, name="statuses"),
]
