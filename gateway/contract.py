"""The wire contract: every message between plant, hub and feed, as models that give JSON Schema.

A receiver ignores members it does not know and refuses a major version it does not know. Quantities
are in UCUM units; instants are RFC 3339 in UTC to the second, such as 2026-03-01T00:00:00Z.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.wire import (
    KEYS,
    MEMBERS,
    Band,
    CellMagnitude,
    Contributors,
    FigureDirection,
    FigureKind,
    FigureUnit,
    Magnitude,
    Mark,
    Refusal,
)

INSTANT = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"
HEX32 = r"^[0-9a-f]{32}$"
CLUSTER = r"^[a-z0-9][a-z0-9-]{0,62}$"
CODE = r"^\d{2}( \d{2}){0,2}\*?$"
Instant = Annotated[str, Field(pattern=INSTANT)]
Hex32 = Annotated[str, Field(pattern=HEX32)]
Cluster = Annotated[str, Field(pattern=CLUSTER)]
Period = Annotated[str, Field(pattern=r"^\d{4}Q[1-4]$")]


class Message(BaseModel):
    """Base of everything on the wire."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, defer_build=True)


class WindowSpan(Message):
    """A half-open interval [start, end)."""

    start: Instant
    """First instant of the window."""
    end: Instant
    """First instant after the window."""


class Figure(Message):
    """What the disclosure policy made of one stream's total: the only thing that leaves a plant."""

    kind: FigureKind
    """What kind of side stream this is."""
    code: str | None = Field(default=None, pattern=CODE)
    """Material code, generalised to 2, 4 or 6 digits; absent for heat."""
    band: Band | None = None
    """Temperature band of the supply in degrees Celsius; heat only."""
    direction: FigureDirection
    """Whether the plant has this to give or wants it."""
    unit: FigureUnit
    """UCUM unit of the quantity."""
    quantity: float = Field(allow_inf_nan=False)
    """Quantity in the window, rounded."""
    coverage: float = Field(ge=0, le=1)
    """Share of the window that was observed."""
    uncertain: float = Field(ge=0, le=1)
    """Share of the window that was observed with doubt."""
    marks: tuple[Mark, ...] = Field(default=(), strict=False)
    """What a reader of the figure must know."""


class YearMagnitude(Message):
    """The order of magnitude of what a plant has of something in a year; told once a month."""

    kind: FigureKind
    """What kind of side stream this is."""
    code: str | None = Field(default=None, pattern=CODE)
    """Material code, generalised to 2, 4 or 6 digits; absent for heat."""
    direction: FigureDirection
    """Whether the plant has this to give or wants it."""
    unit: FigureUnit
    """UCUM unit of a year's quantity."""
    magnitude: Magnitude
    """From its first number to below its second, a year."""


class Record(Message):
    """All figures of one plant for one release window, before sealing."""

    v: Literal[1]
    """Major version of this contract."""
    id: Hex32
    """Identity of the record: the same plant, window and revision always give the same id."""
    cluster: Cluster
    """Cluster the record is meant for."""
    hub: Hex32
    """Fingerprint of the hub's key the record is sealed to."""
    plant: Hex32
    """Fingerprint of the plant's key."""
    pseudonym: Hex32
    """Name of the plant on the broker for this period."""
    sequence: int = Field(ge=1)
    """Counts the plant's records within a run."""
    run: int | None = Field(default=None, ge=1, lt=2**53)
    """Random number of the count `sequence` is in; a plant that lost its memory has a new one."""
    revision: int = Field(ge=0)
    """Counts restatements of the same window; 0 is the first."""
    window: WindowSpan
    """Release window the figures are for."""
    figures: tuple[Figure, ...] = Field(max_length=500, strict=False)
    """The figures; none when nothing may leave."""
    magnitudes: tuple[YearMagnitude, ...] = Field(default=(), max_length=500, strict=False)
    """Orders of magnitude of the last year, in the record of the window in which a month ends."""
    signature: str
    """Ed25519 signature, base64, over the record without this member in canonical form."""


class Envelope(Message):
    """What is published: a record sealed to the hub, of fixed size."""

    v: Literal[1]
    """Major version of this contract."""
    hub: Hex32
    """Fingerprint of the hub's key that can open it."""
    sealed: str
    """HPKE (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305), base64 of encapsulation and text."""


class Refused(Message):
    """A record the hub will not take, ever."""

    id: Hex32
    """Identity of the record."""
    reason: Refusal
    """Why it is not taken."""


