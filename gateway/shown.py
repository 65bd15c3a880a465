"""Files by which a service shows how it stands: replaced in one step, made anew within seconds."""

import os
from pathlib import Path

_GROUP = 0o640


def show(path: Path, text: str) -> None:
    """Put a text in place of a file's, so that no reader sees half of it; raises `OSError`.

    Members of the service's group may look, whatever its umask (node_exporter's user can be one);
    others may not: it has values. It is not made to outlast a power cut.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text)
    fresh.chmod(_GROUP)
    fresh.replace(path)
