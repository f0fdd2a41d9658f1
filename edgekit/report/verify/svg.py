"""The ncnn graph of a verification as SVG: a box per layer, a pill per output, a dot per Split."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.report.drawing import Box, Line, lay_out
from edgekit.report.markup import Markup, tag
from edgekit.units import format_shape
from edgekit.verifier import Label, LayerResult, OutputResult, Status, VerifyReport

_LAYER = Box(164.0, 40.0)
_DOT = Box(14.0, 14.0)
_OUTPUT = Box(120.0, 28.0)
_MOST_CHARACTERS = 24
_MARGIN = 24.0
_RADIUS = 8.0
_ERROR_FLOWS = (Label.CREATED, Label.AMPLIFIED, Label.INHERITED)


def graph_svg(report: VerifyReport) -> Markup:
    """Return the picture; `data-i` of a node is the layer's index, colours are classes set by the page."""
    picture = lay_out(_boxes(report), edges_of(report))
    layers = report.layers
    lines = [_line(line, layers) for line in picture.lines]
    nodes = [_node(layer, *picture.centres[number]) for number, layer in enumerate(layers)]
    pills = [
        _pill(output, *picture.centres[len(layers) + number]) for number, output in enumerate(report.outputs)
    ]
    scene = tag("g", *lines, *nodes, *pills, id="scene")
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    box = f"{-_MARGIN:g} {-_MARGIN:g} {width:g} {height:g}"
    return tag(
        "svg", _hatching(), scene, id="graph", viewBox=box, role="img", aria_label="graph of the ncnn model"
    )


def edges_of(report: VerifyReport) -> list[tuple[int, int]]:
    """Return (source, target) for every blob that is read: layers by position, then the outputs."""
    producer = {blob: number for number, layer in enumerate(report.layers) for blob in layer.outputs}
    edges = [
        (producer[blob], number)
        for number, layer in enumerate(report.layers)
        for blob in layer.inputs
        if blob in producer
    ]
    first = len(report.layers)
    return edges + [
        (producer[output.blob], first + number)
        for number, output in enumerate(report.outputs)
        if output.blob in producer
    ]


def _boxes(report: VerifyReport) -> list[Box]:
    return [_DOT if _is_dot(layer) else _LAYER for layer in report.layers] + [_OUTPUT] * len(report.outputs)


def _is_dot(layer: LayerResult) -> bool:
    return layer.type == "Split" and layer.status is not Status.FAIL


def _node(layer: LayerResult, x: float, y: float) -> Markup:
    title = tag("title", f"{layer.name}: {layer.type} {format_shape(layer.shape)}, {layer.label.value}")
    if _is_dot(layer):
        shapes = [tag("circle", r=_DOT.width / 2)]
    else:
        size = _rect(_LAYER)
        halo = tag("rect", class_="halo", rx=11, **_rect(Box(_LAYER.width + 12, _LAYER.height + 12)))
        shapes = [
            halo if layer.status is Status.FAIL else Markup(""),
            tag("rect", class_="box", rx=20 if layer.type == "Input" else 7, **size),
            tag("text", _short(layer.type), class_="type", y=-4),
            tag("text", _short(layer.name), class_="name", y=12),
        ]
    kind = f"node {layer.status.value}" + (" dot" if _is_dot(layer) else "")
    return tag("g", title, *shapes, class_=kind, data_i=layer.index, transform=f"translate({x:.1f} {y:.1f})")


def _pill(output: OutputResult, x: float, y: float) -> Markup:
    sign = "\N{CHECK MARK}" if output.status is Status.PASS else "\N{MULTIPLICATION X}"
    return tag(
        "g",
        tag("rect", class_="box", rx=_OUTPUT.height / 2, **_rect(_OUTPUT)),
        tag("text", f"{_short(output.name, 14)} {sign}", class_="name", y=4),
        class_=f"output {output.status.value}",
        transform=f"translate({x:.1f} {y:.1f})",
    )


def _rect(box: Box) -> dict[str, float]:
    return {"x": -box.width / 2, "y": -box.height / 2, "width": box.width, "height": box.height}


def _short(text: str, most: int = _MOST_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _line(line: Line, layers: Sequence[LayerResult]) -> Markup:
    flows = layers[line.source].label in _ERROR_FLOWS
    path = _square(line) if line.square else _curve(line)
    kind = "edge error" if flows else "edge"
    return tag("path", class_=kind, d=path, data_s=line.source, data_t=line.target)


def _curve(line: Line) -> str:
    """Vertical where the line stands still, an S where it changes sides."""
    (x, y), *rest = line.points
    parts = [f"M{x:.1f} {y:.1f}"]
    for to_x, to_y in rest:
        middle = (y + to_y) / 2
        straight = abs(x - to_x) < 0.5
        parts.append(
            f"V{to_y:.1f}"
            if straight
            else f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}"
        )
        x, y = to_x, to_y
    return "".join(parts)


def _square(line: Line) -> str:
    """Right angles with rounded corners."""
    points = line.points
    parts = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        into, out = _towards(corner, before), _towards(corner, after)
        parts.append(
            f"L{into[0]:.1f} {into[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {out[0]:.1f} {out[1]:.1f}"
        )
    parts.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    return "".join(parts)


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The point at most a radius from a corner, and at most half way, on the way to another point."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(dx), abs(dy))
    share = min(_RADIUS / length, 0.5) if length else 0.0
    return corner[0] + dx * share, corner[1] + dy * share


def _hatching() -> Markup:
    stripe = tag("path", d="M0 8L8 0", class_="stripe")
    ground = tag("rect", width=8, height=8, class_="ground")
    pattern = tag("pattern", ground, stripe, id="hatch", width=8, height=8, patternUnits="userSpaceOnUse")
    return tag("defs", pattern)
