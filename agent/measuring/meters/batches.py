"""What counts as one batch: a ticket number, or a stable load between two empty scales."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from agent.measuring.meter import Book
from agent.measuring.window import LATE, NEVER, WILD


class Shown(NamedTuple):
    """What a scale shows at one instant, in the stream's unit.

    `steady` tells whether all of it was read at or after its last change; of a scale with a stable
    flag, whether the weight was stable. `gap` tells that nothing was seen for long before.
    """

    time: int
    gross: float
    net: float
    number: int
    void: bool
    steady: bool
    gap: bool


class Booked(NamedTuple):
    """A ticket as it was last counted; `ours` is false for the one shown before all counting."""

    time: int
    net: float
    ours: bool


class Batches(Protocol):
    """Decides what is a batch and puts each into a book once."""

    def see(self, shown: Shown, book: Book) -> None:
        """Take what the scale shows now."""

    def late(self, shown: Shown, book: Book) -> None:
        """Take what the scale showed before what was seen already."""

    def pending(self) -> int | None:
        """Give the instant of a batch that is seen but not yet counted."""

    def set_back(self, now: int) -> None:
        """Take what was seen after `now` as seen then: the clock was set back."""

    def snapshot(self) -> Any:
        """Give the state, fit for JSON."""

    def restore(self, state: Any) -> None:
        """Go on from a snapshot."""


class Tickets:
    """Counts each ticket number once; the last `remember` numbers are known.

    A known number with another weight is a correction: the difference counts where the ticket did,
    or in the first open window. A voided ticket weighs nothing. The number shown at the very first
    reading is where counting starts; 0 is no ticket. What is shown counts when it is steady.
    """

    def __init__(self, remember: int) -> None:
        self._remember = remember
        self._booked: dict[int, Booked] = {}
        self._began = NEVER
        self._number = 0
        self._sighted, self._gap = NEVER, False

    def see(self, shown: Shown, book: Book) -> None:
        """Count a new ticket or a correction."""
        if self._began == NEVER:
            self._began = shown.time
            if shown.number:
                self._booked[shown.number] = Booked(shown.time, shown.net, ours=False)
        if shown.number != self._number:
            if self.pending() is not None:
                detail = f"ticket {self._number} was gone before its weight was read"
                book.note(self._sighted, "ticket-missed", detail)
            self._number, self._sighted, self._gap = shown.number, shown.time, shown.gap
        if shown.steady:
            self._settle(shown, book)

    def _settle(self, shown: Shown, book: Book) -> None:
        if not shown.number:
            return
        net = 0.0 if shown.void else shown.net
        if net < 0:
            book.count(shown.time, WILD)
        elif shown.number not in self._booked:
            self._book(shown.number, Booked(self._sighted, net, ours=True), self._gap, book)
        else:
            self._correct(shown.number, self._booked[shown.number], net, book)

    def _book(self, number: int, ticket: Booked, gap: bool, book: Book) -> None:
        book.put(ticket.time, ticket.net, 1 if ticket.net else 0, gap)
        self._booked[number] = ticket
        while len(self._booked) > self._remember:
            forgotten = self._booked.pop(next(iter(self._booked)))
            self._began = max(self._began, forgotten.time)

    def _correct(self, number: int, ticket: Booked, net: float, book: Book) -> None:
        if net == ticket.net:
            return
        self._booked[number] = ticket._replace(net=net)
        if not ticket.ours:
            return
        book.put(ticket.time, net - ticket.net, bool(net) - bool(ticket.net))
        if ticket.net:
            detail = f"ticket {number}: {ticket.net:g} became {net:g}"
            book.note(ticket.time, "corrected", detail)

    def late(self, shown: Shown, book: Book) -> None:
        """Count a ticket that is told late, unless it may have been counted and forgotten."""
        known = not shown.number or shown.number in self._booked
        net = 0.0 if shown.void else shown.net
        if known or shown.time <= self._began or self._began == NEVER or net < 0:
            book.count(shown.time, LATE)
        else:
            self._book(shown.number, Booked(shown.time, net, ours=True), gap=False, book=book)

    def pending(self) -> int | None:
        """Give the instant of a ticket whose weight is not yet certain."""
        waits = self._number and self._number not in self._booked
        return self._sighted if waits else None

    def set_back(self, now: int) -> None:
        """Take what was seen after `now` as seen then."""
        self._began, self._sighted = min(self._began, now), min(self._sighted, now)

    def snapshot(self) -> dict[str, Any]:
        """Give the tickets that are known, oldest first."""
        return {
            "booked": [[number, *ticket] for number, ticket in self._booked.items()],
            "began": self._began,
            "shown": [self._number, self._sighted, self._gap],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a snapshot."""
        self._booked = {number: Booked(*ticket) for number, *ticket in state["booked"]}
        self._began = state["began"]
        self._number, self._sighted, self._gap = state["shown"]


class Loads:
    """Counts one load each time the scale has been empty: its highest stable net weight.

    The load that lies on the scale at the very first reading does not count.
    """

    def __init__(self, empty: float) -> None:
        self._empty = empty
        self._armed = False
        self._since, self._highest = NEVER, 0.0

    def see(self, shown: Shown, book: Book) -> None:
        """Count a load, or what it has grown by since."""
        if shown.gross <= self._empty:
            self._armed, self._since, self._highest = True, NEVER, 0.0
        elif self._armed and shown.steady and shown.net > self._highest:
            pieces = 0 if self._highest else 1
            self._since = shown.time if pieces else self._since
            book.put(self._since, shown.net - self._highest, pieces, shown.gap)
            self._highest = shown.net

    def late(self, shown: Shown, book: Book) -> None:
        """Leave out what is told late: between which empty scales it lay is not known."""
        book.count(shown.time, LATE)

    def pending(self) -> int | None:
        """Give None: a load counts at once."""
        return None

    def set_back(self, now: int) -> None:
        """Take what was seen after `now` as seen then."""
        self._since = min(self._since, now)

    def snapshot(self) -> list[Any]:
        """Give the load that is on the scale."""
        return [self._armed, self._since, self._highest]

    def restore(self, state: list[Any]) -> None:
        """Go on from a snapshot."""
        self._armed, self._since, self._highest = state
