"""What a stream was before: declared changes of its classification, with their days."""

from typing import Literal

from adapters.fields import Settings
from config.attribute_tables import Day
from config.texts import Code, Ns9431, Treatment


class BeforeTable(Settings):
    """What was different until a day; what is left out was as it is after it."""

    until: Day
    """The local day of the plant from whose first instant it was so no more, `"2026-07-01"`."""
    material: Code | None = None
    """Code of the List of Waste."""
    status: Literal["waste", "by-product", "end-of-waste"] | None = None
    """Legal status."""
    treatment: Treatment | None = None
    """Operation of the Waste Framework Directive."""
    ns9431: Ns9431 | None = None
    """Number in NS 9431."""
    direction: Literal["surplus", "need"] | None = None
    """Whether the plant gave or wanted it."""
    basis: Literal["wet", "dry"] | None = None
    """Which mass counted."""
