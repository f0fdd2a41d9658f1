"""The last state of a recurrent layer, read from its outputs.

ncnn and ONNX give the states in shapes of their own, with the batch in another place, and pnnx cannot select
one of them. For the topmost layer they are the last step of the outputs: of the second direction, the first.
A state that the model returns as it is stays what the layer gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils import _pytree as pytree

from edgekit.toolchain.substitution import Rule, Silent, State, sizes_of
from edgekit.toolchain.unrolled import Unrolled


@dataclass(frozen=True, slots=True)
class LastState:
    """Stands for states (layers * directions, batch, features) beside `outputs`, their axes in `order`."""

    outputs: torch.Tensor
    features: int
    layers: int
    directions: int
    batch_first: bool
    order: tuple[int, ...] = (0, 1, 2)

    text = "read the last state of a recurrent layer from its outputs"

    def permuted(self, order: Sequence[int]) -> LastState:
        """The states with their axes in another order."""
        return replace(self, order=tuple(self.order[axis % 3] for axis in order))

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the states, after the permutation."""
        sizes = sizes_of(self.outputs)
        own = (self.layers * self.directions, sizes[0 if self.batch_first else 1], self.features)
        return tuple(own[axis] for axis in self.order)

    def parts(self, axis: int) -> list[torch.Tensor | None] | None:
        """The state of each layer and direction; None for those below the topmost layer."""
        if self.order != (0, 1, 2) or axis % 3 != 0:
            return None
        above = [self._state(direction) for direction in range(self.directions)]
        return [None] * (self.directions * (self.layers - 1)) + above

    def _state(self, direction: int) -> torch.Tensor:
        """Of the first direction the last step, of the second one, which runs backwards, the first."""
        step = 0 if direction else -1
        state = self.outputs[:, step] if self.batch_first else self.outputs[step]
        if self.directions == 1:
            return state
        start = direction * self.features
        return state[:, start : start + self.features]

    def reshaped(self, sizes: Sequence[int]) -> torch.Tensor | None:
        """The states in another shape, where they can be had from the outputs."""
        if self.layers > 1:
            return None
        states = [self._state(direction) for direction in range(self.directions)]
        if self.directions == 1 and self.order in ((0, 1, 2), (1, 0, 2)):
            return states[0].reshape(tuple(sizes))
        if self.order == (1, 0, 2) and len(sizes) == 2 and sizes[0] == self.shape[0]:
            return torch.cat(states, 1)
        return None


@dataclass(frozen=True, slots=True)
class UnbatchedState:
    """Stands for states (layers * directions, features) of a layer that was given no batch."""

    batched: LastState | JoinedStates

    text = LastState.text

    def parts(self, axis: int) -> list[torch.Tensor | None] | None:
        """The state of each layer and direction; None for those below the topmost layer."""
        parts = self.batched.parts(0) if axis % 2 == 0 else None
        return parts and [None if part is None else part.squeeze(0) for part in parts]

    def permuted(self, order: Sequence[int]) -> None:
        """Permuted states are not followed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the states."""
        return self.batched.shape[::2]

    def reshaped(self, sizes: Sequence[int]) -> torch.Tensor | None:
        """The states in another shape, where they can be had from the outputs."""
        return self.batched.reshaped(sizes)


