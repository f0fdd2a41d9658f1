"""Restore: the weights of an ncnn binary back into the PyTorch module."""

from edgekit.restorer.model import NotRestored, Restored, StructuresDiffer
from edgekit.restorer.restore import weights

__all__ = ["NotRestored", "Restored", "StructuresDiffer", "weights"]
