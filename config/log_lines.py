"""The form of a line in the log, plain or as JSON. Neither holds a credential that this process has
used: not in its text, and not in a traceback."""

from __future__ import annotations

import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from config import log_context
from providers.redaction import hide_used


class Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return hide_used(super().format(record))


class JsonLine(JsonFormatter):
    """An object on one line, with the ids of what was being done."""

    def add_fields(
        self,
        log_data: dict[str, Any],
        record: logging.LogRecord,
        message_dict: dict[str, Any],
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data |= log_context.current()

    def format(self, record: logging.LogRecord) -> str:
        return hide_used(super().format(record))
