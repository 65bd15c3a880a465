"""The documents point at what there is."""

import re
from pathlib import Path

import pytest

from agent.cli.group import sidestream
from agent.cli.hub import hub
from agent.cli.partner import partner

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "AGENTS.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")]
_LINK = re.compile(r"\]\(([^)#:]+)\)")
_COMMAND = re.compile(r"(?<!-u )(?<!\*\*)\bsidestream (hub |partner )?([a-z]+(?:-[a-z]+)*)")
_GROUPS = {"": sidestream, "hub": hub, "partner": partner}
_SIGNED = {
    "admission",
    "detail",
    "invitation",
    "owner",
    "pooled",
    "pseudonym",
    "record",
    "remainder",
    "roster",
    "succession",
}
"""Words that follow the name where it separates uses of a key instead of calling a command."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    missing = [
        link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_a_page_names_exists(page: Path) -> None:
    code = re.findall(r"`([^`]*)`|^((?:sudo|sidestream) .*)$", page.read_text(), re.MULTILINE)
    for text in ("".join(found) for found in code):
        for group, name in _COMMAND.findall(text):
            known = _GROUPS[group.strip()]
            assert name in {*known.members, *_SIGNED}, text
