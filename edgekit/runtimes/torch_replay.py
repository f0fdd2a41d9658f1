"""Run pieces of a PyTorch tape again, in float64 fast enough to do it for every layer.

Float64 convolutions take PyTorch's slowest path (a depthwise one loops over its groups), so
they are computed here as sums of shifted products (depthwise) or as matrix products over
unfolded patches; both are the definition of convolution, term by term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils import _pytree as pytree

from edgekit.runtimes.trace import JITTER, NARROW_JITTER, Array, Measured, Replay

_aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Ref:
    """Stands for a value in the recorded arguments of a call."""

    value: int


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded operation: the overload, its arguments with `Ref` for tensors, its outputs."""

    func: Any
    args: Any
    kwargs: Any
    outputs: tuple[int | None, ...]

    @property
    def numbers(self) -> tuple[float, ...]:
        """The arguments that are one number each, in their order; what is left out has its default."""
        found = []
        for place, argument in enumerate(self.func._schema.arguments):
            default = self.kwargs.get(argument.name, argument.default_value)
            value = self.args[place] if place < len(self.args) else default
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append(float(value))
        return tuple(found)


class TorchReplay(Replay):
    """Replays calls of a tape; see `edgekit.runtimes.trace.Replay`."""

    def __init__(self, calls: Sequence[Call], tensors: Mapping[int, torch.Tensor]) -> None:
        self._calls = calls
        self._tensors = tensors
        self._reads: dict[int, tuple[int, ...]] = {}

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
        found: dict[int, Measured] = {}
        generator = None if jitter is None else torch.Generator().manual_seed(jitter)
        values = {
            key: _moved(torch.from_numpy(np.array(array)), generator, wide) for key, array in given.items()
        }
        found.update((key, measure(key, np.asarray(values[key].numpy()))) for key in wanted & values.keys())
        last = self._last_reads(nodes)
        with torch.no_grad():
            for index in nodes:
                self._run_call(self._calls[index], values, generator, wide)
                for key in self._calls[index].outputs:
                    if key in wanted:
                        found[key] = measure(key, np.asarray(values[key].numpy()))
                for key in last.get(index, ()):
                    values.pop(key, None)
        return {key: found[key] for key in targets}

    def _last_reads(self, nodes: Sequence[int]) -> dict[int, list[int]]:
        """Node -> the values that nothing reads after it: what need not be kept."""
        last: dict[int, int] = {}
        for index in nodes:
            if index not in self._reads:
                call = self._calls[index]
                self._reads[index] = tuple(refs_in((call.args, tuple(call.kwargs.values()))))
            last.update(dict.fromkeys(self._reads[index], index))
            last.update({key: index for key in self._calls[index].outputs if key is not None})
        ends: dict[int, list[int]] = {}
        for key, index in last.items():
            ends.setdefault(index, []).append(key)
        return ends

    def _run_call(
        self, call: Call, values: dict[int, torch.Tensor], generator: torch.Generator | None, wide: bool
    ) -> None:
        copies = call.func._schema.is_mutable

        def fetch(item: Any) -> Any:
            if isinstance(item, Ref):
                if item.value not in values:
                    # Jitter only what is stored as a constant: a value that the nodes leave out is
                    # made of constants alone and was rounded when it was made.
                    values[item.value] = _moved(self._tensors[item.value].detach(), generator, wide)
                return values[item.value].clone() if copies else values[item.value]
            if isinstance(item, list | tuple):
                return [fetch(each) for each in item]
            return torch.float64 if wide and item in _NARROW else item

        # ATen takes values and lists of values: the general tree walk costs more than a small operation.
        args = [fetch(item) for item in call.args]
        kwargs = {name: fetch(item) for name, item in call.kwargs.items()}
        special = _SPECIAL.get(call.func) if wide else None
        held = None if generator is None else _held(call.func, args)
        result = special(*args, **kwargs) if special else call.func(*args, **kwargs)
        if held is not None:
            result = result + (held - _moved(held, generator, wide))
        elif generator is not None and (held := _held_by_norm(call.func, args, result)) is not None:
            result = (result[0] + (held - _moved(held, generator, wide)), *result[1:])
        leaves = [result] if isinstance(result, torch.Tensor) else pytree.tree_leaves(result)
        for key, leaf in zip(call.outputs, leaves, strict=True):
            if (
                key is not None
            ):  # a tensor that is made of numbers alone is float32 unless it is told otherwise
                values[key] = leaf.double() if wide and leaf.dtype in _NARROW else leaf


def refs_in(item: Any) -> Iterator[int]:
    """Yield the values that recorded arguments stand for."""
    if isinstance(item, Ref):
        yield item.value
    elif isinstance(item, list | tuple):
        for each in item:
            yield from refs_in(each)


_NORMS = frozenset("native_layer_norm native_group_norm native_batch_norm _native_batch_norm_legit".split())
_NARROW = (torch.float32, torch.float16, torch.bfloat16)


