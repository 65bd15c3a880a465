"""The table `[limits]` of a hub file: what the hub takes of what others send."""

from pydantic import Field

from adapters.fields import Duration, Settings
from config.hub_plan import HubLimits
from config.meters import NANOSECONDS


class LimitsTable(Settings):
    """What the hub takes of what others send.

    What is beyond is counted and not stored; records beyond get no receipt, so their plants send
    them again later.
    """

    rate: float = Field(default=100.0, ge=1, le=100_000)
    """Messages a second of one member that are looked at; all who are no members have a tenth."""
    burst: int = Field(default=2000, ge=10, le=1_000_000)
    """Messages of one member that may come at once beyond its rate."""
    daily_records: int = Field(default=20_000, ge=100, le=10_000_000)
    """Records of one member that are stored in a day (UTC)."""
    daily_megabytes: float = Field(default=64.0, gt=0, le=100_000)
    """Content of one member's records that is stored in a day (UTC), in megabytes."""
    quarantine_rows: int = Field(default=1000, ge=10, le=1_000_000)
    """Messages kept in the quarantine; of more, the oldest are dropped and counted."""
    quarantine_each: int = Field(default=100, ge=1, le=1_000_000)
    """Messages of one sender kept in the quarantine."""
    quarantine_age: Duration = 90 * 86_400.0
    """How long a message stays in the quarantine."""
    oldest: Duration = 400 * 86_400.0
    """Age of a record's window beyond which it is refused."""


def limits(table: LimitsTable) -> HubLimits:
    """Resolve the table."""
    return HubLimits(
        rate=table.rate,
        burst=table.burst,
        daily_records=table.daily_records,
        daily_bytes=round(table.daily_megabytes * 1_000_000),
        quarantine_rows=table.quarantine_rows,
        quarantine_each=table.quarantine_each,
        quarantine_age=round(table.quarantine_age * NANOSECONDS),
        oldest=round(table.oldest * NANOSECONDS),
    )
