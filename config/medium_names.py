"""What a heat meter's medium is called on a person's screen."""

from config.fluids import MIXTURES, OILS
from config.medium_plan import Gas, Liquid, Medium, Steam


def medium_name(medium: Medium) -> str:
    """Name a medium, such as `propylene glycol 40 %` or `saturated steam`."""
    if isinstance(medium, Steam):
        kind = f"saturated steam, dryness {medium.dryness:.0%}" if medium.saturated else ""
        return kind or "superheated steam"
    if isinstance(medium, Gas):
        return "gas of " + ", ".join(f"{name} {share:.3g}" for name, share in medium.dry)
    return _liquid_name(medium)


def _liquid_name(liquid: Liquid) -> str:
    if liquid.is_water:
        return "water"
    for name, mixture in MIXTURES.items():
        if mixture.fluid == liquid.fluid:
            return f"{name} {liquid.concentration * 100:g} %"
    return next(name for name, oil in OILS.items() if oil.fluid == liquid.fluid)
