"""Fixtures for unit tests."""

from tests.clikit import call, hub, plant

__all__ = ["call", "hub", "plant"]
