"""Run a pnnx graph with PyTorch: the rung of the ladder between the PyTorch model and ncnn.

pnnx names its operators after the PyTorch function or module that they stand for, and its parameters
after that one's arguments, so the graph is run by looking the names up. Only torch, torch.nn,
torch.nn.functional and tensor methods can be named; nothing generated is executed.
"""

from __future__ import annotations

import ast
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from edgekit.errors import EdgekitError
from edgekit.graph import Graph, Layer, Param
from edgekit.runtimes.trace import Array


class CannotRun(EdgekitError):
    """The graph holds an operator that has no counterpart in PyTorch's public functions."""


def run(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """Run the graph on inputs in the order of its `pnnx.Input`s; return what its output reads.

    Raises:
        CannotRun: an operator or one of its arguments is unknown.
    """
    values: dict[str, Any] = {}
    given = iter(inputs)
    outputs: list[Any] = []
    with torch.no_grad():
        for layer in graph.layers:
            if layer.type == "pnnx.Input":
                values[layer.outputs[0]] = torch.from_numpy(np.array(next(given)))
            elif layer.type == "pnnx.Output":
                outputs.extend(values[name] for name in layer.inputs)
            else:
                _assign(values, layer, _evaluate(layer, [values[name] for name in layer.inputs]))
    return [np.asarray(tensor.numpy()) for tensor in _flat(outputs)]


def _assign(values: dict[str, Any], layer: Layer, result: Any) -> None:
    if len(layer.outputs) == 1:
        single = isinstance(result, tuple) and layer.type != "prim::TupleConstruct"
        values[layer.outputs[0]] = result[0] if single else result
        return
    flat = _flat(result)
    if len(flat) < len(layer.outputs):
        raise CannotRun(f"'{layer.type}' gives {len(flat)} tensors, {len(layer.outputs)} are read")
    values.update(zip(layer.outputs, flat, strict=False))


def _flat(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]


def _evaluate(layer: Layer, inputs: list[Any]) -> Any:
    if layer.type in _OWN:
        return _OWN[layer.type](layer, inputs)
    space, _, name = layer.type.partition(".")
    try:
        if space == "nn":
            return _module(layer, name)(*inputs)
        if space in _SPACES:
            return _function(_SPACES[space], layer, name, inputs)
    except (TypeError, RuntimeError, AttributeError) as error:
        raise CannotRun(f"'{layer.type}' cannot be run by name: {error}") from None
    raise CannotRun(f"'{layer.type}' has no counterpart in PyTorch")


_SPACES = {"F": torch.nn.functional, "torch": torch, "Tensor": torch.Tensor}


def _module(layer: Layer, name: str) -> torch.nn.Module:
    """Build the module that an `nn.X` operator stands for, weights included."""
    kind = getattr(torch.nn, name)
    module: torch.nn.Module = kind(**{key: value for key, value in layer.params.items() if _is_argument(key)})
    state = {weight.name: torch.from_numpy(np.array(weight.values())) for weight in layer.weights}
    missing = set(dict(module.named_parameters())) - set(state)
    if missing:
        raise CannotRun(f"'{layer.name}' lacks the weights {', '.join(sorted(missing))}")
    module.load_state_dict(state, strict=False)
    return module.eval()


def _is_argument(key: str) -> bool:
    return key.isidentifier()


def _function(space: Any, layer: Layer, name: str, inputs: list[Any]) -> Any:
    """Call `torch.cat(tensors, dim=1)` and the like: inputs by their role where the file names it."""
    function = getattr(space, name)
    arguments: dict[str, Any] = {key: value for key, value in layer.params.items() if _is_argument(key)}
    roles = {key[1:]: value for key, value in layer.params.items() if key.startswith("$")}
    place = dict(zip(layer.inputs, inputs, strict=True))
    by_name = {role: place[str(blob)] for role, blob in roles.items() if str(blob) in place}
    if layer.type in _LISTS:
        return function(tuple(inputs), **arguments)
    if layer.type in _SIZES:
        sizes = next(iter(arguments.values()))
        return function(inputs[0], *(sizes if isinstance(sizes, tuple) else (sizes,)))
    named = {str(blob) for blob in roles.values()}
    rest = [value for blob, value in zip(layer.inputs, inputs, strict=True) if blob not in named]
    first = by_name.pop("input", None)
    positional = rest if first is None else [first, *rest]
    if space is torch.Tensor and first is None and "self" in by_name:
        positional = [by_name.pop("self"), *positional]
    with warnings.catch_warnings():  # that pnnx writes an older name is not the user's doing
        warnings.simplefilter("ignore")
        return function(*positional, **by_name, **arguments)


_LISTS = frozenset({"torch.cat", "torch.stack", "torch.einsum"})
_SIZES = frozenset({"Tensor.reshape", "Tensor.view", "Tensor.expand", "Tensor.permute", "Tensor.repeat"})


def _attribute(layer: Layer, _: list[Any]) -> Any:
    return torch.from_numpy(np.array(layer.weights[0].values()))


def _slice(layer: Layer, inputs: list[Any]) -> Any:
    """Tensor.slice(dim, start, end, step), each a number or, for several axes, a list of them."""
    result = inputs[0]
    dims = _listed(layer.params.get("dim", layer.params.get("dims", 0)))
    starts = _listed(layer.params.get("start", layer.params.get("starts", 0)))
    ends = _listed(layer.params.get("end", layer.params.get("ends", None)))
    steps = _listed(layer.params.get("step", layer.params.get("steps", 1)))
    for dim, start, end, step in zip(dims, starts, ends, steps, strict=True):
        index = [slice(None)] * result.dim()
        index[int(dim)] = slice(start, end, step)
        result = result[tuple(index)]
    return result


def _tensor_split(layer: Layer, inputs: list[Any]) -> Any:
    how = layer.params.get("indices", layer.params.get("sections"))
    return torch.tensor_split(inputs[0], how, _integer(layer, "dim"))  # type: ignore[arg-type]


def _select(layer: Layer, inputs: list[Any]) -> Any:
    return torch.select(inputs[0], _integer(layer, "dim"), _integer(layer, "index"))


def _channel_shuffle(layer: Layer, inputs: list[Any]) -> Any:
    return torch.nn.functional.channel_shuffle(inputs[0], _integer(layer, "groups"))


def _integer(layer: Layer, name: str) -> int:
    value = layer.params[name]
    if not isinstance(value, int):
        raise CannotRun(f"'{layer.type}' has {name}={value!r}")
    return value


def _listed(value: Param) -> list[Any]:
    return list(value) if isinstance(value, tuple) else [value]


def _expression(layer: Layer, inputs: list[Any]) -> Any:
    """`add(@0,mul(@1,2.0))`: a call tree over the inputs."""
    text = str(layer.params["expr"]).replace("@", "_i")
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise CannotRun(f"the expression '{layer.params['expr']}' cannot be read") from None
    return _walk(tree, inputs)


def _walk(node: ast.expr, inputs: list[Any]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_walk(node.operand, inputs)
    if isinstance(node, ast.Name) and node.id.startswith("_i") and node.id[2:].isdigit():
        return inputs[int(node.id[2:])]
    if isinstance(node, ast.List | ast.Tuple):
        return [_walk(item, inputs) for item in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = _ARITHMETIC.get(node.func.id) or getattr(torch, node.func.id, None)
        if function is None:
            raise CannotRun(f"the expression calls '{node.func.id}', which PyTorch does not have")
        arguments = [_walk(argument, inputs) for argument in node.args]
        if function not in _ARITHMETIC.values():
            arguments = [torch.as_tensor(each) for each in arguments]
        return function(*arguments)
    raise CannotRun(f"the expression part '{ast.unparse(node)}' cannot be read")


_ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "pow": operator.pow,
    "neg": operator.neg,
}

_OWN: Mapping[str, Callable[[Layer, list[Any]], Any]] = {
    "pnnx.Attribute": _attribute,
    "pnnx.Expression": _expression,
    "prim::TupleConstruct": lambda _, inputs: tuple(inputs),
    "prim::ListConstruct": lambda _, inputs: list(inputs),
    "Tensor.slice": _slice,
    "Tensor.select": _select,
    "torch.tensor_split": _tensor_split,
    "torch.select": _select,
    "nn.ChannelShuffle": _channel_shuffle,
}
