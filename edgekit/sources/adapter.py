"""Make any module look like `tensors in their order -> flat tensors`, which is all that a trace knows.

The adapted module is a shallow copy that shares everything with the original and only has another
`forward`, so that module paths, parameters and source lines stay those of the user's model.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch.overrides import TorchFunctionMode

from edgekit.errors import UserError, did_you_mean


@dataclass(frozen=True, slots=True)
class OutputTree:
    """The tensors of a result. `names` are the distinct ones in order, `aliases` (name, first name) the rest.

    `dropped` names what is neither a tensor nor None, such as plain numbers.
    """

    names: tuple[str, ...]
    aliases: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()


Begin = Callable[[Sequence[torch.Tensor]], None]
End = Callable[[Sequence[torch.Tensor]], list[torch.Tensor]]


class Adapter:
    """Binds named inputs to a module's forward (or all by position) and flattens its result.

    A `widened` module had weights of another width; what it casts to that in forward stays float32 too.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        inputs: Sequence[str],
        outputs: Sequence[str] | None = None,
        *,
        by_position: bool = False,
        widened: bool = False,
    ) -> None:
        self._casts: Callable[[], AbstractContextManager[Any]] = _NoCasts if widened else nullcontext
        self.original = module
        self.tree: OutputTree | None = None
        self._begin: Begin = lambda _: None
        self._end: End = list
        self._output_names = outputs
        self._bind = (lambda tensors: (tensors, {})) if by_position else _binder(module, inputs)
        self.module = self._adapted()

    def derived(self, module: torch.nn.Module, begin: Begin, end: End = list) -> Self:
        """Return an adapter of a variant of the module.

        `begin` is called with the inputs of each run; what it gives is what `end` makes of its outputs.
        """
        other = copy.copy(self)
        other.original = module
        other._begin, other._end = begin, end
        other.module = other._adapted()
        return other

    def _adapted(self) -> torch.nn.Module:
        return self._wrapped() if isinstance(self.original, torch.jit.ScriptModule) else self._copy()

    def call(self, forward: Any, tensors: Sequence[torch.Tensor]) -> Any:
        """Run `forward` on the bound inputs and return its distinct tensors, one bare or a tuple of them."""
        self._begin(tensors)
        args, kwargs = self._bind(tensors)
        with self._casts():
            result = forward(*args, **kwargs)
        tree, flat = flatten(result, self._output_names)
        self.tree = tree
        flat = self._end(flat)
        return flat[0] if len(flat) == 1 else tuple(flat)

    def _copy(self) -> torch.nn.Module:
        adapter, kind = self, type(self.original)

        def forward(self: torch.nn.Module, *tensors: torch.Tensor) -> Any:
            return adapter.call(lambda *args, **kwargs: kind.forward(self, *args, **kwargs), tensors)

        clone = copy.copy(self.original)
        # A type of the same name: TorchScript names the root module after it.
        clone.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})
        return clone

    def _wrapped(self) -> torch.nn.Module:
        adapter, script = self, self.original

        class Script(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.script = script

            def forward(self, *tensors: torch.Tensor) -> Any:
                return adapter.call(self.script, tensors)

        return Script().eval()


class _NoCasts(TorchFunctionMode):
    """Reads every other floating type as float32."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _CASTS:
            return args[0].float()
        plain = [torch.float32 if _is_other(each) else each for each in args]
        named = {name: torch.float32 if _is_other(each) else each for name, each in (kwargs or {}).items()}
        return func(*plain, **named)


_CASTS = (torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.double)


def _is_other(value: Any) -> bool:
    return isinstance(value, torch.dtype) and value.is_floating_point


def forward_inputs(module: torch.nn.Module) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the inputs that `forward` requires, and of those that it takes besides."""
    if isinstance(module, torch.jit.ScriptModule):
        arguments = _script_arguments(module)
        required = tuple(each.name for each in arguments if not each.has_default_value())
        return required, tuple(each.name for each in arguments if each.has_default_value())
    named = [each for each in _parameters(module) if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    required = tuple(each.name for each in named if each.default is each.empty)
    return required, tuple(each.name for each in named if each.default is not each.empty)


def _script_arguments(module: torch.jit.ScriptModule) -> list[Any]:
    return list(module.forward.schema.arguments[1:])  # type: ignore[attr-defined]


def _parameters(module: torch.nn.Module) -> list[inspect.Parameter]:
    return list(inspect.signature(module.forward).parameters.values())


def _binder(module: torch.nn.Module, names: Sequence[str]) -> Any:
    """Return a function from tensors (in the order of `names`) to (args, kwargs) of forward.

    A name `state.0` is element 0 of the tuple `state`, `batch.image` the entry of a dict `batch`.

    Raises:
        UserError: forward does not take an input of that name, or needs one that is not named.
    """
    roots = list(dict.fromkeys(name.partition(".")[0] for name in names))
    required, optional = forward_inputs(module)
    if isinstance(module, torch.jit.ScriptModule):
        takes_any, kinds = False, {}
    else:
        parameters = _parameters(module)
        takes_any = any(each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) for each in parameters)
        kinds = {each.name: each.kind for each in parameters}
    known = (*required, *optional)
    for root in roots:
        if root not in known and not takes_any:
            takes = f"forward takes {', '.join(known)}" if known else "forward takes no inputs"
            raise UserError(f"the model has no input '{root}'", did_you_mean(root, known) or takes)
    for name in required:
        if name not in roots:
            raise UserError(f"input '{name}' of the model is not described", f"add --input {name}=SHAPE")
    variadic = [root for root in roots if root not in known]
    by_keyword = [
        root for root in roots if root in optional or kinds.get(root) is inspect.Parameter.KEYWORD_ONLY
    ]
    keyword_variadic = not any(kind is inspect.Parameter.VAR_POSITIONAL for kind in kinds.values())

    def bind(tensors: Sequence[torch.Tensor]) -> tuple[list[Any], dict[str, Any]]:
        values = _nest(names, tensors)
        args = [values[name] for name in required if name not in by_keyword]
        kwargs = {name: values[name] for name in by_keyword}
        if keyword_variadic:
            kwargs.update({name: values[name] for name in variadic})
        else:
            args += [values[name] for name in variadic]
        return args, kwargs

    return bind


def _nest(names: Sequence[str], tensors: Sequence[torch.Tensor]) -> dict[str, Any]:
    """Return root name -> tensor, tuple or dict, from dotted names."""
    nested: dict[str, Any] = {}
    for name, tensor in zip(names, tensors, strict=True):
        *path, last = name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = tensor
    return {name: _sequences(value) for name, value in nested.items()}


def _sequences(value: Any) -> Any:
    """Turn dicts keyed "0", "1", ... into tuples, all the way down."""
    if not isinstance(value, dict):
        return value
    items = {key: _sequences(each) for key, each in value.items()}
    if all(key.isdigit() for key in items):
        return tuple(items[key] for key in sorted(items, key=int))
    return items


def flatten(result: Any, names: Sequence[str] | None = None) -> tuple[OutputTree, list[torch.Tensor]]:
    """Return the distinct tensors of a forward's result with a name for each.

    `names` rename the leaves in their order when there are as many of them.
    """
    leaves: list[tuple[str, torch.Tensor]] = []
    dropped: list[str] = []
    for path, value in _walk(result, ()):
        name = ".".join(path) or "out0"
        if isinstance(value, torch.Tensor):
            leaves.append((f"out{name}" if name.isdigit() else name, value))
        elif value is not None:
            dropped.append(f"{name} ({type(value).__name__})")
    if names is not None and len(names) == len(leaves):
        leaves = [(name, tensor) for name, (_, tensor) in zip(names, leaves, strict=True)]
    first: dict[int, str] = {}
    distinct: list[torch.Tensor] = []
    aliases: list[tuple[str, str]] = []
    for name, tensor in leaves:
        if id(tensor) in first:
            aliases.append((name, first[id(tensor)]))
        else:
            first[id(tensor)] = name
            distinct.append(tensor)
    return OutputTree(tuple(first.values()), tuple(aliases), tuple(dropped)), distinct


def _walk(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (path, leaf) through mappings, named tuples, dataclasses, tuples and lists."""
    if isinstance(value, Mapping):
        children = [(str(key), each) for key, each in value.items()]
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        children = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        children = list(zip(value._fields, value, strict=True))
    elif isinstance(value, tuple | list):
        children = [(str(index), each) for index, each in enumerate(value)]
    else:
        yield path, value
        return
    for name, child in children:
        yield from _walk(child, (*path, name))
