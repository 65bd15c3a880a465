"""Read a source's points once, each request shown as it came, for a person who sets one up."""

from adapters.adapter import Probe
from adapters.errors import PermanentError, TransientError
from adapters.modbus.answer import Answer, Failure, Scope
from adapters.modbus.decode import raw
from adapters.modbus.line import Line
from adapters.modbus.points import PointPlan, Polled, Span
from adapters.modbus.unit import WRONG_DEVICE, Unit
from adapters.reading import Block, Fault, Quality, Value

_GOOD = Fault(Quality.GOOD, "")
_Shown = tuple[Value, Fault]


async def probed(name: str, settings: Polled, line: Line) -> list[Probe]:
    """Read every point once over a line of its own; raises `TransientError` without an answer.

    Raises `PermanentError` when the device is not the one the source's `identity` means.
    """
    failure = await line.open(settings.timeout)
    if failure is not None:
        raise _unanswered(name, failure)
    unit = Unit(name, settings)
    answers: dict[Span, Answer] = {}
    shown: dict[str, _Shown] = {}
    polling = unit.round(0)
    action = next(polling, None)
    while action is not None:
        outcome: Answer | Failure | None = None
        if isinstance(action, Block):
            _note(action, shown)
        else:
            outcome = await line.read(action, settings.device_id, settings.timeout)
            if isinstance(outcome, Answer):
                answers[action] = outcome
        try:
            action = polling.send(outcome)
        except StopIteration:
            break
    if unit.failure is not None and unit.failure.reason == WRONG_DEVICE:
        mend = "check the profile, the address and device_id; or correct `identity`"
        raise PermanentError(unit.failure.text, where=f"source {name!r}", mend=mend)
    if not answers and unit.failure is not None and unit.failure.scope is not Scope.REQUEST:
        raise _unanswered(name, unit.failure)
    return [_probe(plan, answers, shown[plan.name]) for plan in unit.plans]


def _note(block: Block, shown: dict[str, _Shown]) -> None:
    for position, point in enumerate(block.points):
        shown[point] = block.values[position], block.faults.get(position, _GOOD)


def _probe(plan: PointPlan, answers: dict[Span, Answer], shown: _Shown) -> Probe:
    value, (quality, reason) = shown
    span = plan.span
    words = next(
        (
            answer.words[span.start - request.start : span.end - request.start]
            for request, answer in answers.items()
            if request.holds(span)
        ),
        (),
    )
    return Probe(
        point=plan.name,
        address=f"{plan.number} ({span.table} {span.start})",
        raw=raw(words),
        value=value,
        unit=plan.unit,
        quality=quality,
        reason=reason,
    )


def _unanswered(name: str, failure: Failure) -> TransientError:
    return TransientError(
        failure.text,
        where=f"source {name!r}",
        mend="check the address, device_id and cabling, and that no other client holds the device",
    )
