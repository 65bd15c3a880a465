"""The published contract is the one the code uses."""

from pathlib import Path

from gateway.schemas import published

DOCS = Path(__file__).parents[2] / "docs" / "schema"


def test_the_published_message_schemas_are_those_of_the_models() -> None:
    for path, text in published(DOCS).items():
        assert path.read_text() == text, f"{path.name} is out of date: run `make schema`"