@dataclass(frozen=True, slots=True)
class JoinedStates:
    """Stands for states of several layers (layers * directions, batch, features), their axes in `order`."""

    layers: tuple[LastState, ...]
    order: tuple[int, ...] = (0, 1, 2)

    text = LastState.text

    def permuted(self, order: Sequence[int]) -> JoinedStates:
        """The states with their axes in another order."""
        return replace(self, order=tuple(self.order[axis % 3] for axis in order))

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the states, after the permutation."""
        own = (sum(each.shape[0] for each in self.layers), *self.layers[0].shape[1:])
        return tuple(own[axis] for axis in self.order)

    def parts(self, axis: int) -> list[torch.Tensor | None] | None:
        """The state of each layer and direction."""
        return self._states() if self.order == (0, 1, 2) and axis % 3 == 0 else None

    def _states(self) -> list[torch.Tensor | None]:
        return [part for layer in self.layers for part in layer.parts(0) or ()]

    def reshaped(self, sizes: Sequence[int]) -> torch.Tensor | None:
        """One behind the other for each item of the batch, or nothing."""
        if self.order != (1, 0, 2) or len(sizes) != 2 or sizes[0] != self.shape[0]:
            return None
        return torch.cat([each for each in self._states() if each is not None], 1)


def _joined(state: State, tensors: Sequence[torch.Tensor], dim: int = 0) -> Any:
    """Know the states of several layers that are joined."""
    views = (state.views.get(id(each)) for each in tensors)
    known = tuple(each for each in views if isinstance(each, LastState) and each.order == (0, 1, 2))
    if dim != 0 or not known or len(known) != len(tensors):
        return NotImplemented
    result = torch.cat(list(tensors), dim)
    state.views[id(result)] = JoinedStates(known)
    return Silent(result)


def _recurrent(function: Callable[..., Any]) -> Rule:
    def rule(state: State, *args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if kwargs or len(args) != 9 or not isinstance(args[2], list | tuple):  # a packed sequence
            return Silent(result)
        (outputs, last), layers, both, batch_first = result[:2], args[4], args[7], args[8]
        directions = 2 if both else 1
        width = sizes_of(outputs)[-1] // directions
        if sizes_of(last)[-1] == width:
            state.views[id(last)] = LastState(outputs, width, layers, directions, batch_first)
        return Silent(result)

    return rule


Layer = torch.nn.RNNBase | Unrolled


class BatchInFront:
    """Hooks that let a layer run with its batch in front whose steps lie before it, or that has none.

    pnnx takes the axis of such a batch out of some layers and leaves it in others, between which the shapes
    do not fit any more; from ONNX it does not know a layer without a batch.
    """

    text = "put the batch in front of the steps of a recurrent layer"

    def __init__(self) -> None:
        self._turned: dict[Layer, tuple[bool, bool]] = {}

    def before(self, layer: Layer, given: dict[str, Any]) -> bool:
        """Turn the arguments `input` and `hx` in place; returns whether there was anything to turn."""
        x = given["input"]
        if not isinstance(x, torch.Tensor):  # a packed sequence
            return False
        batched, sizes = x.dim() == 3, sizes_of(x)
        if batched and layer.batch_first:
            return False
        self._turned[layer] = layer.batch_first, batched
        layer.batch_first = True
        many = batched and sizes[1] != 1
        given["input"] = x.transpose(0, 1) if many else x.reshape(1, -1, sizes[-1])
        if not batched and given.get("hx") is not None:
            given["hx"] = pytree.tree_map(_batched, given["hx"])
        return True

    def after(self, layer: Layer, result: Any, views: dict[int, Any]) -> Any:
        """Turn the outputs back; None where they were not."""
        if layer not in self._turned:
            return None
        layer.batch_first, batched = self._turned.pop(layer)
        if result is None:  # it raised
            return None
        outputs, states = result
        count, _, width = sizes_of(outputs)
        if batched:
            return outputs.transpose(0, 1) if count > 1 else outputs.reshape(-1, 1, width), states
        return outputs.reshape(-1, width), pytree.tree_map(lambda state: _unbatched(state, views), states)


def _batched(state: torch.Tensor) -> torch.Tensor:
    layers, features = sizes_of(state)
    return state.reshape(layers, 1, features)


def _unbatched(state: torch.Tensor, views: dict[int, Any]) -> torch.Tensor:
    """Take the batch of one out of a state, and remember what it is the state of."""
    result = state.reshape(sizes_of(state)[::2])
    if id(state) in views:
        views[id(result)] = UnbatchedState(views[id(state)])
    return result


Pair = tuple[torch.Tensor, torch.Tensor]


def _gates(x: torch.Tensor, h: torch.Tensor, weights: Sequence[Any]) -> Pair:
    """Both products of a cell: x W_ih' + b_ih and h W_hh' + b_hh; `weights` is W_ih, W_hh, b_ih, b_hh."""
    w_ih, w_hh, b_ih, b_hh = (*weights, None, None)[:4]
    return F.linear(x, w_ih, b_ih), F.linear(h, w_hh, b_hh)


def _lstm_cell(state: State, x: torch.Tensor, hidden: Pair, *weights: Any) -> Any:
    """C' = f c + i g, h' = o tanh(c'), with the gates i, f, g, o in this order."""
    left, right = _gates(x, hidden[0], weights)
    i, f, g, o = (left + right).chunk(4, 1)
    cell = f.sigmoid() * hidden[1] + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def _gru_cell(state: State, x: torch.Tensor, hidden: torch.Tensor, *weights: Any) -> Any:
    """H' = n + z (h - n), n = tanh(x_n + r h_n), with the gates r, z, n in this order."""
    (xr, xz, xn), (hr, hz, hn) = (each.chunk(3, 1) for each in _gates(x, hidden, weights))
    reset, update = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    new = (xn + reset * hn).tanh()
    return new + update * (hidden - new)


_CELL = "wrote a recurrent cell as two products and its gates"
_FUNCTIONS: tuple[Any, ...] = (torch.lstm, torch.gru, torch.rnn_tanh, torch.rnn_relu)
RULES: dict[Any, tuple[str, Rule]] = {each: ("", _recurrent(each)) for each in _FUNCTIONS}
RULES[torch.cat] = ("", _joined)
RULES |= {torch.lstm_cell: (_CELL, _lstm_cell), torch.gru_cell: (_CELL, _gru_cell)}
