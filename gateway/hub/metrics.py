"""The hub's metrics, made of its status: members by name, for its operator alone."""

from adapters.reading import NANOSECONDS
from gateway.hub.status import HubStatus
from gateway.prometheus import Metric, by, one


def metrics(status: HubStatus) -> list[Metric]:
    """Give what a hub's status says, as metrics."""
    return [*_links(status), *_ledger(status), *_members(status)]


def _links(status: HubStatus) -> list[Metric]:
    live = status.live
    if live is None:
        return []
    store = live.store_up
    return [
        one("sidestream_hub_broker_up", "gauge", "1 while the hub hears records.", live.broker_up),
        one("sidestream_hub_store_up", "gauge", "1 while the store takes cells.", store),
        one("sidestream_hub_problem", "gauge", "1 while it has a problem.", bool(live.problem)),
        one(
            "sidestream_hub_start_time_seconds",
            "gauge",
            "When the hub was started, in seconds since 1970.",
            live.started / NANOSECONDS,
        ),
        one(
            "sidestream_hub_status_time_seconds",
            "gauge",
            "When this was written, in seconds since 1970.",
            live.updated / NANOSECONDS,
        ),
    ]


def _ledger(status: HubStatus) -> list[Metric]:
    return [
        one("sidestream_hub_records_total", "counter", "Records stored.", status.records),
        one("sidestream_hub_duplicates_total", "counter", "Copies received.", status.duplicates),
        one("sidestream_hub_superseded_total", "counter", "Records replaced.", status.superseded),
        by(
            "sidestream_hub_quarantined_total",
            "counter",
            "Messages quarantined, by reason.",
            "reason",
            status.quarantine,
        ),
        by(
            "sidestream_hub_limited_total",
            "counter",
            "Messages not taken for the limits, by sender.",
            "member",
            status.limited,
        ),
        one(
            "sidestream_hub_undecided_figures",
            "gauge",
            "Figures that wait for their window.",
            status.undecided_figures,
        ),
        one("sidestream_hub_cells_total", "counter", "Cells decided.", status.decided_cells),
        one(
            "sidestream_hub_unwritten_cells",
            "gauge",
            "Cells that wait for the store.",
            status.unwritten_cells,
        ),
        one(
            "sidestream_hub_unpublished_cells",
            "gauge",
            "Cells that wait for the feed.",
            status.unpublished_cells,
        ),
    ]


def _members(status: HubStatus) -> list[Metric]:
    members = status.members
    return [
        by(
            "sidestream_hub_member_online",
            "gauge",
            "1 while a member is connected.",
            "member",
            {member.name: bool(member.online) for member in members},
        ),
        by(
            "sidestream_hub_member_missing_records",
            "gauge",
            "Sequences of a member never received.",
            "member",
            {member.name: member.gaps for member in members},
        ),
        by(
            "sidestream_hub_member_last_window_end_time_seconds",
            "gauge",
            "End of a member's last window, in seconds since 1970.",
            "member",
            {
                member.name: member.last_window_end / NANOSECONDS
                for member in members
                if member.last_window_end is not None
            },
        ),
    ]
