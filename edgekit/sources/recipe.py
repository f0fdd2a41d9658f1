"""Recipes: a model, its inputs and how to convert it, as a small TOML file.

model = "mobilenet_v1:width=0.5"      any model spec; files are relative to the recipe
weights = "net.safetensors"           optional, as are the keys below
seed = 0
route = "pnnx"
precision = "fp32"
outputs = ["logits"]

[inputs.image]
shape = [1, 3, 224, 224]
second_shape = [1, 3, 256, 256]       makes the sizes in which it differs dynamic
dtype = "float32"
range = [0.0, 1.0]
kind = "image"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgekit.errors import FormatError, UserError, did_you_mean
from edgekit.files import read_toml
from edgekit.sources.inputs import InputSpec, checked_input
from edgekit.sources.request import PRECISIONS, ROUTES, Request, WeightOptions, check_weights_file
from edgekit.sources.spec import ModelSpec, SpecKind, parse_spec
from edgekit.sources.zoo import zoo_inputs

if TYPE_CHECKING:
    import torch

_KEYS: Mapping[str, type] = {
    "model": str,
    "weights": str,
    "seed": int,
    "route": str,
    "precision": str,
    "outputs": list,
    "inputs": dict,
}
_INPUT_KEYS: Mapping[str, type] = {
    "shape": list,
    "second_shape": list,
    "dtype": str,
    "range": list,
    "kind": str,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """The content of a recipe; None where it says nothing."""

    model: ModelSpec | torch.nn.Module
    inputs: tuple[InputSpec, ...] = ()
    outputs: tuple[str, ...] | None = None
    weights: Path | None = None
    seed: int | None = None
    route: str | None = None
    precision: str | None = None


def read_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        FormatError: it is not TOML, or a key is unknown or of the wrong type.
        UserError: its model spec names nothing.
    """
    data = read_toml(path)
    _check_keys(data, _KEYS, str(path))
    if "model" not in data:
        raise FormatError(f"recipe '{path}' has no key 'model'", 'add model = "NAME"')
    model = parse_spec(data["model"], path.parent)
    if model.kind is SpecKind.RECIPE:
        raise FormatError(f"recipe '{path}' names another recipe", "name a model in it")
    weights = data.get("weights")
    outputs = data.get("outputs")
    return Recipe(
        model=model,
        inputs=tuple(_input(name, entry, path) for name, entry in data.get("inputs", {}).items()),
        outputs=None if outputs is None else tuple(str(each) for each in outputs),
        weights=None if weights is None else path.parent / weights,
        seed=data.get("seed"),
        route=data.get("route"),
        precision=data.get("precision"),
    )


def _input(name: str, entry: Any, path: Path) -> InputSpec:
    where = f"{path}: inputs.{name}"
    if not isinstance(entry, dict):
        raise FormatError(f"'{where}' is not a table", f"write it as [inputs.{name}]")
    _check_keys(entry, _INPUT_KEYS, where)
    if "shape" not in entry:
        raise FormatError(f"'{where}' has no key 'shape'", "add shape = [1, 3, 224, 224]")
    bounds = entry.get("range")
    if bounds is not None and len(bounds) != 2:
        raise FormatError(f"'{where}.range' is not a pair", "write range = [0.0, 1.0]")
    if bounds is not None and not all(type(bound) in (int, float) for bound in bounds):
        raise FormatError(f"'{where}.range' is not a pair of numbers", "write range = [0.0, 1.0]")
    return checked_input(
        InputSpec(
            name=name,
            shape=_shape(entry["shape"], where),
            dtype=entry.get("dtype", "float32"),
            value_range=None if bounds is None else (float(bounds[0]), float(bounds[1])),
            kind=entry.get("kind"),
            shape2=None if "second_shape" not in entry else _shape(entry["second_shape"], where),
        )
    )


def _shape(value: list[Any], where: str) -> tuple[int, ...]:
    if not all(type(size) is int for size in value):
        raise FormatError(f"a shape of '{where}' is not a list of whole numbers", "write [1, 3, 224, 224]")
    return tuple(value)


def _check_keys(data: Mapping[str, Any], known: Mapping[str, type], where: str) -> None:
    for key, value in data.items():
        if key not in known:
            remedy = did_you_mean(key, known) or "known keys: " + ", ".join(known)
            raise FormatError(f"'{where}' has the unknown key '{key}'", remedy)
        if type(value) is not known[key]:
            raise FormatError(
                f"'{key}' in '{where}' is {type(value).__name__}, expected {known[key].__name__}",
                "mend the recipe",
            )


def settled(
    model: ModelSpec | torch.nn.Module,
    *,
    inputs: tuple[InputSpec, ...] = (),
    outputs: tuple[str, ...] | None = None,
    route: str | None = None,
    precision: str | None = None,
    weights: WeightOptions,
    seed: int | None = None,
) -> Request:
    """Return the request with what is not said filled up: by the recipe if the model is one, else by default.

    Raises:
        UserError: the recipe, the route or the precision is not understood; there is no such weights file, no
            such input of a model of the zoo.
    """
    recipe = Recipe(model)
    if isinstance(model, ModelSpec) and model.kind is SpecKind.RECIPE:
        assert model.path is not None
        recipe = read_recipe(model.path)
    onnx = isinstance(recipe.model, ModelSpec) and recipe.model.kind is SpecKind.ONNX
    route = route or recipe.route or ("onnx" if onnx else ROUTES[0])
    if onnx and route != "onnx":
        raise UserError("an ONNX file cannot go by the pnnx route", "leave --route out")
    if recipe.seed is not None and not 0 <= recipe.seed < 2**32:
        raise UserError(f"{recipe.seed} is not a seed", "give a whole number from 0 to 4294967295")
    given = {each.name: each for each in inputs}
    known = tuple(given.pop(each.name, each) for each in recipe.inputs)
    if weights.path is None and recipe.weights is not None:
        weights = replace(weights, path=recipe.weights)
    request = Request(
        model=recipe.model,
        inputs=(*known, *given.values()),
        outputs=outputs or recipe.outputs,
        route=route,
        precision=precision or recipe.precision or PRECISIONS[0],
        weights=weights,
        seed=seed if seed is not None else recipe.seed or 0,
    )
    _check_without_torch(request)
    return request


def _check_without_torch(request: Request) -> None:
    """Find what is wrong before torch is loaded, which takes seconds."""
    kind = request.model.kind if isinstance(request.model, ModelSpec) else SpecKind.OBJECT
    if request.weights.path is not None and kind not in _HOLD_WEIGHTS:
        check_weights_file(request.weights.path)
    if isinstance(request.model, ModelSpec) and kind is SpecKind.ZOO:
        zoo_inputs(request.model.text, request.inputs)


_HOLD_WEIGHTS = (SpecKind.ONNX, SpecKind.TORCHSCRIPT)
"""Files that take no other weights, which is what their loaders say."""
