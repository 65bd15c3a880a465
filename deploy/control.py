"""What dpkg is told of the package: its control file, checksums, licences and changelog."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from importlib.metadata import Distribution
from pathlib import Path


def filled(template: str, values: Mapping[str, object]) -> str:
    """Fill in the control file."""
    return template.format_map({name: str(value) for name, value in values.items()})


def kilobytes(root: Path) -> int:
    """Give the installed size as the policy counts it: each file rounded up, 1 for the rest."""
    sizes = (
        1 if path.is_symlink() or path.is_dir() else -(-path.stat().st_size // 1024)
        for path in root.rglob("*")
    )
    return sum(sizes)


def md5sums(root: Path) -> str:
    """Give the checksums dpkg verifies files with (`dpkg --verify`)."""
    lines = []
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and "DEBIAN" not in path.parts:
            total = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            lines.append(f"{total}  {path.relative_to(root)}\n")
    return "".join(lines)


def licences(found: Iterable[Distribution]) -> str:
    """List the packages of others that are installed with ours, and what they are under."""
    rows = {(one.name.lower(), one.version, _licence(one)) for one in found}
    return "".join(
        f"  {name} {version}: {licence}\n"
        for name, version, licence in sorted(rows)
        if name != "sidestream"
    )


def _licence(one: Distribution) -> str:
    for name in ("License-Expression", "License"):
        for text in one.metadata.get_all(name) or []:
            if text and "\n" not in text:
                return str(text)
    kinds = [
        line for line in one.metadata.get_all("Classifier") or [] if line.startswith("License")
    ]
    return "; ".join(line.rsplit(" :: ")[-1] for line in kinds) or "see its own text"


def changelog(version: str, epoch: int) -> str:
    """Write the changelog in Debian's form; ours is beside it."""
    date = format_datetime(datetime.fromtimestamp(epoch, UTC))
    return (
        f"sidestream ({version}) stable; urgency=medium\n\n"
        "  * See CHANGELOG.md.\n\n"
        f" -- The Sidestream maintainers <sidestream@example.org>  {date}\n"
    )
