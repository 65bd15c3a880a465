"""Detail for a contract partner: the messages between a plant and whom it has a contract with.

They are sealed to the partner alone (`gateway.partner_seal`); neither broker nor hub can open them.
"""

from typing import Annotated, Literal

from pydantic import Field

from gateway.contract import Cluster, Hex32, Instant, Message, WindowSpan
from gateway.wire import Band, FigureDirection, FigureKind, FigureUnit, Mark

Name = Annotated[str, Field(min_length=1, max_length=64)]
DetailRefusal = Literal[
    "malformed",
    "version",
    "oversized",
    "wrong-key",
    "changed",
    "wrong-sender",
    "bad-signature",
    "misaddressed",
    "binding",
    "wrong-contract",
    "expired",
    "replayed",
]
"""Why a partner does not take a detail."""


class DetailWindow(Message):
    """What a stream had in one window of the contract; its length is told with the stream."""

    start: Instant
    """First instant of the window."""
    quantity: float | None = Field(default=None, allow_inf_nan=False)
    """Quantity in the window, rounded; absent where nothing of the window was observed."""
    coverage: float = Field(ge=0, le=1)
    """Share of the window that was observed; what was not observed is not in the quantity."""
    uncertain: float = Field(ge=0, le=1)
    """Share of the window that was observed with doubt."""
    band: Band | None = None
    """Temperature band of the supply in degrees Celsius; heat only."""
    marks: tuple[Mark, ...] = Field(default=(), strict=False)
    """What a reader of the quantity must know."""


class Component(Message):
    """One component of a stream's mass."""

    name: Name
    """Name of the component, such as CaO."""
    share: float = Field(ge=0, le=1)
    """Share of the mass by the analysis that held at the end of the release window."""
    quantity: float | None = Field(default=None, allow_inf_nan=False)
    """What the release window had of it, by the analyses that held; absent where the mass its share
    is of was not known."""


class Composition(Message):
    """What a stream is made of, by its last analysis."""

    of: Literal["wet", "dry"]
    """Which mass the shares are of."""
    since: Instant | None = None
    """From when on the analysis holds; absent where it has no date."""
    components: tuple[Component, ...] = Field(max_length=50, strict=False)
    """The components."""


class DetailContinuity(Message):
    """How steady a stream was, over the hours (of UTC) that the partner was told of."""

    days: int = Field(ge=1)
    """Over how many days at most."""
    hours: int = Field(ge=1)
    """Hours that count: at least half of each was observed."""
    firm: float = Field(allow_inf_nan=False)
    """Firm level per hour: the contract's, or what nine hours in ten reached."""
    firm_share: float = Field(ge=0, le=1)
    """Share of the hours that reached it."""
    p10: float = Field(allow_inf_nan=False)
    """What nine hours in ten reached, per hour."""
    p50: float = Field(allow_inf_nan=False)
    """What every other hour reached."""
    p90: float = Field(allow_inf_nan=False)
    """What one hour in ten reached."""


class DetailStream(Message):
    """One stream under the contract, by the name the contract gives it."""

    label: Name
    """What the contract calls the stream."""
    kind: FigureKind
    """What kind of side stream this is."""
    code: str | None = Field(default=None, pattern=r"^\d{2}( \d{2}){0,2}\*?$")
    """Material code, generalised to 2, 4 or 6 digits; absent for heat."""
    direction: FigureDirection
    """Whether the plant gives this or takes it."""
    basis: Literal["wet", "dry"]
    """Which mass is counted."""
    unit: FigureUnit
    """UCUM unit of every quantity."""
    length: int = Field(ge=1)
    """Length of each window in seconds."""
    windows: tuple[DetailWindow, ...] = Field(max_length=1440, strict=False)
    """The windows, in order; none of batches that are too few to be told yet."""
    moisture: float | None = Field(default=None, ge=0, le=1)
    """Share of water in the wet mass at the end of the release window, where it is known."""
    composition: Composition | None = None
    """What it is made of, where there is an analysis."""
    continuity: DetailContinuity | None = None
    """How steady it is; absent before the first hour that counts."""


class Detail(Message):
    """All that a partner is told of one contract for one release window, before sealing."""

    v: Literal[1]
    """Major version of this contract."""
    id: Hex32
    """Identity: the same plant, partner, contract, window and revision always give the same id."""
    cluster: Cluster
    """Cluster on whose broker it travels."""
    partner: Hex32
    """Fingerprint of the partner's key it is sealed to."""
    plant: Hex32
    """Fingerprint of the plant's key."""
    contract: Name
    """The contract, as both sides call it."""
    until: Instant
    """End of the contract: nothing measured from then on is told."""
    window: WindowSpan
    """Release window the detail is of."""
    revision: int = Field(ge=0)
    """Counts restatements of the same window; 0 is the first."""
    streams: tuple[DetailStream, ...] = Field(max_length=100, strict=False)
    """The streams; none when nothing may leave."""
    nonce: Hex32
    """Random number of the commitment `bound` in the envelope."""
    signature: str
    """Ed25519 signature, base64, over the detail without this member in canonical form."""


class DetailEnvelope(Message):
    """What is published: a detail sealed to its partner, of fixed size."""

    v: Literal[1]
    """Major version of this contract."""
    cluster: Cluster
    """Cluster on whose broker it travels."""
    partner: Hex32
    """Fingerprint of the partner's key that can open it."""
    bound: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Commitment to sender, contract, streams and window; part of HPKE's `info`."""
    sealed: str
    """HPKE (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305), base64 of encapsulation and text."""
