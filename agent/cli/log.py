"""What `run` commands say while they run: one line an event, on standard error."""

import logging
import os
import sys
from collections.abc import Mapping

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


def log_to_stderr(verbose: bool, environment: Mapping[str, str] = os.environ) -> None:
    """Log to standard error; the journal is given priorities, and adds the time itself."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(journal="JOURNAL_STREAM" in environment))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for noisy in _QUIET:
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
