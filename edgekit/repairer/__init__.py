"""Repair: keep out of half precision what half precision breaks, and nothing else."""

from edgekit.repairer.model import Cost, Keep, Kept, Price, Repair, Rescaled, Trial, with_repair
from edgekit.repairer.repair import DEFAULT_DEVICE, NotRepairable, repair

__all__ = [
    "DEFAULT_DEVICE",
    "Cost",
    "Keep",
    "Kept",
    "NotRepairable",
    "Price",
    "Repair",
    "Rescaled",
    "Trial",
    "repair",
    "with_repair",
]
