"""Changes of state that are logged once each, by an identifier that never changes.

The journal finds them by it (`journalctl MESSAGE_ID=…`, systemd.journal-fields(7)); a new kind of
change gets a new random one (`systemd-id128 new`).
"""

from typing import Final

STARTED: Final = "2653f71849e2419f90838120f12ebeb4"
"""The program starts."""
STOPPED: Final = "8d5fcf442c0948daaac6501192eb3397"
"""The program has stopped cleanly."""
SOURCE: Final = "141298036a1f45fe8277668b0d90fc6b"
"""A source's link is up, down or impaired, with another reason than before."""
BROKER: Final = "58dc91ffc673496f90212677e443dbb1"
"""The link to the broker stands or not, with another reason than before."""
TROUBLE: Final = "143dcc1686cf45a8b099c499804f0aec"
"""A part of the program has a trouble, or another one than before."""
WELL: Final = "2f540093384d41f78fb6d0f05ab7c67d"
"""A part of the program is well again."""
CLOCK: Final = "39e386288dca460e86b9651a4ab5e5fe"
"""The clock is good enough to measure by, is not any more, or was set."""
EVENT: Final = "635dafc6ce9043ec98c2fbffdf9dede5"
"""Something happened to a stream's meter; field SIDESTREAM_EVENT is its kind."""

CHANGES = {
    "started": STARTED,
    "stopped": STOPPED,
    "source": SOURCE,
    "broker": BROKER,
    "trouble": TROUBLE,
    "well": WELL,
    "clock": CLOCK,
    "event": EVENT,
}
"""By name, as the logs in JSON have them and docs/plant.md lists them."""
