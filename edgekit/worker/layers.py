"""Time every layer of a net inside one run of it, and see what it made.

Extracting the blobs of one extractor in file order makes ncnn compute one layer at a time, on the blobs
that the run itself made and in their packed layout (`type` 1), so that nothing is computed twice and
nothing is unpacked. The parts are compared with whole runs that alternate with them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from typing import Any

import ncnn
import numpy as np

from .net import NetError
from .protocol import Progress, TensorWriter

_MIN_RUNS = 20
_LEAST_RUNS = 3  # however long they take, unless fewer are asked for


def time_layers(
    session: Any, sampling: Mapping[str, float], writer: TensorWriter, progress: Progress
) -> list[dict[str, Any]]:
    """Write the tensors `layers_s` (runs x layers) and `whole_s` (runs), float64; return what the layers are.

    Every entry says index, name, type, and its input and output blobs with shape (outermost axis first), bits
    per element and the number of channels that ncnn packs together.
    """
    progress.begin("looking at the layers")
    steps = layer_steps(session.net)
    blobs = _observe(session, steps)
    layered = LayeredRun(session, steps)
    layered.run()
    parts: list[list[float]] = []
    whole: list[float] = []
    begin = time.perf_counter()
    progress.begin("timing the layers")
    least = min(_LEAST_RUNS, sampling["min_runs"])
    while len(parts) < _MIN_RUNS or time.perf_counter() - begin < sampling["min_s"]:
        whole.append(session.infer())
        parts.append(layered.run())
        if time.perf_counter() - begin >= sampling["max_s"] and len(parts) >= least:
            break
    writer.add("layers_s", np.array(parts, dtype=np.float64))
    writer.add("whole_s", np.array(whole, dtype=np.float64))
    return [describe(session.net, step, blobs) for step in steps]


def layer_steps(net: Any) -> list[tuple[int, Any]]:
    """Return (index, layer) of every layer that computes something, in file order."""
    return [(index, layer) for index, layer in enumerate(net.layers()) if layer.bottoms]


class LayeredRun:
    """One whole run, a layer at a time."""

    def __init__(self, session: Any, steps: list[tuple[int, Any]]) -> None:
        self._session = session
        self._first_tops = [layer.tops[0] for _, layer in steps]

    def run(self) -> list[float]:
        """Return the seconds of every layer, in file order."""
        extractor = self._session.net.create_extractor()
        for index, mat in self._session.inputs:
            extractor.input(index, mat)
        blob = ncnn.Mat()
        stamps = [time.perf_counter_ns()]
        for top in self._first_tops:
            code = extractor.extract(top, blob, 1)
            blob.release()  # or an in-place layer would have to copy it
            stamps.append(time.perf_counter_ns())
            if code != 0:
                raise NetError(f"ncnn could not compute blob {top} on its own")
        extractor.clear()
        return [(end - begin) * 1e-9 for begin, end in itertools.pairwise(stamps)]


def describe(net: Any, step: tuple[int, Any], blobs: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Return index, name, type, inputs and outputs of one layer."""
    index, layer = step
    return {
        "index": index,
        "name": layer.name,
        "type": layer.type,
        "inputs": [blobs[bottom] for bottom in layer.bottoms],
        "outputs": [blobs[top] for top in layer.tops],
    }


def _observe(session: Any, steps: list[tuple[int, Any]]) -> dict[int, dict[str, Any]]:
    """Run once keeping every blob; return what each one looks like."""
    names = [blob.name for blob in session.net.blobs()]
    extractor = session.net.create_extractor()
    extractor.set_light_mode(False)
    for index, mat in session.inputs:
        extractor.input(index, mat)
    wanted = [index for index, _ in session.inputs] + [top for _, layer in steps for top in layer.tops]
    seen = {}
    for index in wanted:
        mat = ncnn.Mat()
        if extractor.extract(index, mat, 1) != 0:
            raise NetError(f"ncnn could not compute blob '{names[index]}'")
        seen[index] = {"blob": names[index], **_layout(mat)}
        mat.release()
    extractor.clear()
    return seen


def _layout(mat: Any) -> dict[str, Any]:
    """Return shape (packing undone), bits per element and packing of a Mat."""
    pack = mat.elempack
    shape = {
        0: [],
        1: [mat.w * pack],
        2: [mat.h * pack, mat.w],
        3: [mat.c * pack, mat.h, mat.w],
        4: [mat.c * pack, mat.d, mat.h, mat.w],
    }[mat.dims]
    if mat.n > 1:
        shape = [mat.n, *shape]
    return {"shape": shape, "bits": mat.elembits(), "pack": pack}
