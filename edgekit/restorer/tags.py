"""Find out where a converter puts each number of a module: convert it with numbers that say what they are.

The module is converted several times with the same structure and other values: every weight is the number of
its tensor and its own position there. What stands in the converted file then says which number of which
tensor it is, through any layout, transposition, order of gates or splitting, without knowing one.

A converter folds BatchNorm away and adds up the biases of recurrent layers. Of such values only one carries
a number and the others are neutral, in the tags as in the module that is given weights later. No two layers
have equal values, because converters merge equal layers that read the same.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from edgekit.runtimes.trace import Array

DIGIT = 4096
"""Base of the digits in which positions are written: float32 holds a tensor's number and a digit exactly."""
MOST_TENSORS = 4094


@dataclass(frozen=True, slots=True)
class Batchnorm:
    """One normalisation with running statistics: names of its tensors, None for those that it lacks."""

    path: str
    mean: str
    var: str
    weight: str | None
    bias: str | None
    eps: float

    @property
    def shift(self) -> str:
        """The tensor that carries its shift: the bias, else the running mean (negated)."""
        return self.bias or self.mean


@dataclass(frozen=True, eq=False)
class Inventory:
    """The tensors of a module by name, in a fixed order; `neutral` are values that carry nothing.

    `neutral` maps a name to a mask (True: neutral, and 0) for the biases that a converter adds up.
    """

    shapes: Mapping[str, tuple[int, ...]]
    norms: tuple[Batchnorm, ...]
    neutral: Mapping[str, Array]

    @property
    def names(self) -> tuple[str, ...]:
        """All names; the position of one is its number."""
        return tuple(self.shapes)

    @property
    def of_norms(self) -> frozenset[str]:
        """The tensors of normalisations with running statistics."""
        return frozenset(
            name
            for norm in self.norms
            for name in (norm.mean, norm.var, norm.weight, norm.bias)
            if name is not None
        )


def inventory(module: nn.Module) -> Inventory:
    """Return the floating-point tensors of a module's state dict, tied ones once."""
    state = module.state_dict(keep_vars=True)
    shapes: dict[str, tuple[int, ...]] = {}
    seen: set[int] = set()
    for name, tensor in state.items():
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and id(tensor) not in seen:
            seen.add(id(tensor))
            shapes[name] = tuple(tensor.shape)
    norms = tuple(_norm(path, each) for path, each in module.named_modules() if _has_statistics(each))
    neutral: dict[str, Array] = {}
    for path, each in module.named_modules():
        neutral |= {f"{path}.{name}".lstrip("."): mask for name, mask in _summed_biases(each)}
    masks = {name: mask for name, mask in neutral.items() if name in shapes}
    return Inventory(shapes, norms, masks)


def _has_statistics(module: nn.Module) -> bool:
    return isinstance(module, _NormBase) and module.running_mean is not None


def _norm(path: str, module: nn.Module) -> Batchnorm:
    assert isinstance(module, _NormBase)
    prefix = f"{path}." if path else ""
    affine = module.weight is not None
    return Batchnorm(
        path,
        f"{prefix}running_mean",
        f"{prefix}running_var",
        f"{prefix}weight" if affine else None,
        f"{prefix}bias" if affine else None,
        module.eps,
    )


def _summed_biases(module: nn.Module) -> Iterator[tuple[str, Array]]:
    """Yield the biases of recurrent layers that a converter adds to others, with a mask of what is added.

    PyTorch has two biases for each gate. ncnn has one, but for the new gate of a GRU.
    """
    if not isinstance(module, nn.RNNBase) or not module.bias:
        return
    hidden = module.hidden_size
    for name, tensor in module.named_parameters(recurse=False):
        if name.startswith("bias_hh"):
            mask = np.ones(tensor.shape, np.bool_)
            if isinstance(module, nn.GRU):
                mask[2 * hidden :] = False
            yield name, mask


def with_values(module: nn.Module, values: Mapping[str, Array]) -> nn.Module:
    """Return a copy of a module with other values in some of its tensors."""
    clone = copy.deepcopy(module)
    assign(clone, values)
    return clone


def assign(module: nn.Module, values: Mapping[str, Array]) -> None:
    """Put values into a module's tensors, in place."""
    state = module.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, value in values.items():
            state[name].copy_(torch.from_numpy(np.array(value, np.float32)))


def digits(stock: Inventory) -> int:
    """Return how many digits the positions in the largest tensor have."""
    largest = max((prod(shape) for shape in stock.shapes.values()), default=1)
    count = 1
    while DIGIT**count < largest:
        count += 1
    return count


def tagged(stock: Inventory, digit: int) -> dict[str, Array]:
    """Return tags for all tensors with one digit of the positions; no normalisation shifts."""
    values = {name: value for norm in stock.norms for name, value in _still(stock, norm).items()}
    for number, (name, shape) in enumerate(stock.shapes.items()):
        if name in stock.of_norms:
            continue
        position = np.arange(prod(shape), dtype=np.int64) // DIGIT**digit % DIGIT
        values[name] = _tags(number, position).reshape(shape)
        if name in stock.neutral:
            values[name] = np.where(stock.neutral[name], np.float32(0), values[name])
    return values


def tagged_shifts(stock: Inventory) -> dict[str, Array]:
    """Return values in which normalisations shift by tags, other biases are 0 and other tags are negative."""
    values = {name: -value for name, value in tagged(stock, 0).items() if name not in stock.of_norms}
    biases = [name for name in values if name.rpartition(".")[2] == "bias"]
    values |= {name: np.zeros_like(values[name]) for name in biases}
    names = stock.names
    for norm in stock.norms:
        values |= _still(stock, norm)
        shape = stock.shapes[norm.shift]
        tag = _tags(names.index(norm.shift), np.arange(prod(shape), dtype=np.int64)).reshape(shape)
        values[norm.shift] = values[norm.shift] + (tag if norm.bias is not None else -tag)
    return values


def _tags(number: int, digits: Array) -> Array:
    """Return (number + 1) * DIGIT + digit + 1: never 0 or 1, which a converter leaves out as idle."""
    tags: Array = ((number + 1) * DIGIT + digits + 1).astype(np.float32)
    return tags


def _still(stock: Inventory, norm: Batchnorm) -> dict[str, Array]:
    """Return values with which a normalisation hands its input on, unlike any other: mean equals bias."""
    values = neutral(stock, norm)
    if norm.bias is not None:
        own = np.float32(1 + [each.path for each in stock.norms].index(norm.path))
        values[norm.mean] = values[norm.mean] + own
        values[norm.bias] = values[norm.bias] + own
    return values


def neutral(stock: Inventory, norm: Batchnorm) -> dict[str, Array]:
    """Return the values with which a normalisation hands its input on: eps counted in, scale 1, shift 0."""
    shape = stock.shapes[norm.mean]
    values = {
        norm.mean: np.zeros(shape, np.float32),
        norm.var: np.full(shape, _variance(norm.eps), np.float32),
    }
    if norm.weight is not None and norm.bias is not None:
        values[norm.weight] = np.ones(shape, np.float32)
        values[norm.bias] = np.zeros(shape, np.float32)
    return values


def _variance(eps: float) -> np.float32:
    """Return the float32 number that makes 1 with eps, in float32 arithmetic."""
    one = np.float32(1.0)
    near = one - np.float32(eps)
    candidates = [np.nextafter(near, np.float32(0)), near, np.nextafter(near, np.float32(2))]
    return min(candidates, key=lambda each: (each + np.float32(eps) != one, abs(float(each) + eps - 1.0)))
