"""Ask for known vulnerabilities of the locked packages: `python -m deploy.audit PIP-AUDIT`."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements/package.txt", "requirements/dev.txt")
ACCEPTED = ROOT / "requirements" / "accepted.txt"


def accepted(text: str) -> dict[str, str]:
    """Read which are accepted, and why; raises ValueError for one without a reason."""
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, _, reason = line.strip().partition(" ")
        if not reason.strip():
            raise ValueError(f"{name}: no reason is given")
        found[name] = reason.strip()
    return found


def told(found: Mapping[str, Any], known: Mapping[str, str]) -> tuple[list[str], bool]:
    """Give a line for each vulnerability in the tool's answer, and whether all are accepted."""
    lines, well = [], True
    for package in found["dependencies"]:
        for one in package.get("vulns", ()):
            names = [one["id"], *one.get("aliases", ())]
            reason = next((known[name] for name in names if name in known), "")
            fixed = ", ".join(one["fix_versions"]) or "no version yet"
            said = f"accepted: {reason}" if reason else f"mended in {fixed}"
            lines.append(f"{package['name']} {package['version']}: {one['id']} ({said})")
            well = well and bool(reason)
    return lines, well


def _ask(tool: str, lock: str) -> Mapping[str, Any]:
    asked = [tool, "--requirement", lock, "--require-hashes", "--disable-pip", "--format", "json"]
    asked += ["--progress-spinner", "off"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        found: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise click.ClickException(
            f"{lock} could not be audited, so nothing is known of it: {said[0]}\n"
            "  → the audit asks a service on the internet: try again with a network"
        ) from None
    return found


@click.command()
@click.argument("tool")
@click.argument("locks", nargs=-1)
def main(tool: str, locks: Sequence[str]) -> None:
    """Ask TOOL (pip-audit) for known vulnerabilities of what is locked.

    Example: python -m deploy.audit build/supply/bin/pip-audit
    """
    known, well = accepted(ACCEPTED.read_text()), True
    for lock in locks or LOCKS:
        found = _ask(tool, lock)
        lines, fine = told(found, known)
        count = len(found["dependencies"])
        click.echo(f"{lock}: {count} packages, {len(lines)} known vulnerabilities")
        for line in lines:
            click.echo(f"  {line}")
        well = well and fine
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
