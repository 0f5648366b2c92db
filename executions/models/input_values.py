"""The scalar values of a run's input, as the search compares them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db.models import Func, TextField


class InputValues(Func):
    """Its texts and numbers at any depth, in lower case, at most 100 of at most 200 characters.
    The database function comes from a migration."""

    function = "executions_input_values"
    arity = 1
    output_field = ArrayField(TextField())
