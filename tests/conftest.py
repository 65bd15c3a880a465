"""Fixtures for all tests, and the rule for tests whose service this computer does not have."""

import os
import signal
from collections import Counter
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import settings

from tests.servers import may_separate, may_trace, mosquitto, program, victoria

__all__ = ["mosquitto", "victoria"]

# A busy computer is slow now and then; a test that hangs ends by its timeout.
settings.register_profile("sidestream", settings(deadline=None))
settings.load_profile("sidestream")

REQUIRE = "SIDESTREAM_REQUIRE_SERVICES"
PACKAGE = "SIDESTREAM_DEB"
_ABSENT = pytest.StashKey[Counter[str]]()
_NEEDS = {
    "mosquitto": "the Debian package mosquitto: sudo apt-get install mosquitto",
    "victoria": "the Debian package victoria-metrics: sudo apt-get install victoria-metrics",
    "systemd": "the Debian package systemd, for systemd-analyze: sudo apt-get install systemd",
    "node": "the Debian package nodejs: sudo apt-get install nodejs",
    "strace": "the Debian package strace, and to trace: sudo apt-get install strace",
    "root": "root: sudo make test",
    "namespaces": "root, a kernel that lets it make network namespaces and mounts, and the Debian "
    "packages nftables and iproute2: sudo apt-get install nftables iproute2",
    "container": "a built package and a container with systemd: sudo make deb-test",
    "coolprop": 'the extra media: pip install "sidestream[media]"',
}


_PROGRAMS = {
    "mosquitto": "mosquitto",
    "victoria": "victoria-metrics",
    "systemd": "systemd-analyze",
    "strace": "strace",
    "node": "node",
    "nft": "nft",
    "ip": "ip",
}


def pytest_configure() -> None:
    """Let programs that tests start hear Ctrl-C, also where our own shell ignores it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _absent(marker: str) -> bool:
    if marker == "root":
        return os.geteuid() != 0
    if marker == "container":
        return PACKAGE not in os.environ
    if marker == "coolprop":
        return find_spec("CoolProp") is None
    if marker == "strace":
        return not may_trace()
    if marker == "namespaces":
        return os.geteuid() != 0 or _missing("ip") or _missing("nft") or not may_separate()
    return _missing(marker)


def _missing(name: str) -> bool:
    try:
        program(_PROGRAMS[name])
    except FileNotFoundError:
        return True
    return False


def _unobtainable() -> set[str]:
    """Name what no package brings: a machine for containers, and what a kernel refuses to root."""
    refused = {"container"}
    if not _missing("strace") and not may_trace():
        refused.add("strace")
    if os.geteuid() == 0 and not may_separate():
        refused.add("namespaces")
    return refused


def _counts(config: pytest.Config) -> Counter[str]:
    nothing: Counter[str] = Counter()
    return config.stash.get(_ABSENT, nothing)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that need what is absent; where services are required they run and fail."""
    counts: Counter[str] = Counter()
    config.stash[_ABSENT] = counts
    absent = {marker for marker in _NEEDS if _absent(marker)}
    if os.environ.get(REQUIRE) == "1":
        # These are told, not failed.
        absent &= _unobtainable()
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    for item in items:
        lacks = sorted(absent & {mark.name for mark in item.iter_markers()})
        counts.update(lacks[:1])
        (dropped if lacks else kept).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test that needs what is absent (it is only run where services are required)."""
    for marker, need in _NEEDS.items():
        if item.get_closest_marker(marker) is not None and _absent(marker):
            pytest.fail(f"this test needs {need}", pytrace=False)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's counts to the process that writes the summary."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["absent"] = dict(_counts(session.config))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take a worker's counts: every worker collects the same tests, so any one will do."""
    counts = getattr(node, "workeroutput", {}).get("absent", {})
    node.config.stash[_ABSENT] = Counter(counts) | _counts(node.config)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name what was missing and how to get it."""
    for marker, count in sorted(_counts(config).items()):
        terminalreporter.write_line(f"{count} tests not run: they need {_NEEDS[marker]}")
