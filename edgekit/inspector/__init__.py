"""Inspect: what is in an ncnn model, what does it cost, what is unusual about it?"""

from edgekit.inspector.inspect import inspect
from edgekit.inspector.model import (
    BlobPeak,
    InspectReport,
    LayerSummary,
    Port,
    PrecisionShare,
    Remark,
    Totals,
)
from edgekit.inspector.opened import Opened, open_model

__all__ = [
    "BlobPeak",
    "InspectReport",
    "LayerSummary",
    "Opened",
    "Port",
    "PrecisionShare",
    "Remark",
    "Totals",
    "inspect",
    "open_model",
]
