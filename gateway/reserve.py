"""A file that holds room on the disk, to be given up when the disk is full and made again later.

SQLite needs room even to delete: with none at all, what waits could never leave, nor be dropped.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from adapters.errors import TransientError
from gateway.database import disk_space

FILE = "reserve"
"""Name of the file in the state directory."""
_PARTS = 4
_OURS = 0o600


@dataclass(frozen=True, slots=True)
class Reserve:
    """The reserve of a directory: `size` is what it shall hold, in bytes (0: none)."""

    directory: Path
    size: int

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.directory / FILE

    def held(self) -> int:
        """Give the bytes it holds now."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def whole(self) -> bool:
        """Tell whether it holds all it shall."""
        return self.held() >= self.size

    def give(self) -> bool:
        """Give up a quarter of its size; False when there was nothing left to give.

        The rest stays: another program may take at once what was given up.
        """
        held = self.held()
        if held == 0:
            return False
        try:
            os.truncate(self.path, max(0, held - max(1, -(-self.size // _PARTS))))
        except OSError:
            return False
        return True

    def fill(self) -> bool:
        """Take what is missing, where the disk has half as much again; tells whether it is whole.

        The blocks are allocated for real, so that no other program can have them.
        """
        if self.whole():
            return True
        try:
            if disk_space(self.directory) < (self.size - self.held()) + self.size // 2:
                return False
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OURS)
            try:
                os.posix_fallocate(file, 0, self.size)
            finally:
                os.close(file)
        except (OSError, TransientError):
            self.give()
            return False
        return True
