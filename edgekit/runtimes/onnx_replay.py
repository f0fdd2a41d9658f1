"""Run pieces of an ONNX model again, node by node, in float64 where that can be had (`onnx_kernels`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from edgekit.errors import require
from edgekit.runtimes.onnx_kernels import Run, kernel
from edgekit.runtimes.trace import JITTER, NARROW_JITTER, Array, Measured, Replay

_TAKES_NUMBERS = frozenset({"Resize", "Upsample"})
"""Operators whose further inputs are scales: parameters, not numbers that were rounded."""


_HOLDS = {"Elu": 1, "Selu": 1, "Celu": 1, "Softplus": 1, "Mish": "x", "Gelu": "x"}


class OnnxReplay(Replay):
    """Replays nodes of an ONNX trace; see `edgekit.runtimes.trace.Replay`.

    `protos` are the nodes of the trace, `ids` the value of every name, `values` the recorded numbers.
    """

    def __init__(
        self, model: Any, protos: Sequence[Any], ids: Mapping[str, int], values: Mapping[int, Array]
    ) -> None:
        self._model = model
        self._protos = protos
        self._ids = ids
        self._values = values
        self._runs: dict[tuple[int, bool], Run | None] = {}

    def reduce(
        self,
        nodes: Sequence[int],
        given: Mapping[int, Array],
        targets: Sequence[int],
        jitter: int | None,
        measure: Callable[[int, Array], Measured],
        *,
        wide: bool = True,
    ) -> dict[int, Measured]:
        """Return what `measure` makes of the values of `targets`, each taken as soon as it is there."""
        wanted = frozenset(targets)
        generator = None if jitter is None else np.random.default_rng(jitter)
        values = {key: _moved(array, generator, wide) for key, array in given.items()}
        found = {key: measure(key, values[key]) for key in wanted & values.keys()}
        last = {self._ids[name]: index for index in nodes for name in self._names(index)}
        for index in nodes:
            for key, array in self._outputs(index, values, generator, wide):
                values[key] = array
                if key in wanted:
                    found[key] = measure(key, array)
            for name in self._names(index):
                if last[self._ids[name]] == index:
                    values.pop(self._ids[name], None)
        return {key: found[key] for key in targets}

    def _outputs(
        self, index: int, values: dict[int, Array], generator: np.random.Generator | None, wide: bool
    ) -> Iterator[tuple[int, Array]]:
        """Run a node on `values`, to which the constants that it reads are added."""
        proto = self._protos[index]
        for place, name in enumerate(proto.input):
            if name and self._ids[name] not in values:
                array = self._values[self._ids[name]]
                number = array.size == 1 or (place > 0 and proto.op_type in _TAKES_NUMBERS)
                values[self._ids[name]] = _moved(array, None if number else generator, wide)
        inputs = [values[self._ids[name]] if name else None for name in proto.input]
        held = None if generator is None else _held(proto.op_type, inputs[0])
        for name, array in zip(proto.output, self._run_node(index, inputs, wide), strict=True):
            if name:
                moved = array if held is None else array + (held - _moved(held, generator, wide))
                yield self._ids[name], moved

    def _names(self, index: int) -> list[str]:
        """The tensors that a node reads and makes."""
        return [name for name in (*self._protos[index].input, *self._protos[index].output) if name]

    def _run_node(self, index: int, inputs: Sequence[Array | None], wide: bool) -> Sequence[Array]:
        """Run a node in float64 or, where that fails or is not asked for, in float32; else as recorded."""
        run = self._runner(index, wide=True) if wide else None
        if run is not None:
            try:
                return run([array if array is None else _as(array, wide=True) for array in inputs])
            except Exception:
                narrow = self._narrow(index, inputs)  # raises where it is the inputs that do not fit
                self._runs[index, True] = None  # some kernels say only now that they have no float64
                return [_as(array, wide) for array in narrow]
        return [_as(array, wide) for array in self._narrow(index, inputs)]

    def _narrow(self, index: int, inputs: Sequence[Array | None]) -> Sequence[Array]:
        proto, run = self._protos[index], self._runner(index, wide=False)
        if run is None:  # it has graphs of its own inside, which read more than its inputs
            return [self._values[self._ids[name]] if name else np.zeros(0) for name in proto.output]
        try:
            return run([array if array is None else _as(array, wide=False) for array in inputs])
        except Exception as error:
            raise RuntimeError(f"onnxruntime cannot run {proto.op_type} again: {error}") from error

    def _runner(self, index: int, *, wide: bool) -> Run | None:
        """What runs a node; None when nothing does."""
        key = (index, wide)
        if key not in self._runs:
            self._runs[key] = kernel(self._alone(index, wide), self._protos[index], wide=wide)
        return self._runs[key]

    def _alone(self, index: int, wide: bool) -> Any:
        """A model of one node that takes everything the node reads as an input."""
        onnx = require("onnx", "onnx")
        proto, float_type = self._protos[index], np.dtype(np.float64 if wide else np.float32)
        infos = []
        for name in dict.fromkeys(each for each in proto.input if each):
            array = self._values[self._ids[name]]
            kind = float_type if array.dtype == np.float32 else array.dtype
            told = onnx.helper.np_dtype_to_tensor_dtype(kind)
            infos.append(onnx.helper.make_tensor_value_info(name, told, None))
        outputs = [onnx.ValueInfoProto(name=name) for name in proto.output if name]
        graph = onnx.helper.make_graph([proto], "node", infos, outputs)
        alone = onnx.helper.make_model(graph, opset_imports=self._model.opset_import)
        alone.ir_version = self._model.ir_version
        alone.functions.extend(self._model.functions)
        return alone


def _as(array: Array, wide: bool) -> Array:
    if array.dtype not in (np.float32, np.float64):
        return array
    return array.astype(np.float64 if wide else np.float32, copy=False)


def _moved(array: Array, generator: np.random.Generator | None, wide: bool) -> Array:
    """Return a floating tensor widened and jittered on request."""
    if array.dtype.kind != "f":
        return array
    moved = _as(array, wide)
    if generator is None:
        return moved
    step = JITTER if wide else NARROW_JITTER
    signs = generator.integers(0, 2, moved.shape, dtype=np.int8)
    return np.asarray(moved * (signs * (2 * step) + (1 - step)).astype(moved.dtype))


def _held(op: str, x: Array | None) -> Array | None:
    """The largest number that a function holds on the way, where its result may be far smaller."""
    if x is None or op not in _HOLDS:
        return None
    return np.ones_like(x) if _HOLDS[op] == 1 else np.abs(x)
