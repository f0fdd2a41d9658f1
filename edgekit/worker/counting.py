"""Marks between which an emulator's plugin counts instructions; anywhere else they do nothing.

A mark is a write to a file descriptor that nobody has opened, with a number for its length. The plugin notes
how many instructions ran since the mark before. Every extraction is made twice: the second one finds the blob
there and costs what Python and the handing over cost, to be taken off the first.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Sequence
from typing import Any

import ncnn

from .layers import layer_steps
from .net import NetError
from .protocol import Progress

MARK_FD = 24301

_IGNORED = 0  # the number of a mark whose count nobody wants
_WHOLE = 1
_FIRST_LAYER = 2

_write = ctypes.CDLL(None).write
_write.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t]


def count(session: Any, layers: bool, progress: Progress) -> dict[str, Any]:
    """Run the whole net once between marks, and with `layers` once more a layer at a time.

    Returns the numbers of the marks, each of which stands twice in the plugin's file (with the work and
    without): `whole`, and `layers` as [layer index, number].
    """
    progress.begin("counting instructions")
    gc.disable()
    extractor = _extractor(session)
    code = _extract_twice(extractor, session.outputs, 0, _WHOLE)
    extractor.clear()
    if code != 0:
        raise NetError("ncnn could not compute the outputs from these inputs")
    numbers = _count_layers(session) if layers else []
    gc.enable()
    return {"whole": _WHOLE, "layers": numbers}


def _count_layers(session: Any) -> list[list[int]]:
    extractor = _extractor(session)
    numbers = []
    for number, (index, layer) in enumerate(layer_steps(session.net), _FIRST_LAYER):
        if _extract_twice(extractor, layer.tops[:1], 1, number) != 0:
            raise NetError(f"ncnn could not compute layer {index} '{layer.name}'")
        numbers.append([index, number])
    extractor.clear()
    return numbers


def _extract_twice(extractor: Any, blobs: Sequence[int], kind: int, number: int) -> int:
    """Extract between two marks, the first time with the work and the second time without."""
    code = 0
    for _ in range(2):
        mats = [ncnn.Mat() for _ in blobs]
        _write(MARK_FD, None, _IGNORED)
        for blob, mat in zip(blobs, mats, strict=True):
            code |= extractor.extract(blob, mat, kind)
        _write(MARK_FD, None, number)
        for mat in mats:
            mat.release()  # or an in-place layer would have to copy it
    return code


def _extractor(session: Any) -> Any:
    extractor = session.net.create_extractor()
    for index, mat in session.inputs:
        extractor.input(index, mat)
    return extractor
