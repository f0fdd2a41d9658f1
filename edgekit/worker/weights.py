"""Random weights for a `.param` without its `.bin`, served to ncnn as it asks for them.

ncnn asks for four bytes of storage flag before most weights (0: raw fp32) and for biases and norm
parameters without one. The numbers keep activations of a deep net near 1: uniform with the variance
1 / fan-in for weights, in [0.5, 1) for the rest (a variance has to be positive). Denormal or infinite
activations would falsify the times.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import ncnn
import numpy as np

from .net import NetError, new_net

_CHUNK_BYTES = 1 << 20

# layer type -> (id of the number of outputs, id of the number of weights)
_FAN_IN_IDS = {
    "Convolution": (0, 6),
    "Convolution1D": (0, 6),
    "Convolution3D": (0, 6),
    "ConvolutionDepthWise": (0, 6),
    "ConvolutionDepthWise1D": (0, 6),
    "ConvolutionDepthWise3D": (0, 6),
    "Deconvolution": (0, 6),
    "Deconvolution1D": (0, 6),
    "Deconvolution3D": (0, 6),
    "DeconvolutionDepthWise": (0, 6),
    "DeconvolutionDepthWise1D": (0, 6),
    "DeconvolutionDepthWise3D": (0, 6),
    "InnerProduct": (0, 2),
}

_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype = ctypes.c_void_p
_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_capsule_name = ctypes.pythonapi.PyCapsule_GetName
_capsule_name.restype = ctypes.c_char_p
_capsule_name.argtypes = [ctypes.py_object]


def address(capsule: Any) -> int:
    """Return the address in a `void*` that the binding hands over as a capsule."""
    return int(_pointer(capsule, _capsule_name(capsule)) or 0)


class RandomWeights(ncnn.DataReader):  # type: ignore[misc]
    """A reader whose file never ends. `total_bytes` counts what was served, flags left out."""

    def __init__(self, expected: Iterator[tuple[int, int]], seed: int) -> None:
        super().__init__()
        self.total_bytes = 0
        self._expected = deque(expected)
        self._random = np.random.default_rng(seed)
        self._buffer = np.empty(_CHUNK_BYTES // 4, np.float32)  # one for all, so that the heap stays whole
        self._flagged = False

    def read(self, buffer: Any, size: int) -> int:
        """Fill `size` bytes at `buffer`; four bytes may be a flag and are always zero."""
        if size == 4:
            ctypes.memset(address(buffer), 0, 4)
            self._flagged = True
            return size
        low, high = self._range(size // 4)
        self._flagged = False
        self.total_bytes += size
        for start in range(0, size, _CHUNK_BYTES):
            count = min(_CHUNK_BYTES, size - start)
            values = self._buffer[: -(-count // 4)]
            self._random.random(out=values, dtype=np.float32)
            values *= high - low
            values += low
            ctypes.memmove(address(buffer) + start, values.ctypes.data, count)
        return size

    def _range(self, count: int) -> tuple[float, float]:
        if not self._flagged:
            return 0.5, 1.0
        fan_in = max(1.0, count**0.5)  # of a square matrix, for the types that the table lacks
        if self._expected and self._expected[0][0] == count:
            fan_in = float(self._expected.popleft()[1])
        bound = (3.0 / fan_in) ** 0.5
        return -bound, bound


def load_random_net(param: str, options: Mapping[str, Any], seed: int) -> tuple[Any, int]:
    """Load a `.param` with random weights; return the net and the bytes of its weights.

    Raises:
        NetError: ncnn refused the file.
    """
    net = new_net(param, options)
    reader = RandomWeights(_expected_weights(param), seed)
    code = net.load_model(reader)
    if code != 0:
        raise NetError(f"ncnn cannot load random weights into this net (load_model returned {code})")
    return net, reader.total_bytes


def _expected_weights(param: str) -> Iterator[tuple[int, int]]:
    """Yield (number of weights, fan-in) of the layers whose parameters tell, in file order."""
    with open(param, encoding="utf-8") as file:
        for line in file:
            words = line.split()
            if words and words[0] in _FAN_IN_IDS:
                values = dict(word.split("=", 1) for word in words[4:] if "=" in word)
                outputs, weights = (values.get(str(key), "") for key in _FAN_IN_IDS[words[0]])
                if outputs.isdigit() and weights.isdigit() and int(outputs) > 0:
                    yield int(weights), max(1, int(weights) // int(outputs))
