"""What the hub says of its own files before they become trouble."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.hub_plan import HubPlan
from config.plan import BrokerPlan, TlsPlan
from gateway.hub.upkeep import upkeep
from tests.hubkit import hub_plan, plant
from tests.pki import Authority

NOW = time.time_ns()


def planned(folder: Path, days: int) -> HubPlan:
    authority = Authority(folder / "pki")
    pair = authority.client("hub", ahead=timedelta(days=days))
    pair.key.chmod(0o600)
    (folder / "hub.pem").touch(0o600)
    tls = TlsPlan(str(authority.path), str(pair.certificate), str(pair.key))
    return replace(hub_plan(folder, plant(1)), broker=BrokerPlan("127.0.0.1", 1, tls))


@pytest.mark.parametrize(
    ("days", "said"),
    [(40, ""), (20, "less than 30 days"), (5, "less than 7 days"), (-1, "expired on")],
)
def test_a_certificate_is_told_of_before_it_runs_out(tmp_path: Path, days: int, said: str) -> None:
    found = upkeep(planned(tmp_path, days), NOW)
    if not said:
        assert found == []
        return
    (only,) = found
    assert said in only
    assert "certificate" in only


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_told_with_what_to_do(tmp_path: Path, mode: int) -> None:
    plan = planned(tmp_path, 40)
    Path(plan.key_file).chmod(mode)
    assert upkeep(plan, NOW) == [
        f"others than its owner can read a secret: `chmod 600 {plan.key_file}`"
    ]
