"""Run cases: inject some blobs of a net, extract others.

A whole-net capture is one case that injects the inputs and extracts every blob; a layer in
isolation is a case that injects the layer's own inputs and extracts its outputs, which makes
ncnn run just that layer. The request:

    {"command": "run", "files": {"param": ..., "bin": ...}, "options": {"num_threads": 1, ...},
     "cases": [{"id": "capture", "light_mode": false, "inputs": {"in0": KEY}, "outputs": ["1", "2"]}]}

`KEY` names a tensor of the request, or, as `@CASE:BLOB`, what an earlier case was told to `keep`: that is how
a state is carried from one frame to the next without leaving ncnn. The result holds a tensor `ID:BLOB` for
every extraction that ncnn answered with 0, and `"status": {"ID": {"BLOB": code}}` for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ncnn
import numpy as np

from .environment import environment
from .net import load_net, to_array, to_mat
from .protocol import Array, Progress, TensorWriter, let_go
from .weights import load_random_net

_NOTHING = np.empty(0)


def serve(
    message: Mapping[str, Any],
    tensors: Mapping[str, Array],
    batch_axes: Mapping[str, int | None],
    writer: TensorWriter,
    progress: Progress,
) -> dict[str, Any]:
    """Load the net once and run every case."""
    progress.begin("loading the net")
    files = message["files"]
    options = message.get("options", {})
    if "bin" in files:
        net = load_net(files["param"], files["bin"], options)
    else:
        net, _ = load_random_net(files["param"], options, int(message["seed"]))
    status: dict[str, dict[str, int]] = {}
    kept: dict[str, Any] = {}
    layers = _layer_of_blob(net)
    for case in message["cases"]:
        status[case["id"]] = _run_case(net, layers, case, tensors, batch_axes, writer, progress, kept)
    return {"status": status, "environment": environment()}


def _layer_of_blob(net: Any) -> dict[str, str]:
    blobs = net.blobs()
    return {blobs[top].name: layer.name for layer in net.layers() for top in layer.tops}


def _holds_nothing(mat: Any) -> bool:
    """Whether a result is none; a window that does not fit its input makes one of negative sizes."""
    return bool(mat.empty()) or min(mat.w, mat.h, mat.d, mat.c) < 1


def _run_case(
    net: Any,
    layers: Mapping[str, str],
    case: Mapping[str, Any],
    tensors: Mapping[str, Array],
    batch_axes: Mapping[str, int | None],
    writer: TensorWriter,
    progress: Progress,
    kept: dict[str, Any],
) -> dict[str, int]:
    """Run one case on an extractor of its own; return ncnn's code for every output.

    Of what earlier cases kept, only what the latest case keeps stays.
    """
    extractor = net.create_extractor()
    extractor.set_light_mode(bool(case.get("light_mode", False)))
    mats = []  # alive until the extractor is gone
    codes: dict[str, int] = {}
    for blob, key in case["inputs"].items():
        mat = kept.get(key[1:]) if key.startswith("@") else to_mat(tensors[key], batch_axes[key])
        if mat is None:  # the case that was to keep it died and was left out
            return dict.fromkeys(case["outputs"], -1)
        mats.append(mat)
        let_go(tensors.get(key, _NOTHING))
        code = extractor.input(blob, mat)
        if code != 0:
            return dict.fromkeys(case["outputs"], code)
    dtypes = case.get("dtypes", {})
    for blob in case["outputs"]:
        _begin(progress, layers, blob, case)
        mat = ncnn.Mat()
        codes[blob] = extractor.extract(blob, mat)
        if codes[blob] == 0 and _holds_nothing(mat):
            codes[blob] = -1
        if codes[blob] == 0:
            array, batch_axis = to_array(mat, dtypes.get(blob, "float32"))
            writer.add(f"{case['id']}:{blob}", array, batch_axis)
    if "keep" in case:
        kept.clear()
        for blob in case["keep"]:
            _begin(progress, layers, blob, case)
            mat = ncnn.Mat()
            codes[blob] = extractor.extract(blob, mat)
            kept[f"{case['id']}:{blob}"] = mat.clone()
    return codes


def _begin(progress: Progress, layers: Mapping[str, str], blob: str, case: Mapping[str, Any]) -> None:
    progress.begin(f"layer '{layers.get(blob, '')}', blob {blob} of case {case['id']}")
