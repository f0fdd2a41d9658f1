"""From the binary's numbers to the module's tensors, by the origins that the tags told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edgekit.differ import effective
from edgekit.differ.align import Matching
from edgekit.differ.structure import Op
from edgekit.errors import UserError
from edgekit.graph import Layer
from edgekit.ops import SPECS, decode, describe
from edgekit.restorer.origins import NOTHING, Origin, Origins
from edgekit.restorer.tags import Batchnorm, Inventory, neutral
from edgekit.runtimes.trace import Array

_TIED = 1e-3
_OTHER_ROUTE = "choose another --route, or make forward use its weights as they are"


@dataclass(eq=False)
class Assignment:
    """Tensors as they are filled: values, which elements are known, and what was set to do nothing."""

    stock: Inventory
    values: dict[str, Array] = field(default_factory=dict)
    known: dict[str, Array] = field(default_factory=dict)
    neutral: set[str] = field(default_factory=set)

    def put(self, origin: Origin, values: Array, what: str) -> None:
        """Store values where they come from.

        Raises:
            UserError: they are made of several tensors, or a tensor is used twice with other numbers.
        """
        if origin.mixed:
            raise UserError(f"the weights of {what} are computed from those of the model", _OTHER_ROUTE)
        flat = np.asarray(values, np.float32).reshape(-1)
        tensors, positions = origin.tensors.reshape(-1), origin.positions.reshape(-1)
        for number in np.unique(tensors[tensors != NOTHING]):
            name = self.stock.names[int(number)]
            chosen = tensors == number
            self._store(name, positions[chosen], flat[chosen], what)

    def _store(self, name: str, positions: Array, values: Array, what: str) -> None:
        shape = self.stock.shapes[name]
        if name not in self.values:
            self.values[name] = np.zeros(shape, np.float32)
            self.known[name] = np.zeros(shape, np.bool_)
        target, known = self.values[name].reshape(-1), self.known[name].reshape(-1)
        again = known[positions]
        if again.any():
            before, now = target[positions][again], values[again]
            if np.max(np.abs(before - now)) > _TIED * max(float(np.max(np.abs(now))), 1e-6):
                raise UserError(
                    f"the model uses '{name}' in several places, the binary has other numbers in {what}",
                    "give each place a tensor of its own",
                )
        target[positions] = values
        known[positions] = True

    def still(self, origin: Origin, value: float) -> None:
        """Set tensors to a value that does nothing."""
        for number in np.unique(origin.tensors[origin.tensors != NOTHING]):
            name = self.stock.names[int(number)]
            chosen = origin.tensors == number
            self._store(name, origin.positions[chosen], np.full(int(chosen.sum()), value, np.float32), name)
            self.neutral.add(name)


@dataclass(frozen=True, eq=False)
class Assigner:
    """Goes through matched operations: `found` has the binary on the left, the model's conversion right."""

    found: Matching
    binary: Sequence[Layer]
    converted: Sequence[Layer]
    origins: Origins
    stock: Inventory

    def assign(self) -> Assignment:
        """Return the tensors' values.

        Raises:
            UserError: a number of the binary has no place in the model, or a layer is computed from weights.
        """
        made = Assignment(self.stock)
        self._still_norms(made)
        for left, right in sorted(self.found.pairs.items(), key=lambda pair: pair[1]):
            mine, theirs = self.found.left.ops[left], self.found.right.ops[right]
            if theirs.kind in effective.PRODUCTS:
                self._product(mine, theirs, made)
            elif theirs.kind == "activation":
                self._activation(mine, theirs, made)
            elif theirs.kind == "norm" and theirs.facts["type"] == "BatchNorm":
                self._batch_norm(mine, theirs, made)
            else:
                self._copy(mine, theirs, made)
        return made

    def _still_norms(self, made: Assignment) -> None:
        """Let every normalisation that the network has hand its input on; some are given numbers later."""
        present = {
            self.stock.names[int(number)]
            for origin in self.origins.shifts.values()
            for number in np.unique(origin.tensors[origin.tensors != NOTHING])
        }
        for norm in self.stock.norms:
            if norm.shift in present:
                for name, value in neutral(self.stock, norm).items():
                    made.values[name], made.known[name] = value, np.ones(value.shape, np.bool_)
                    made.neutral.add(name)
        for name, mask in self.stock.neutral.items():
            made.values[name] = np.zeros(self.stock.shapes[name], np.float32)
            made.known[name] = mask.copy()
            made.neutral.add(name)

    def _product(self, mine: Op, theirs: Op, made: Assignment) -> None:
        """Put the weight into the weight, the bias wherever the model has room for it.

        Where both files keep the same layers apart, each gets its own; else all is folded into the first.
        """
        index = theirs.layers[0]
        layer = self.converted[index]
        apart = self._kept_apart(mine, theirs)
        alone = (replace(mine, layers=mine.layers[:1]), replace(theirs, layers=theirs.layers[:1]))
        mine, theirs = alone if apart else (mine, theirs)
        wanted = effective.arrays(mine, self.binary)
        what = f"'{mine.name}'"
        weight_name, bias_name = effective.names_of_product(layer)
        weight = self.origins.values.get((index, weight_name))
        if weight is not None:
            made.put(weight, _stored(layer, wanted["weight"]), what)
        bias = wanted.get("bias", np.zeros(wanted["weight"].shape[0], np.float32))
        placed = self._place_bias(theirs, bias_name, bias, made, what)
        if not placed and np.any(bias != 0):
            raise UserError(
                f"{what} has a bias, for which the model has no place",
                "make the layer with bias=True, or put a BatchNorm behind it",
            )
        for left, right in apart:
            self._single(replace(mine, layers=(left,)), replace(theirs, layers=(right,)), made)

    def _kept_apart(self, mine: Op, theirs: Op) -> list[tuple[int, int]]:
        """Return the layers behind the first one of both sides in pairs; none where they are not the same."""
        pairs = list(zip(mine.layers[1:], theirs.layers[1:], strict=False))
        alike = len(mine.layers) == len(theirs.layers) and all(
            self.binary[left].type == self.converted[right].type for left, right in pairs
        )
        return pairs if alike else []

    def _single(self, mine: Op, theirs: Op, made: Assignment) -> None:
        """Give one layer behind a product its own numbers."""
        if self.converted[theirs.layers[0]].type == "BatchNorm":
            self._batch_norm(mine, theirs, made)
            return
        own = {each.name: each.values() for each in self.binary[mine.layers[0]].weights}
        for name, origin in self.origins.of(theirs.layers[0]).items():
            if name in own:
                made.put(origin, np.asarray(own[name], np.float32), f"'{mine.name}'")

    def _place_bias(self, theirs: Op, bias_name: str, bias: Array, made: Assignment, what: str) -> bool:
        """Put a bias into the first of: the layer's own bias, a normalisation's shift, a shift behind it."""
        places = [(theirs.layers[0], bias_name)]
        for index in theirs.layers[1:]:
            kind = self.converted[index].type
            places.append((index, "data" if kind == "MemoryData" else "bias_data"))
            if kind == "Scale":
                self._still(index, "scale_data", 1.0, made)
        placed = False
        joined = "mul"
        for index, name in places:
            if self.converted[index].type == "BinaryOp":
                joined = str(describe(self.converted[index])["op_type"])
            value = self.origins.values.get((index, name))
            shift = self.origins.shifts.get((index, name))
            if self.converted[index].type == "MemoryData" and joined == "mul":
                self._still(index, name, 1.0, made)
            elif value is not None and not placed:
                made.put(value, bias, what)
                placed = True
            elif value is not None:
                made.still(value, 0.0)
            elif shift is not None and not placed:
                self._put_shift(shift, bias, made, what)
                placed = True
        return placed

    def _still(self, index: int, name: str, value: float, made: Assignment) -> None:
        origin = self.origins.values.get((index, name))
        if origin is not None:
            made.still(origin, value)

    def _put_shift(self, origin: Origin, values: Array, made: Assignment, what: str) -> None:
        """Give a neutral normalisation a shift: in its bias, or against its mean."""
        for number in np.unique(origin.tensors[origin.tensors != NOTHING]):
            name = self.stock.names[int(number)]
            chosen = origin.tensors == number
            sign = -1.0 if name.endswith("running_mean") else 1.0
            made.known[name][...] = False
            part = Origin(np.where(chosen, origin.tensors, NOTHING), origin.positions, origin.mixed)
            made.put(
                part, np.asarray(values, np.float32).reshape(origin.tensors.shape) * np.float32(sign), what
            )
            made.neutral.discard(name)

    def _batch_norm(self, mine: Op, theirs: Op, made: Assignment) -> None:
        """Give a normalisation that stands alone its statistics; scale and shift are what counts."""
        index = theirs.layers[0]
        shift = self.origins.shifts.get((index, "bias_data")) or self.origins.shifts.get((index, "mean_data"))
        if shift is None or shift.mixed:
            self._copy(mine, theirs, made)
            return
        number = int(shift.tensors.reshape(-1)[0])
        norm = next(each for each in self.stock.norms if each.shift == self.stock.names[number])
        for name, value in self._statistics(mine, norm).items():
            made.values[name] = value.astype(np.float32)
            made.neutral.discard(name)

    def _statistics(self, mine: Op, norm: Batchnorm) -> dict[str, Array]:
        layer = self.binary[mine.layers[0]]
        own = effective.by_channel(layer)
        assert own is not None
        scale, offset = np.asarray(own[0], np.float64), own[1]
        behind = effective.affine_behind(mine, self.binary)
        shift = np.zeros_like(scale) if offset is None else np.asarray(offset, np.float64)
        if behind is not None:
            scale, shift = scale * behind[0], shift * behind[0] + (0.0 if behind[1] is None else behind[1])
        if norm.weight is None or norm.bias is None:
            return {norm.mean: -shift / scale, norm.var: 1.0 / scale**2 - norm.eps}
        if behind is None and layer.type == "BatchNorm":
            arrays = effective.arrays(mine, self.binary)
            eps = decode(SPECS["BatchNorm"], layer).number("eps")
            return {
                norm.weight: arrays["slope_data"],
                norm.bias: arrays["bias_data"],
                norm.mean: arrays["mean_data"],
                norm.var: arrays["var_data"] + np.float32(eps - norm.eps),
            }
        return {norm.weight: scale, norm.bias: shift}

    def _copy(self, mine: Op, theirs: Op, made: Assignment) -> None:
        """Copy what has the same name in both files."""
        index = theirs.layers[0]
        wanted = effective.arrays(mine, self.binary)
        for name, origin in self.origins.of(index).items():
            value = wanted.get(name)
            if value is None and name in ("bias_data", "beta_data"):
                value = np.zeros(origin.tensors.shape, np.float32)
            if value is None or value.size != origin.tensors.size:
                raise UserError(
                    f"'{mine.name}' ({mine.type}) has no {name} of {origin.tensors.size} numbers",
                    "convert both by the same --route",
                )
            made.put(origin, value, f"'{mine.name}'")
        for key, origin in self.origins.stated(index).items():
            made.put(origin, np.array([self._stated(key, mine, theirs)]), f"'{mine.name}'")

    def _activation(self, mine: Op, theirs: Op, made: Assignment) -> None:
        """Copy the slopes of an activation: weights of a PReLU, or one number in the `.param`."""
        slopes = self._slopes(mine)
        if slopes is None:
            return
        index = theirs.layers[0]
        if self.converted[index].type == "PReLU":
            origins = {name: each for name, each in self.origins.of(index).items() if name == "slope_data"}
        else:
            origins = self.origins.stated(index)
        for origin in origins.values():
            made.put(origin, np.broadcast_to(slopes, origin.tensors.shape), f"'{mine.name}'")

    def _slopes(self, mine: Op) -> Array | None:
        if mine.facts["type"] == "prelu":
            return effective.arrays(mine, self.binary).get("slope_data")
        if mine.facts["type"] == "leakyrelu":
            return np.array([mine.facts["params"][0]], np.float32)
        return None

    def _stated(self, key: str, mine: Op, theirs: Op) -> float:
        """Return the number that stands in the binary's `.param` in the place of a weight of the model."""
        if theirs.kind == "binary" and mine.facts["scalar"] is not None:
            operation = describe(self.converted[theirs.layers[0]])["op_type"]
            scalar = float(mine.facts["scalar"])
            return {"sub": -scalar, "div": 1.0 / scalar if scalar else 0.0}.get(str(operation), scalar)
        value = self.binary[mine.layers[0]].params.get(key)
        if mine.type != theirs.type or not isinstance(value, int | float):
            raise UserError(f"'{mine.name}' has no parameter {key}", "convert both by the same --route")
        return float(value)


def _stored(layer: Layer, weight: Array) -> Array:
    """Return a product's weight (out, ...) in the layout that the layer stores."""
    if layer.type == "Gemm" and not decode(SPECS["Gemm"], layer).integer("transB"):
        return weight.reshape(weight.shape[0], -1).T
    return weight