class Receipt(Message):
    """What the hub has durably stored, signed by the hub."""

    v: Literal[1]
    """Major version of this contract."""
    cluster: Cluster
    """Cluster of the hub."""
    pseudonym: Hex32
    """Whom the receipt is for."""
    stored: tuple[Hex32, ...] = Field(strict=False)
    """Records in the ledger."""
    refused: tuple[Refused, ...] = Field(default=(), strict=False)
    """Records that will never be taken."""
    sequence: int = Field(ge=0)
    """Highest sequence of this plant in the ledger."""
    issued: Instant
    """When the hub wrote the receipt."""
    signature: str
    """Ed25519 signature, base64, over the receipt without this member in canonical form."""


class Presence(Message):
    """Whether an agent is connected; the offline form is its last will."""

    v: Literal[1]
    """Major version of this contract."""
    online: bool
    """True from connection to the end of the session."""


class Cell(Message):
    """A released or withheld sum over plants: the public feed and the store hold nothing else."""

    v: Literal[1]
    """Major version of this contract."""
    cluster: Cluster
    """Cluster the sum is over."""
    cell: str = Field(pattern=r"^[a-z0-9-]{1,200}$")
    """Name of the cell: the last part of its topic."""
    kind: FigureKind
    """What kind of side stream this is."""
    code: str | None = None
    """Material code at the cell's level; absent when the cell spans all codes of its kind."""
    place: str
    """Place at the cell's level; `all` is the whole cluster."""
    band: Band | None = None
    """Temperature band in degrees Celsius; heat only, absent when the cell spans all bands."""
    direction: FigureDirection
    """Surplus or need."""
    window: WindowSpan
    """Window the sum is for."""
    unit: FigureUnit
    """UCUM unit of the quantity."""
    status: Literal["released", "withheld"]
    """A withheld cell has no quantity and gives no reason."""
    quantity: float | None = Field(default=None, allow_inf_nan=False)
    """The sum."""
    noise: float | None = Field(default=None, gt=0, le=100)
    """Present when noise was added to the sum: its scale (that of a Laplace distribution), in
    percent of the largest contribution. It is drawn once for a cell and window."""
    magnitude: CellMagnitude | None = None
    """In cells whose names begin with `year-`, instead of a quantity: the decade of the sum of a
    year's quantities, in `unit` a year. The window is the month in which the year ends."""
    contributors: Contributors | None = None
    """How many owners contributed, as a band."""
    coverage: float | None = Field(default=None, ge=0, le=1)
    """Step that the mean share contributors observed of the window reaches: 0.95, 0.8, 0.5, 0."""
    marks: tuple[Mark, ...] = Field(default=(), strict=False)
    """`spread`, `reclassified` of contributions; `late` when earlier windows are in the sum."""
    released: Instant
    """When the cell was decided; it never changes after."""


class Succession(Message):
    """A key of the hub that follows another one, signed by that other one."""

    cluster: Cluster
    """The cluster."""
    hub: str = Field(pattern=r"^sshub1_[A-Za-z0-9_-]{86}$")
    """The hub's public key."""
    since: Period
    """Quarter from whose start on it is the hub's key."""
    signature: str
    """Ed25519 signature by the key before, base64, over this without this member."""


class Roster(Message):
    """Who is a member in a quarter, retained for all members, signed by the hub."""

    v: Literal[1]
    """Major version of this contract."""
    cluster: Cluster
    """The cluster."""
    number: int = Field(ge=1, lt=2**53)
    """Number of the issue: it only grows, and agents refuse an older one."""
    issued: Instant
    """When the hub wrote it."""
    period: Period
    """The quarter it is for."""
    hub: str = Field(pattern=r"^sshub1_[A-Za-z0-9_-]{86}$")
    """The hub's public key in this quarter; it signed the roster."""
    succession: tuple[Succession, ...] = Field(default=(), max_length=KEYS, strict=False)
    """Keys that followed one another, oldest first, and the one announced for a later quarter."""
    calendars: dict[str, str] = Field(max_length=8)
    """Windows that cells are decided for, by kind."""
    contributors: int = Field(ge=2)
    """Owners that must contribute to a cell at least."""
    members: tuple[Hex32, ...] = Field(max_length=MEMBERS, strict=False)
    """Tokens of those who count in the cells of this quarter, sorted."""
    coming: tuple[Hex32, ...] = Field(max_length=MEMBERS, strict=False)
    """Tokens of those who count in the cells of the next quarter, sorted."""
    signature: str
    """Ed25519 signature, base64, over the roster without this member in canonical form."""
