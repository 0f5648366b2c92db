"""Owner, labels and expected runs of a workflow, as a form."""

from __future__ import annotations

from django import forms

from executions.notifications.rule_form import SpanField


class DescriptionForm(forms.Form):
    """As the page of a workflow shows it."""

    owner = forms.CharField(
        label="Owner", required=False, max_length=150, help_text="The name of a person or a team."
    )
    labels = forms.CharField(
        label="Labels", required=False, max_length=500, help_text="Separated by commas."
    )
    expected_seconds = SpanField(
        label="A run is expected every",
        required=False,
        help_text="Such as 1d, 2h or 15m. Empty: calculated from its starts if they are regular.",
    )
    grace_seconds = SpanField(
        label="It may be late by",
        required=False,
        help_text="Empty: a quarter of the usual time between starts, at least a minute.",
    )
