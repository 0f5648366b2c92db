"""Addresses of the pages. Nouns; a POST creates one."""

from django.urls import path

from executions.accounts import views as account_views
from executions.api import run_json_download
from executions.audit import views as audit_views
from executions.bulk import batch_items as batch_item_views
from executions.bulk import views as batch_views
from executions.commands.verbs import RUN_VERBS
from executions.correlation import key_from_value
from executions.correlation import views as key_views
from executions.errors import views as error_views
from executions.handover import views as handover_views
from executions.inbox import (
    answer_views,
    claim_views,
    delegation_views,
    given_answers_views,
    proposal_views,
    undo_views,
)
from executions.inbox import views as inbox_views
from executions.kiosk import views as kiosk_views
from executions.my_work import views as my_work_views
from executions.notes import views as note_views
from executions.notifications import browser_views, rule_views
from executions.notifications import views as notification_views
from executions.overview import views as overview_views
from executions.palette import views as palette_views
from executions.people import invitation_views, token_views
from executions.runs import telling_views, triage_views
from executions.runs.list import csv_export, saved_view_views, typeahead
from executions.runs.list import views as run_list
from executions.runs.page import command_views, comparison, log, output_download, payloads, steps
from executions.runs.page import views as run_page
from executions.runs.peek import views as run_peek
from executions.web import (
    first_visit,
    help_pages,
    installed_app,
    live_page,
    preferences,
    status_help,
)
from executions.workflows import list_views as workflow_list
from executions.workflows import profile_views, start_views
from executions.workflows import views as workflow_views

