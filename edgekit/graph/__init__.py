"""The in-memory graph that every format is read into and written from."""

from edgekit.graph.graph import Blob, Graph, Layer, Param, ParamArray, Weight

__all__ = ["Blob", "Graph", "Layer", "Param", "ParamArray", "Weight"]
