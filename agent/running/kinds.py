"""What each kind of event means and what an operator does about it, for `sidestream events`."""

from collections.abc import Mapping
from typing import NamedTuple

from agent.measuring.total import EventKind


class Kind(NamedTuple):
    """An event's meaning, and what to do."""

    means: str
    do: str


KINDS: Mapping[EventKind, Kind] = {
    "reset": Kind(
        "A totaliser fell further than a rollover explains: it was reset, or its meter replaced. "
        "The jump counted as nothing, and counting goes on from the new reading.",
        "Compare with the maintenance log. If nobody reset it, look at the meter's supply.",
    ),
    "rollover": Kind(
        "A totaliser went through its highest value and began again at zero. Nothing was lost.",
        "Nothing.",
    ),
    "may-have-turned": Kind(
        "A totaliser was unread for so long that it may have turned once more than it shows. The "
        "smallest quantity that fits counted, and its windows are marked `may-have-turned`.",
        "Compare with the meter's own display or log; give the real `modulus` and `max_rate`.",
    ),
    "windows-skipped": Kind(
        "So long a time passed without the agent, or the clock went so far ahead, that no windows "
        "were made for it: nothing is known of that time.",
        "Check the clock with `timedatectl`; `sidestream backfill` fills in what a historian has.",
    ),
    "clock-step": Kind(
        "This computer's clock was set while the agent ran. No time was counted twice; windows of "
        "the step are marked `clock-step`.",
        "Check time synchronisation with `timedatectl` if it happens again.",
    ),
    "late-samples": Kind(
        "Readings came after their window was closed, and are left out of it.",
        "Lengthen `[windows] grace`, or see why the source is late.",
    ),
    "wild-values": Kind(
        "Single readings did not fit those around them, and are left out.",
        "Check the meter's wiring and its `plausible` limits.",
    ),
    "meter-silent": Kind(
        "A stream's meter had no usable reading for a whole window: its coverage is zero.",
        "`sidestream status` names the source or point and since when.",
    ),
    "meter-back": Kind("A silent meter's readings count again.", "Nothing."),
    "meter-changed": Kind(
        "The plant file says something else of the stream's meter than before, so that its "
        "baseline was begun anew.",
        "Nothing, if the change was meant.",
    ),
    "reclassified": Kind(
        "The plant file gives a stream another classification (code, status, treatment, direction "
        "or basis) than before: a new series begins there. The step is no flow.",
        "Nothing, if the change was meant; `[[streams.NAME.before]]` gives it its true date.",
    ),
    "corrected": Kind(
        "A weighing was changed after it had counted; the difference counted in a later window.",
        "Nothing, if the weighbridge's operator corrected it.",
    ),
    "ticket-missed": Kind(
        "A weighing's ticket number went by before its weight was read.",
        "Read the scale more often (`every`), or let it hold its values longer.",
    ),
    "cross-check": Kind(
        "A totaliser and the rate beside it tell different quantities.",
        "Check pulse value, unit and scaling of both.",
    ),
    "record-dropped": Kind(
        "A record that waited for its receipt was dropped: too old, the outbox or the disk full. "
        "The plant's own totals are not touched.",
        "See why the hub was away so long; `[outbox]` sets the bounds. Tell the hub's operator.",
    ),
    "record-withdrawn": Kind(
        "A record had been sent, and not been confirmed, when a stream in it was withdrawn. It is "
        "not sent again, so the hub may lack what other streams had in its window.",
        "Nothing is needed; tell the hub's operator if that window matters.",
    ),
    "withdrawn": Kind(
        "A stream was withdrawn: nothing of it leaves, whatever the plant file says.",
        "`sidestream withdraw STREAM --undo` lets it go as far as the plant file says again.",
    ),
    "restored": Kind(
        "A withdrawal was undone: the stream goes as far as the plant file says.",
        "Nothing, when it was meant.",
    ),
    "detail-dropped": Kind(
        "The disk was full: what the release log says of old settled records beside window and "
        "state was dropped. Totals, state and waiting records were kept.",
        "Free space on the disk of the state directory.",
    ),
    "partner-dropped": Kind(
        "Messages for partners that waited were dropped: too old, the outbox or the disk full. "
        "They go before any record; the plant's own totals are not touched.",
        "See whether the partner is subscribed; `[outbox]` sets the bounds. Tell the partner.",
    ),
    "partner-ended": Kind(
        "A contract was ended: no message is made for it any more, whatever the plant file says.",
        "`sidestream partner end NAME --undo` lets the plant file have the word again.",
    ),
    "partner-resumed": Kind(
        "The end of a contract was undone: it goes by the plant file.",
        "Nothing, when it was meant.",
    ),
    "certificate-expiring": Kind(
        "A certificate that the plant file names ends within 30 or 7 days, or has ended.",
        "The broker's: `sudo sidestream renew`. Another: put a new one in its place. The agent "
        "connects anew by itself when the broker's changes.",
    ),
    "certificate-renewed": Kind(
        "The client certificate was replaced by one that is good for longer.",
        "Nothing.",
    ),
    "state-damaged": Kind(
        "The state file was damaged and set aside. A new one was begun with what could be read.",
        "Check the disk (`journalctl -k`); remove the `state.sqlite.damaged-…` files afterwards.",
    ),
}
