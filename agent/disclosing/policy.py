"""Whether a stream may leave at all, and as what: consent, security class and generalised code.

Every way out of the plant begins with these steps, in this order; each says what came of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from config.plan import SHARES, PlantPlan, Share, StreamPlan

NOBODY: Mapping[str, str] = MappingProxyType({})
EVERY = "*"
"""Stands for every stream among those withdrawn: what was withdrawn is not known."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the policy on one stream (or on the plant): what was done and what came of it."""

    name: str
    subject: str
    outcome: str
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds for all streams of a plant, whatever their own settings say.

    `barred` names streams that are never published, with the reason; `never_codes` are beginnings
    of material codes that are not. `withdrawn` names streams taken back, with what is told of it.
    """

    never_codes: Sequence[str] = ()
    barred: Mapping[str, str] = field(default_factory=lambda: NOBODY)
    withdrawn: Mapping[str, str] = field(default_factory=lambda: NOBODY)


def policy(plan: PlantPlan, withdrawn: Mapping[str, str] = NOBODY) -> Policy:
    """Give the policy of a plant: a code that is barred bars its stream under any other code too.

    A stream that was, is or will be of such a code is one and the same flow.
    """
    never = plan.never_codes
    barred = {}
    for stream in plan.streams:
        told = stream.series.values if stream.series else ()
        codes = {stream.code, *(one.code for one in told)}
        found = sorted(code for code in codes if code and barred_by(code, never))
        if found:
            barred[stream.name] = f"code {found[0]} is never published"
    return Policy(never, barred, withdrawn)


_SHORT_OF: Mapping[Share, str] = {
    "cluster": "no figures, its order of magnitude once a month",
    "partner": "no detail to partners",
}


def reaches(share: Share, level: Share) -> bool:
    """Tell whether a stream's share goes as far as a level: each includes those before it."""
    return share != "off" and SHARES.index(share) >= SHARES.index(level)


def consent(stream: StreamPlan, level: Share, rules: Policy) -> Step:
    """See whether the plant's people let the stream go as far as `level`, and still do."""
    withdrawn = rules.withdrawn.get(stream.name, rules.withdrawn.get(EVERY))
    if withdrawn is not None:
        return Step("consent", stream.name, withdrawn, stopped=True)
    if stream.share == "off":
        return Step("consent", stream.name, "share is off: nothing leaves", stopped=True)
    if not reaches(stream.share, level):
        outcome = f"share is {stream.share}: {_SHORT_OF[level]}"
        return Step("consent", stream.name, outcome, stopped=True)
    return Step("consent", stream.name, f"share is {stream.share}")


def security(stream: StreamPlan, rules: Policy) -> Step:
    """Stop a stream that is never published, whatever else is set."""
    code = stream.code
    found = "never published" if stream.never_publish else rules.barred.get(stream.name, "")
    if not found and code is not None and barred_by(code, rules.never_codes):
        found = f"code {code} is never published"
    return Step("security-class", stream.name, found or "none", stopped=bool(found))


def admitted(stream: StreamPlan, level: Share, rules: Policy, steps: list[Step]) -> bool:
    """Take the steps that decide whether a stream leaves at all; tells whether it does."""
    steps.append(consent(stream, level, rules))
    if not steps[-1].stopped:
        steps.append(security(stream, rules))
    return not steps[-1].stopped


def generalise(code: str | None, digits: int) -> str | None:
    """Shorten a List of Waste code to 6, 4 or 2 digits; the asterisk stays with 6 only."""
    if code is None or digits >= 6:  # noqa: PLR2004 (six digits are the whole code)
        return code
    return " ".join(code.rstrip("*").split()[: digits // 2])


def generalised(stream: StreamPlan) -> tuple[str | None, Step]:
    """Give the code that leaves, and the step that says so."""
    code = generalise(stream.code, stream.code_digits)
    outcome = f"code {stream.code or 'none'} → {code or 'none'}"
    return code, Step("generalise", stream.name, outcome)


def leaves(stream: StreamPlan, rules: Policy, *, hub: bool, partners: Sequence[str] = ()) -> str:
    """Say in words how far a stream goes; `hub` tells whether the plant has one.

    `partners` are those whose contract names the stream.
    """
    for step in (security(stream, rules), consent(stream, "band", rules)):
        if step.stopped:
            return f"nothing ({_short(stream, step)})"
    if not hub:
        return "nothing (there is no [hub])"
    code = "" if stream.code is None else f", code to {stream.code_digits} digits"
    if stream.share == "band":
        return f"the order of magnitude of a year, once a month{code}"
    sums = f"sums with others only{code}, {stream.significant} significant figures"
    if stream.share != "partner":
        return sums
    return f"{sums}; detail to {', '.join(partners) or 'no partner: none names it'}"


def _short(stream: StreamPlan, step: Step) -> str:
    if step.name == "security-class":
        return "never_publish" if stream.never_publish else step.outcome
    return step.outcome.removesuffix(": nothing leaves")


def barred_by(code: str, never: Sequence[str]) -> bool:
    """Tell whether a code, with or without its asterisk, begins as one that is never published."""
    digits = code.rstrip("*").split()
    return any(digits[: len(part)] == part for part in (one.split() for one in never))
