"""Refusals of a broker: the page for operators says what the program says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plant.md").read_text()
SECTION = PAGE.split("### What is said when the broker's connection is refused")[1]
ROWS = re.findall(r"(?m)^\| (the .+?) \| (.+) \|$", SECTION.split("\n## ")[0])
UNTRIED = "the broker refused the subscription"
"""A mosquitto with a file of access rules grants every subscription, and then sends nothing."""
CODE = " ".join(
    re.sub(r'"\s+f?"', "", path.read_text()) for path in sorted((ROOT / "gateway").glob("*.py"))
)
TESTS = " ".join(path.read_text() for path in sorted((ROOT / "tests").rglob("test_mqtt_*.py")))


@pytest.mark.parametrize("said", [said for said, _ in ROWS])
def test_each_row_has_the_words_of_the_program_and_a_test_with_a_broker(said: str) -> None:
    parts = [part.partition(": ")[0] for part in said.split(" → ")]
    assert all(part in CODE for part in parts)
    assert parts[-1] in TESTS or parts[-1] == UNTRIED


def test_each_refusal_of_a_certificate_has_a_row() -> None:
    told = re.findall(r'_Words\(\s*"(the broker\'s certificate [^"(]+?)(?: \(|",)', CODE)
    rare = ("was revoked",)
    said = " ".join(one for one, _ in ROWS)
    assert len(told) > len(rare)
    assert not [one for one in told if one not in said and not one.endswith(rare)]
