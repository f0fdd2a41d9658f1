"""Where the boxes and lines of a graph go; knows nothing of what they stand for."""

from edgekit.report.drawing.layout import Box, Line, Picture, lay_out

__all__ = ["Box", "Line", "Picture", "lay_out"]