app_name = "executions"
urlpatterns = [
    path("", run_list.execution_list, name="list"),
    path("changes/", live_page.layout_changes, name="chrome-changes"),
    path("executions/changes/", run_list.execution_changes, name="changes"),
    path("executions/options/", typeahead.options, name="options"),
    path("executions/compare/", comparison.comparison, name="compare"),
    path("executions/table/", saved_view_views.table_preference, name="table-preference"),
    path("executions/triage/", triage_views.triage, name="triage"),
    path("executions.csv", csv_export.export, name="export"),
    path("views/", saved_view_views.view_menu, name="views"),
    path("views/creation/", saved_view_views.view_creation, name="view-creation"),
    path("views/default/", saved_view_views.view_default, name="view-default"),
    path("views/<int:pk>/change/", saved_view_views.view_change, name="view-change"),
    path("views/<int:pk>/deletion/", saved_view_views.view_deletion, name="view-deletion"),
    path("executions/<int:pk>/", run_page.execution_detail, name="detail"),
    path("executions/<int:pk>.json", run_json_download.run_record, name="run-record"),
    path("executions/<int:pk>/changes/", run_page.run_changes, name="run-changes"),
    path("executions/<int:pk>/peek/", run_peek.peek, name="peek"),
    path("executions/<int:pk>/log/", log.log_fragment, name="log"),
    path("executions/<int:pk>/log.txt", log.log_text, name="log-text"),
    path("executions/<int:pk>/steps/<int:step_pk>/", steps.step, name="step"),
    path("executions/<int:pk>/steps/<int:step_pk>.json", steps.step_output, name="step-output"),
    path("executions/<int:pk>/tree/<slug:part>/", payloads.payload_tree, name="payload-tree"),
    path("executions/<int:pk>/<slug:part>.json", payloads.payload, name="payload"),
    path("executions/<int:pk>/outputs/<int:output_pk>/", output_download.output, name="output"),
    *(
        path(
            f"executions/<int:pk>/{each.noun}/",
            command_views.run_command,
            {"verb": each.verb},
            name=each.noun,
        )
        for each in RUN_VERBS.values()
    ),
    path("executions/<int:pk>/key-rule/", key_from_value.key_rule, name="key-rule"),
    path("executions/<int:pk>/values/", telling_views.shown_values, name="shown-values"),
    path("executions/<int:pk>/notes/", note_views.run_note, name="run-note"),
    path("wall/", kiosk_views.wall, name="wall"),
    path("wall/links/", kiosk_views.links, name="wall-links"),
    path("wall/links/<int:pk>/revocation/", kiosk_views.revocation, name="wall-link-revocation"),
    path("wall/screens/<str:secret>/", kiosk_views.screen, name="wall-screen"),
    path("overview/", overview_views.overview, name="overview"),
    path("overview/changes/", overview_views.overview_changes, name="overview-changes"),
    path("overview/hours/", overview_views.hours, name="overview-hours"),
    path("overview/answers/", overview_views.answers, name="overview-answers"),
    path("inbox/", inbox_views.inbox, name="inbox"),
    path("inbox/changes/", inbox_views.inbox_changes, name="inbox-changes"),
    path("inbox/answered/", given_answers_views.answered, name="answered"),
    path("inbox/decisions/", batch_views.decision_creation, name="decision-creation"),
    path("inbox/delegations/", delegation_views.delegations, name="delegations"),
    path("questions/<int:pk>/", inbox_views.question_page, name="question"),
    path("questions/<int:pk>/answer/", answer_views.answer, name="answer"),
    path("questions/<int:pk>/draft/", answer_views.draft, name="draft"),
    path("questions/<int:pk>/preview/", answer_views.preview, name="preview"),
    path("questions/<int:pk>/claim/", claim_views.claim, name="claim"),
    path("proposals/<uuid:key>/agreement/", proposal_views.agreement, name="agreement"),
    path("proposals/<uuid:key>/return/", proposal_views.give_back, name="proposal-return"),
    path(
        "proposals/<uuid:key>/withdrawal/",
        proposal_views.withdrawal,
        name="proposal-withdrawal",
    ),
    path(
        "questions/<int:pk>/delegation/withdrawal/",
        delegation_views.withdrawal,
        name="delegation-withdrawal",
    ),
    path("questions/<int:pk>/release/", claim_views.release, name="release"),
    path("errors/", error_views.error_list.page, name="errors"),
    path("errors/changes/", error_views.error_list.changes, name="errors-changes"),
    path("errors/<slug:key>/", error_views.error_detail.page, name="error"),
    path("errors/<slug:key>/changes/", error_views.error_detail.changes, name="error-changes"),
    path("errors/<slug:key>/acknowledgement/", error_views.acknowledgement, name="acknowledgement"),
    path("errors/<slug:key>/ignoring/", error_views.ignoring, name="error-ignoring"),
    path("errors/<slug:key>/resolution/", error_views.resolution, name="error-resolution"),
    path("errors/<slug:key>/release/", error_views.release, name="error-release"),
    path("keys/", key_views.key_search, name="keys"),
    path("keys/changes/", key_views.key.changes, name="key-changes"),
    path("keys/<path:value>", key_views.key.page, name="key"),
    path("workflows/", workflow_list.workflow_list.page, name="workflows"),
    path("workflows/changes/", workflow_list.workflow_list.changes, name="workflows-changes"),
    path("workflows/<int:pk>/", workflow_views.workflow, name="workflow"),
    path("workflows/<int:pk>/changes/", workflow_views.workflow_changes, name="workflow-changes"),
    path("workflows/<int:pk>/runbook/", profile_views.runbook, name="runbook"),
    path("workflows/<int:pk>/description/", profile_views.description, name="workflow-description"),
    path("workflows/<int:pk>/second-person/", profile_views.second_person, name="second-person"),
    path("workflows/<int:pk>/runs/", start_views.run_creation, name="run-creation"),
    path("workflows/<int:pk>/draft/", start_views.start_draft, name="start-draft"),
    path("workflows/<int:pk>/notes/", note_views.workflow_note, name="workflow-note"),
    path("notes/<int:pk>/deletion/", note_views.note_deletion, name="note-deletion"),
    path("notes/<int:pk>/pin/", note_views.note_pin, name="note-pin"),
    path("commands/<uuid:key>/", start_views.command.page, name="command"),
    path("commands/<uuid:key>/undo/", undo_views.undo, name="command-undo"),
    path("commands/<uuid:key>/sending/", undo_views.send_now, name="command-sending"),
    path("commands/<uuid:key>/changes/", start_views.command.changes, name="command-changes"),
    path("accounts/", account_views.accounts.page, name="accounts"),
    path("accounts/changes/", account_views.accounts.changes, name="accounts-changes"),
    path("accounts/<int:pk>/", account_views.account.page, name="account"),
    path("accounts/<int:pk>/changes/", account_views.account.changes, name="account-changes"),
    path("accounts/<int:pk>/polls/<int:seq>/", account_views.poll_page, name="poll-requests"),
    path("accounts/<int:pk>/poll/", account_views.poll, name="poll"),
    path("notices/", notification_views.notices, name="notices"),
    path("notices/changes/", notification_views.notices_changes, name="notices-changes"),
    path("notices/messages/", notification_views.message_list, name="notice-messages"),
    path("notices/messages/<int:pk>/", notification_views.message_detail, name="notice-message"),
    path(
        "notices/<int:pk>/acknowledgement/",
        notification_views.acknowledgement,
        name="notice-acknowledgement",
    ),
    path("notices/rules/", rule_views.rule_creation, name="notice-rules"),
    path("notices/rules/preview/", rule_views.rule_preview, name="notice-rule-preview"),
    path("notices/rules/test/", rule_views.rule_test, name="notice-rule-test"),
    path("notices/rules/<int:pk>/switch/", rule_views.rule_switch, name="notice-rule-switch"),
    path("notices/rules/<int:pk>/browsers/", browser_views.rule_browsers, name="rule-browsers"),
    path("notices/mutes/", notification_views.mute_creation, name="notice-mutes"),
    path("notices/mutes/<int:pk>/end/", notification_views.mute_end, name="notice-mute-end"),
    path("batches/", batch_views.batch_list.page, name="batches"),
    path("batches/changes/", batch_views.batch_list.changes, name="batches-changes"),
    path("batches/creation/", batch_views.batch_creation, name="batch-creation"),
    path("batches/<int:pk>/", batch_views.batch_detail, name="batch"),
    path("batches/<int:pk>/changes/", batch_views.batch_changes, name="batch-changes"),
    path("batches/<int:pk>/start/", batch_views.batch_start, name="batch-start"),
    path("batches/<int:pk>/undo/", batch_views.batch_undo, name="batch-undo"),
    path("batches/<int:pk>/stop/", batch_views.batch_stop, name="batch-stop"),
    path("batches/<int:pk>/retry/", batch_views.batch_retry, name="batch-retry"),
    path("batches/<int:pk>/result.csv", batch_item_views.batch_result, name="batch-result"),
    path("accounts/<int:pk>/blind-test/", account_views.blind_test, name="blind-test"),
    path("audit/", audit_views.audit, name="audit"),
    path("audit.csv", audit_views.export, name="audit-export"),
    path("palette/", palette_views.palette, name="palette"),
    path("my-work/", my_work_views.my_work.page, name="my-work"),
    path("my-work/changes/", my_work_views.my_work.changes, name="my-work-changes"),
    path("shift/", handover_views.shift.page, name="shift"),
    path("shift/changes/", handover_views.shift.changes, name="shift-changes"),
    path("shift/handover/", handover_views.handover, name="handover"),
    path("preferences/", preferences.preferences, name="preferences"),
    path("preferences/tokens/", token_views.tokens, name="tokens"),
    path(
        "preferences/tokens/<int:pk>/revocation/", token_views.revocation, name="token-revocation"
    ),
    path("preferences/browsers/", browser_views.browser_list, name="browsers"),
    path("preferences/browsers/<int:pk>/removal/", browser_views.removal, name="browser-removal"),
    path("preferences/browsers/<int:pk>/test/", browser_views.test, name="browser-test"),
    path("people/invitations/", invitation_views.invitation_list, name="invitations"),
    path(
        "people/invitations/<int:pk>/revocation/",
        invitation_views.revocation,
        name="invitation-revocation",
    ),
    path("preferences/guide/", first_visit.guide_dismissal, name="guide-dismissal"),
    path("manifest.webmanifest", installed_app.manifest, name="manifest"),
    path("service-worker.js", installed_app.service_worker, name="service-worker"),
    path("offline/", installed_app.offline, name="offline"),
    path("statuses/", status_help.statuses, name="statuses"),
    path("help/", help_pages.help_page, name="help"),
    path("help/<slug:slug>/", help_pages.help_page, name="help-page"),
]
