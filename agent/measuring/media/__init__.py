"""The media of heat meters: what a unit of flow gives off between supply and return."""

from agent.measuring.media.fall import Fall, Medium
from agent.measuring.media.gas import GasMedium
from agent.measuring.media.liquid import LiquidMedium
from agent.measuring.media.steam import SteamMedium
from config.medium_plan import Gas, Steam
from config.plan import MeterPlan

__all__ = ["Fall", "Medium", "medium"]


def medium(plan: MeterPlan) -> Medium:
    """Make the medium of a heat meter; raises `PermanentError` without its sampled properties."""
    if isinstance(plan.medium, Steam):
        return SteamMedium(plan, plan.medium)
    if isinstance(plan.medium, Gas):
        return GasMedium(plan, plan.medium)
    return LiquidMedium(plan, plan.medium)
