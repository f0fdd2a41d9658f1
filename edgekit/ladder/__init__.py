"""The stage ladder: from PyTorch to ncnn one step at a time, and the first step that breaks."""

from edgekit.ladder.climb import climb
from edgekit.ladder.model import Ladder, Rung, RungStatus, with_ladder

__all__ = ["Ladder", "Rung", "RungStatus", "climb", "with_ladder"]