def _moved(tensor: torch.Tensor, generator: torch.Generator | None, wide: bool) -> torch.Tensor:
    """Return a copy of a floating tensor, widened and jittered on request."""
    if not tensor.is_floating_point():
        return tensor
    copy = tensor.to(torch.float64, copy=True) if wide else tensor.clone()
    if generator is None:
        return copy
    signs = torch.randint(0, 2, copy.shape, generator=generator, dtype=torch.int8).to(copy.dtype)
    step = JITTER if wide else NARROW_JITTER
    return copy.mul_(signs.mul_(2 * step).add_(1 - step))


def _held(func: Any, args: Sequence[Any]) -> torch.Tensor | None:
    """The largest number that a function holds on the way, where its result may be far smaller.

    exp(x) - 1, log(1 + exp(x)), x(1 + tanh(...)) and 2 / (1 + exp(-2x)) - 1 round that 1, however little is
    left of it.
    """
    name = _name(func)
    if name == "elu":
        alpha, scale = (*args[1:3], 1.0, 1.0)[:2]
        return torch.full_like(args[0], alpha * scale)
    if name in ("softplus", "tanh"):
        return torch.ones_like(args[0])
    return args[0].abs() if name in ("mish", "gelu") else None


def _held_by_norm(func: Any, args: Sequence[Any], result: Any) -> torch.Tensor | None:
    """The same of a norm x a - mean a: where a row is nearly constant the two are large, and cancel.

    `result` is what it gave: of the shape of its input, and mean and a of each row.
    """
    name = _name(func)
    if name not in _NORMS or result[1].numel() == 0:
        return None
    given: torch.Tensor = args[0]
    shifts: torch.Tensor = (result[1] * result[2]).abs()
    if name == "native_layer_norm":
        return shifts.expand_as(given) * (1.0 if args[2] is None else args[2].abs())
    weight: torch.Tensor | None = args[1]
    if name == "native_group_norm":
        shifts = shifts.repeat_interleave(given.shape[1] // args[6], 1)
    row = (-1, given.shape[1], *[1] * (given.dim() - 2))  # (n or 1, c, 1, ...)
    return shifts.view(row).expand_as(given) * (1.0 if weight is None else weight.abs().view(row))


def _name(func: Any) -> str:
    """`aten::elu_` -> `elu`."""
    name: str = func._schema.name.partition("::")[2]
    return name.rstrip("_")


def convolution(
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    *_: Any,
) -> torch.Tensor:
    """Two-dimensional convolution in float64; anything else falls back to PyTorch's own kernel."""
    if transposed or x.dim() != 4:
        return torch.convolution(
            x, weight, bias, stride, padding, dilation, transposed, output_padding, groups
        )
    x = F.pad(x, (padding[1], padding[1], padding[0], padding[0])) if any(padding) else x  # pad copies
    kernel = weight.shape[2:]
    size = [
        (x.shape[2 + axis] - dilation[axis] * (kernel[axis] - 1) - 1) // stride[axis] + 1 for axis in (0, 1)
    ]
    patches = [
        x[
            :,
            :,
            row * dilation[0] : row * dilation[0] + (size[0] - 1) * stride[0] + 1 : stride[0],
            column * dilation[1] : column * dilation[1] + (size[1] - 1) * stride[1] + 1 : stride[1],
        ]
        for row in range(kernel[0])
        for column in range(kernel[1])
    ]  # kernel[0] * kernel[1] views of (n, c, oh, ow)
    depthwise = groups == x.shape[1] == weight.shape[0]
    result = _depthwise(patches, weight) if depthwise else _grouped(patches, weight, groups)
    return result if bias is None else result + bias.view(1, -1, 1, 1)


def _depthwise(patches: Sequence[torch.Tensor], weight: torch.Tensor) -> torch.Tensor:
    """Sum of k*k shifted products: weight (c, 1, kh, kw) -> (n, c, oh, ow)."""
    taps = weight.flatten(1)  # (c, kh * kw)
    result = patches[0] * taps[:, 0].view(1, -1, 1, 1)
    for index in range(1, len(patches)):
        result.addcmul_(patches[index], taps[:, index].view(1, -1, 1, 1))
    return result


def _grouped(patches: Sequence[torch.Tensor], weight: torch.Tensor, groups: int) -> torch.Tensor:
    """One matrix product per group and kernel tap: weight (o, c/g, kh, kw) -> (n, o, oh, ow)."""
    batch, channels, height, width = patches[0].shape
    taps = weight.view(groups, weight.shape[0] // groups, channels // groups, -1)
    total: torch.Tensor | None = None
    for index, patch in enumerate(patches):
        columns = patch.reshape(batch, groups, channels // groups, height * width)
        product = torch.matmul(taps[..., index], columns)  # (n, g, o/g, oh * ow)
        total = product if total is None else total.add_(product)
    assert total is not None
    return total.reshape(batch, weight.shape[0], height, width)


_SPECIAL: dict[Any, Callable[..., Any]] = {
    _aten.convolution.default: convolution,
    _aten._convolution.default: convolution,
}
