"""Secrets in files of their own, read when they are used, so that a new one needs no restart."""

from pathlib import Path

from adapters.errors import PermanentError


def read_secret(file: str) -> str:
    """Read a secret without the line's end; raises `PermanentError` when there is none."""
    try:
        text = Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise PermanentError(
            f"the secret cannot be read ({reason})",
            where=file,
            mend="write it alone into the file, and let the service's user read it (mode 0600)",
        ) from error
    if not text:
        raise PermanentError(
            "the file of the secret is empty", where=file, mend="write the secret alone into it"
        )
    return text
