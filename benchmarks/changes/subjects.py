"""The networks that are changed: `.param` files of a folder, or the zoo as it is exported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import edgekit
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.inspector import open_model

Shape = tuple[int, ...]

ZOO = (
    "mobilenet_v1:resolution=96",
    "mobilenet_v2:resolution=96",
    "mobilenet_v3_small:resolution=96",
    "mobilenet_v4_hybrid_medium:resolution=128",
    "shufflenet_v1:resolution=96",
    "shufflenet_v2:resolution=96",
    "cbam_resnet18:resolution=96",
    "hybridsn",
    "gtcrn",
    "audio_face_unet",
)

# The sizes that ncnn's benchmark gives when it runs these: their files leave them open.
OPEN_INPUTS: dict[str, dict[str, Shape]] = {
    "FastestDet": {"in0": (3, 352, 352)},
    "vision_transformer": {"input": (3, 384, 384)},
}


@dataclass(frozen=True, eq=False)
class Subject:
    """A network by name, with the shapes of inputs that its file leaves open."""

    name: str
    param: Path
    graph: Graph
    inputs: dict[str, Shape]


def of_folder(folder: Path) -> Iterator[Subject]:
    """Yield all `.param` files of a folder, in order of their names."""
    for path in sorted(folder.glob("*.param")):
        graph = ncnn.read(path, unknown="keep", surplus=True)
        yield Subject(path.stem, path, graph, OPEN_INPUTS.get(path.stem, {}))


def of_zoo(names: Sequence[str], folder: Path) -> Iterator[Subject]:
    """Yield networks of the zoo, exported once into a folder."""
    for name in names:
        bundle = folder / name.replace(":", "-")
        if not bundle.is_dir():
            edgekit.export(name, bundle)
        opened = open_model(bundle)
        yield Subject(name, opened.param, ncnn.read(opened.param), dict(opened.input_shapes[0]))
