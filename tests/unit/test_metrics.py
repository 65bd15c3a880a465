"""Metrics: each is documented, named by the conventions, and says nothing of a product."""

import re
from pathlib import Path

import pytest

from adapters.adapter import Health, Link
from adapters.errors import TransientError
from agent.keeping.tables import Depth, Storage
from agent.running.metrics import metrics as of_agent
from agent.running.status import describe
from agent.running.uplink import UplinkState
from config.metrics_plan import MetricsPlan
from gateway import prometheus
from gateway.hub.metrics import metrics as of_hub
from gateway.hub.status import HubStatus, Live, MemberStatus
from gateway.mqtt import LinkState
from gateway.prometheus import Metric, render
from tests.unit.test_status import START, block, board, snapshot

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([\w, ]*) ?\| (.*) \|$", re.MULTILINE)
LINE = re.compile(r'[a-z_]+(\{[a-z]+="([^"\\\n]|\\.)*"\})? [0-9.e+-]+')


def agent_metrics() -> list[Metric]:
    made = board(mill=Health(Link.DOWN, "away", requests=9, failures=2))
    made.note(block(1, 1))
    document = describe(
        snapshot(
            made,
            depth=Depth(3, 99, START, {"queued": 3, "receipted": 7, "dropped": 1}, None),
            storage=Storage(10, 20, 30, 40, 5, ""),
            uplink=UplinkState(LinkState(connected=True), sent=8),
        )
    )
    return of_agent(document)


def hub_metrics() -> list[Metric]:
    live = Live(START, START, True, "", None, "")
    member = MemberStatus("plant 1", "Owner", "ora", True, 4, START, START, 2)
    counts = (1, 2, 3, 4, 5, 6, 7, 8)
    return of_hub(HubStatus("ora", live, (member,), {"conflict": 1}, *counts, None))


def values(made: list[Metric]) -> dict[str, str]:
    lines = [line for line in render(made).splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_every_metric_is_documented_and_every_documented_one_exists() -> None:
    made = {metric.name: metric for metric in [*agent_metrics(), *hub_metrics()]}
    rows = ROW.findall(PAGE.read_text())
    assert {name: (kind, about) for name, kind, _, about in rows} == {
        name: (metric.kind, metric.about) for name, metric in made.items()
    }


def test_names_follow_the_conventions() -> None:
    for metric in [*agent_metrics(), *hub_metrics()]:
        assert re.fullmatch(r"sidestream_[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name


def test_every_line_can_be_read_by_its_format() -> None:
    for made in (agent_metrics(), hub_metrics()):
        text = render(made)
        assert text.endswith("\n")
        for line in text.splitlines():
            assert line.startswith("# ") or LINE.fullmatch(line), line


def test_the_agents_metrics_say_what_its_status_says() -> None:
    found = values(agent_metrics())
    assert found["sidestream_level"] == "1.0"
    assert found['sidestream_source_up{source="belt"}'] == "1.0"
    assert found['sidestream_source_up{source="mill"}'] == "0.0"
    assert found['sidestream_source_failures_total{source="mill"}'] == "2.0"
    assert found['sidestream_source_bad_points{source="belt"}'] == "1.0"
    assert found['sidestream_records_total{status="dropped"}'] == "1.0"
    assert 'sidestream_records_total{status="queued"}' not in found
    assert found["sidestream_outbox_oldest_time_seconds"] == str(START / 1e9)
    assert found["sidestream_sent_total"] == "8.0"


def test_the_hubs_metrics_say_what_its_status_says() -> None:
    found = values(hub_metrics())
    assert found["sidestream_hub_broker_up"] == "1.0"
    assert "sidestream_hub_store_up" not in found
    assert found['sidestream_hub_quarantined_total{reason="conflict"}'] == "1.0"
    assert found['sidestream_hub_member_missing_records{member="plant 1"}'] == "2.0"


def test_names_that_hold_quotes_and_line_breaks_are_escaped() -> None:
    made = prometheus.by("sidestream_x", "gauge", "a\nb", "source", {'a"b\n\\c': 1})
    assert render([made]).splitlines() == [
        "# HELP sidestream_x a\\nb",
        "# TYPE sidestream_x gauge",
        'sidestream_x{source="a\\"b\\n\\\\c"} 1.0',
    ]


def test_the_file_is_replaced_in_one_step_or_told_in_words(tmp_path: Path) -> None:
    prometheus.write(tmp_path, "a 1\n")
    prometheus.write(tmp_path, "a 2\n")
    [file] = tmp_path.iterdir()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("a 2\n", 0o640)
    with pytest.raises(TransientError, match="cannot be written"):
        prometheus.write(file, "a 3\n")


def test_a_file_that_is_not_wanted_any_more_is_taken_away(tmp_path: Path) -> None:
    made = [prometheus.by("sidestream_x", "gauge", "", "source", {"belt": 1, "mill": 2})]
    prometheus.publish(tmp_path, MetricsPlan(), made)
    assert "belt" in (tmp_path / "metrics.prom").read_text()
    prometheus.publish(tmp_path, MetricsPlan(names=False), made)
    assert "sidestream_x 3.0" in (tmp_path / "metrics.prom").read_text()
    assert "3.0" in prometheus.publish(tmp_path, MetricsPlan(file=False, names=False), made)
    assert not list(tmp_path.iterdir())
