"""The audit of the locked packages: what fails it, and what it says without a network."""

import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from deploy.audit import ACCEPTED, accepted, main, told

FOUND: dict[str, Any] = {
    "dependencies": [
        {"name": "sound", "version": "1", "vulns": []},
        {
            "name": "weak",
            "version": "2",
            "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["3"]}],
        },
    ]
}


def test_a_known_vulnerability_fails_the_audit_and_is_told_with_its_mend() -> None:
    assert told(FOUND, {}) == (["weak 2: PYSEC-1 (mended in 3)"], False)


@pytest.mark.parametrize("name", ["PYSEC-1", "CVE-1"])
def test_an_accepted_one_is_told_with_its_reason(name: str) -> None:
    lines, well = told(FOUND, {name: "never called"})
    assert well
    assert "accepted: never called" in lines[0]


def test_none_is_accepted_without_a_reason() -> None:
    accepted(ACCEPTED.read_text())
    with pytest.raises(ValueError, match="CVE-1"):
        accepted("CVE-1\n")


def test_without_an_answer_nothing_is_called_sound(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no route to host')\n")
    tool.chmod(0o755)
    done = CliRunner().invoke(main, [str(tool), "requirements/run.txt"])
    assert done.exit_code != 0
    assert "nothing is known" in done.output
    assert "no route to host" in done.output
