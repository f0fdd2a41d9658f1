"""Copy a bundle and swap two output channels of one convolution: a port with one early mistake.

python benchmarks/break_bundle.py build/mobilenet_v2 build/broken [LAYER]
"""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np

from edgekit.bundle import BIN_FILE, MANIFEST_FILE, PARAM_FILE, open_bundle
from edgekit.errors import UserError, did_you_mean
from edgekit.formats import ncnn
from edgekit.graph import Layer
from edgekit.staging import staged_folder


def main(arguments: list[str]) -> int:
    """Write the broken copy."""
    if len(arguments) not in (2, 3):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    bundle, target = open_bundle(arguments[0]), Path(arguments[1])
    graph = ncnn.read(bundle.param, bundle.bin)
    convolutions = [layer.name for layer in graph.layers if layer.type == "Convolution"]
    wanted = arguments[2] if len(arguments) == 3 else convolutions[1]
    if wanted not in convolutions:
        raise UserError(f"no convolution '{wanted}'", did_you_mean(wanted, convolutions))
    layers = tuple(_swapped(layer) if layer.name == wanted else layer for layer in graph.layers)
    with staged_folder(target, MANIFEST_FILE) as staging:
        shutil.copytree(bundle.path, staging, dirs_exist_ok=True)
        broken = dataclasses.replace(graph, layers=layers)
        ncnn.write(broken, staging / PARAM_FILE, staging / BIN_FILE)
    print(f"{target}: output channels 0 and 1 of {wanted} have changed places")
    return 0


def _swapped(layer: Layer) -> Layer:
    weights = []
    for weight in layer.weights:
        data = np.array(weight.data)
        data[[0, 1]] = data[[1, 0]]
        weights.append(dataclasses.replace(weight, data=data))
    return dataclasses.replace(layer, weights=tuple(weights))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        sys.exit(f"{error.message}; {error.remedy}")
