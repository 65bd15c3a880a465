"""What `run` commands say while they run: one line an event, on standard error."""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""Levels as the journal takes them from the beginning of a line (sd-daemon(3))."""
_QUIET = ("pymodbus", "asyncua", "mqtt", "asyncio", "influxdb_client")
"""Libraries whose errors are told by the parts that use them, in words of their own."""


class OneLine(logging.Formatter):
    """Writes a message on one line: a mend joins what it mends, and nothing can forge a line."""

    def __init__(self, *, journal: bool) -> None:
        plain = "%(levelname)s %(name)s: %(message)s"
        super().__init__(plain if journal else f"%(asctime)s {plain}")
        self._journal = journal

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Write the message alone; a traceback, where there is one, follows it."""
        line = " ".join(super().formatMessage(record).split())
        return f"<{_PRIORITY.get(record.levelname, 6)}>{line}" if self._journal else line


class JsonLine(logging.Formatter):
    """Writes a message as a JSON object on one line: time, level, logger, message, and source."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time in RFC 3339, `source` where the line is about one, `trace` after a failure."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (source := getattr(record, "source", None)) is not None:
            line["source"] = source
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a `run` command take the form of its log."""
    option = click.option(
        "--log",
        "form",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Write log lines as text, or as JSON objects.",
    )
    return option(command)


def log_to_stderr(
    verbose: bool, form: str = "text", environment: Mapping[str, str] = os.environ
) -> None:
    """Log to standard error; the journal is given priorities, and adds the time itself."""
    handler = logging.StreamHandler(sys.stderr)
    journal = "JOURNAL_STREAM" in environment
    handler.setFormatter(JsonLine() if form == "json" else OneLine(journal=journal))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for noisy in _QUIET:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
