"""Trace a PyTorch module to the TorchScript file that pnnx reads, with the known obstacles out of the way.

What is removed, for the time of the trace only: the fused attention path (pnnx does not know its op),
the sanity check that runs the trace a second time, and custom `autograd.Function`s (their forward is
inlined, because a trace that calls Python cannot be saved).
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.jit._trace import TracerWarning

from edgekit.runtimes.source_path import shown_path
from edgekit.runtimes.trace import Source
from edgekit.toolchain.rewrites import rewrite

_TORCH_FOLDER = str(Path(torch.__file__).parent) + os.sep
_TORCH_PARENT = str(Path(torch.__file__).parents[1]) + os.sep
_EDGEKIT_FOLDER = str(Path(__file__).parents[1]) + os.sep
_FRAME = re.compile(r"^(?P<file>.+)\((?P<line>\d+)\): ")


@dataclass(frozen=True, slots=True)
class TraceWarning:
    """Something that PyTorch said while it traced, and the user's line that made it say so."""

    text: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Traced:
    """A saved trace. `rewrites` says in plain words what was changed on the way to it."""

    path: Path
    warnings: tuple[TraceWarning, ...]
    rewrites: tuple[str, ...]
    module: Any

    def sources(self, kinds: Sequence[str]) -> tuple[Source, ...]:
        """Return where operations of these kinds (`aten::fft_rfft`) stand in the user's code, each once."""
        graph = self.module.inlined_graph
        found = (node_source(node) for node in graph.nodes() if node.kind() in kinds)
        return tuple(dict.fromkeys(found))


def trace(module: torch.nn.Module, inputs: Sequence[torch.Tensor], path: Path) -> Traced:
    """Trace `module(*inputs)` and save it at `path`. The module's own exceptions pass through."""
    inlined: list[str] = []
    with ExitStack() as stack:
        caught = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        stack.enter_context(torch.no_grad())
        stack.enter_context(attention_fast_path_off())
        stack.enter_context(autograd_functions_inlined(inlined))
        stack.enter_context(script_functions_inlined())
        traced = torch.jit.trace(module, tuple(inputs), check_trace=False)
        rewrites = [f"inlined the forward of autograd.Function {name}" for name in dict.fromkeys(inlined)]
        rewrites += rewrite(traced)
        traced.save(str(path))
    tracer_warnings = (each for each in caught if issubclass(each.category, TracerWarning))
    return Traced(path, tuple(trace_warning(each) for each in tracer_warnings), tuple(rewrites), traced)


def trace_warning(caught: warnings.WarningMessage) -> TraceWarning:
    """Return a caught warning as a value."""
    file = caught.filename.removeprefix(_TORCH_PARENT)
    return TraceWarning(" ".join(str(caught.message).split()), shown_path(file), caught.lineno)


@contextmanager
def attention_fast_path_off() -> Iterator[None]:
    """Keep `nn.MultiheadAttention` and `nn.TransformerEncoderLayer` on their ordinary operations."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _Context:
    """Stands in for the `ctx` of an autograd.Function: takes what is saved, and forgets it."""

    needs_input_grad: tuple[bool, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("save_", "mark_", "set_")):
            return lambda *_, **__: None
        raise AttributeError(name)


@contextmanager
def autograd_functions_inlined(names: list[str]) -> Iterator[None]:
    """Run the forward of custom autograd Functions as plain operations; `names` collects which."""
    function = torch.autograd.Function
    before = function.__dict__["apply"]

    def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        names.append(cls.__name__)
        if cls.setup_context is not function.setup_context:
            return cls.forward(*args, **kwargs)
        return cls.forward(_Context(), *args, **kwargs)

    _set_apply(classmethod(apply))
    try:
        yield
    finally:
        _set_apply(before)


@contextmanager
def script_functions_inlined() -> Iterator[None]:
    """Run functions that `torch.jit.script` compiled as the Python they were: pnnx cannot read a call."""
    kind: Any = torch.jit.ScriptFunction
    before = kind.__call__

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        original = getattr(self, "_torchdynamo_inline", None)
        return before(self, *args, **kwargs) if original is None else original(*args, **kwargs)

    kind.__call__ = call
    try:
        yield
    finally:
        kind.__call__ = before


def _set_apply(apply: Callable[..., Any] | classmethod[Any, Any, Any]) -> None:
    torch.autograd.Function.apply = apply  # type: ignore[method-assign, assignment]


def node_source(node: Any) -> Source:
    """Return where a node of a traced graph stands: module path, op, and the last frame outside torch."""
    scopes = node.scopeName().split("/")
    module = scopes[-1].removeprefix("__module.") if scopes[-1] != "__module" else ""
    op = node.kind().replace("::", ".")
    for frame in node.sourceRange().splitlines():
        match = _FRAME.match(frame)
        if match and not match["file"].startswith((_TORCH_FOLDER, _EDGEKIT_FOLDER)):
            return Source(module, op, shown_path(match["file"]), int(match["line"]))
    return Source(module, op)
