"""Licences of what is shipped: none that would bind who uses it."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

LOCK = Path(__file__).parents[2] / "requirements" / "package.txt"
PERMITTED = ("MIT", "BSD", "Apache", "MPL", "Mozilla", "PSF", "Python Software", "ISC", "Zlib")
LIBRARIES = {"asyncua"}
"""Under the LGPL: imported as they are, installed apart from our code, replaceable by anyone."""
NAMES = re.findall(r"^([\w.-]+)==", LOCK.read_text(), re.MULTILINE)


def installed(name: str) -> bool:
    try:
        return bool(metadata(name))
    except PackageNotFoundError:  # for another system or an older Python
        return False


def licence(name: str) -> str:
    """Give what a distribution says of its licence."""
    told = metadata(name)
    classes = [one for one in told.get_all("Classifier") or () if one.startswith("License ::")]
    texts = [*(told.get_all("License-Expression") or told.get_all("License") or ()), *classes]
    return " ".join(texts)


@pytest.mark.parametrize("name", [name for name in NAMES if installed(name)])
def test_what_is_shipped_may_be_used_by_anyone(name: str) -> None:
    told = licence(name)
    if name in LIBRARIES:
        assert "Lesser General Public" in told or "LGPL" in told
    else:
        assert any(word in told for word in PERMITTED), told
        assert "GPL" not in told


def test_most_of_what_is_shipped_is_looked_at() -> None:
    assert sum(map(installed, NAMES)) >= 0.8 * len(NAMES)
