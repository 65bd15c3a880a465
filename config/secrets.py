"""Values that are not in the file: environment variables by name, secrets in files of their own."""

import re
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from config.locate import Findings
from config.toml import Key

_VARIABLE = re.compile(r"\$(\$\{|\{([^}]*)\})")
_SECRETS = frozenset(
    {"password", "passwd", "passphrase", "secret", "token", "private_key_password"}
)

_ELSEWHERE = "/run/credentials/of-the-service"


def for_operator(env: Mapping[str, str]) -> dict[str, str]:
    """Give the environment for a command outside the service, where its credentials are not.

    They are then taken as being there, and not read.
    """
    return {"CREDENTIALS_DIRECTORY": _ELSEWHERE, **env}


def resolved(data: Any, env: Mapping[str, str], findings: Findings, at: Key = ()) -> Any:
    """Fill in `${NAME}` in every text from the environment (`$${` stands for `${` itself).

    What cannot stay in the tree is noted and left out: variables that are not set, secrets
    written out, and dates, which no setting takes.
    """
    if isinstance(data, Mapping):
        filled: dict[str, Any] = {}
        for name, value in data.items():
            if _plain(value):
                filled[name] = value
            elif not _refused(value, (*at, name), findings):
                filled[name] = resolved(value, env, findings, (*at, name))
        return filled
    if isinstance(data, list):
        return [
            resolved(value, env, findings, (*at, position)) for position, value in enumerate(data)
        ]
    if isinstance(data, date | time):
        findings.add(at, "a date", "a text in quotation marks, or a number")
        return str(data)
    return _filled(data, env, findings, at) if isinstance(data, str) and "$" in data else data


def _plain(table: Any) -> bool:
    """Tell a table in which nothing is to be filled in or refused: of many points, nearly all."""
    if type(table) is not dict:
        return False
    for name, value in table.items():
        kind = type(value)
        if kind is str:
            if "$" in value or name.lower() in _SECRETS:
                return False
        elif (kind is not int and kind is not float) or name.lower() in _SECRETS:
            return False
    return True


def _refused(value: Any, at: Key, findings: Findings) -> bool:
    name = str(at[-1])
    if name.lower() not in _SECRETS or isinstance(value, Mapping | list):
        return False
    hint = (
        f'put it alone in a file of mode 0600 and write {name}_file = "…", '
        f'or {name}_file = "credential:NAME" for a credential of systemd'
    )
    findings.add(at, "a secret written out", hint=hint)
    return True


def _filled(text: str, env: Mapping[str, str], findings: Findings, at: Key) -> str:
    def value(found: re.Match[str]) -> str:
        if found[2] is None:
            return "${"
        if found[2] not in env:
            hint = f"set {found[2]} in the service's environment, or write the value here"
            findings.add(at, f"${{{found[2]}}}, which is not set", hint=hint)
        return env.get(found[2], found[0])

    return _VARIABLE.sub(value, text)


def secret(file: str | None, at: Key, findings: Findings) -> str | None:
    """Read a secret from its file, without the line's end; notes what is wrong with the file."""
    if file is None or file.startswith(f"{_ELSEWHERE}/"):
        return None
    try:
        text = Path(file).read_text("utf-8").rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        hint = "make the file, and let the service's user read it"
        findings.add(at, f"{file}, which cannot be read ({reason})", "a file", hint)
        return None
    if not text:
        findings.add(at, f"{file}, which is empty", "a file with the secret alone in it")
    return text or None
