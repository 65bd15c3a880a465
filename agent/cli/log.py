"""What `run` commands say while they run: one line an event, on standard error."""

import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.changes import CHANGES
from gateway.journal import Journal, ours

_PRIORITY = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""Levels as the journal takes them from the beginning of a line (sd-daemon(3))."""
_ABOUT = ("source", "stream", "part", "event")
"""What a line may be about: extras of log calls, members in JSON, fields in the journal."""
_NAMES = {identifier: name for name, identifier in CHANGES.items()}
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
    """Writes a message as a JSON object on one line: time, level, logger, message, what about."""

    def format(self, record: logging.LogRecord) -> str:
        """Write time in RFC 3339, what the line is about, and `trace` after a failure."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= about(record)
        if (identifier := getattr(record, "change", "")) in _NAMES:
            line["change"] = _NAMES[identifier]
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class ToJournal(logging.Handler):
    """Gives the journal each message as an entry with fields; what it refuses goes to `beside`."""

    def __init__(self, journal: Journal, beside: logging.Handler) -> None:
        super().__init__()
        self._journal = journal
        self._beside = beside

    def emit(self, record: logging.LogRecord) -> None:
        """Write an entry."""
        if not self._journal.write(entry(record)):
            self._beside.handle(record)

    def close(self) -> None:
        """Close the way to the journal."""
        self._journal.close()
        super().close()


def about(record: logging.LogRecord) -> dict[str, str]:
    """Give what a line is about, by the names in `_ABOUT`."""
    found = {name: getattr(record, name, None) for name in _ABOUT}
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def entry(record: logging.LogRecord) -> dict[str, str]:
    """Give the journal's fields of a message (systemd.journal-fields(7))."""
    fields = {
        # One line, as elsewhere: a reader that prints messages alone is not to be misled.
        "MESSAGE": " ".join(record.getMessage().split()),
        "PRIORITY": str(_PRIORITY.get(record.levelname, 6)),
        "SYSLOG_IDENTIFIER": "sidestream",
        "SIDESTREAM_LOGGER": record.name,
        "CODE_FILE": record.pathname,
        "CODE_LINE": str(record.lineno),
        "CODE_FUNC": record.funcName or "",
    }
    fields |= {f"SIDESTREAM_{name.upper()}": value for name, value in about(record).items()}
    if (identifier := getattr(record, "change", "")) in _NAMES:
        fields["MESSAGE_ID"] = identifier
    if record.exc_info:
        fields["SIDESTREAM_TRACE"] = logging.Formatter().formatException(record.exc_info)
    return fields


def log_to_stderr(
    verbose: bool, form: str = "text", environment: Mapping[str, str] = os.environ
) -> None:
    """Log to standard error or, where that is the journal, to it with fields of their own."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO, handlers=[_handler(form, environment)]
    )
    for noisy in _QUIET:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _handler(form: str, environment: Mapping[str, str]) -> logging.Handler:
    plain = logging.StreamHandler(sys.stderr)
    if form == "json":
        plain.setFormatter(JsonLine())
        return plain
    # The journal is given priorities by each line's head where its socket is not to be had.
    plain.setFormatter(OneLine(journal="JOURNAL_STREAM" in environment))
    if ours(environment):
        with contextlib.suppress(OSError):
            return ToJournal(Journal(), plain)
    return plain
