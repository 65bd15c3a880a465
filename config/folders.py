"""Where state is kept: as the file says, as systemd says, else the service's own folders."""

from collections.abc import Mapping


def folders(
    directory: str | None, runtime: str | None, base: str, env: Mapping[str, str], service: str
) -> tuple[str, str]:
    """Give the state and runtime folders; relative ones start at `base`, the file's folder.

    systemd lists several folders with colons between them; the first is the service's.
    """
    chosen = []
    for given, variable, default in (
        (directory, "STATE_DIRECTORY", f"/var/lib/{service}"),
        (runtime, "RUNTIME_DIRECTORY", f"/run/{service}"),
    ):
        offered = env.get(variable, "").split(":")[0]
        chosen.append(_absolute(given, base) if given else offered or default)
    return chosen[0], chosen[1]


def _absolute(path: str, base: str) -> str:
    return path if path.startswith("/") else f"{base}/{path}"
