"""Run a PyTorch module once and record every operation that it executes.

The tape is recorded below the dispatcher while the module runs eagerly, so it holds what really
happened (no export, no re-tracing, data-dependent branches included) for the price of one forward.
`torch.func.functionalize` turns in-place operations into functional ones on the way, so values
are never overwritten and nothing has to be copied.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from edgekit.runtimes.source_path import shown_path
from edgekit.runtimes.torch_parts import PARTS
from edgekit.runtimes.torch_replay import Call, Ref, TorchReplay, refs_in
from edgekit.runtimes.torch_shelf import MOST_BYTES, Numbers, numbers, shelved
from edgekit.runtimes.torch_written import WrittenParts
from edgekit.runtimes.trace import Node, Source, Trace

_TORCH_FOLDER = f"{Path(torch.__file__).absolute().parent}{os.sep}"
_OWN_FOLDERS = tuple(
    f"{Path(__file__).absolute().parents[1] / name}{os.sep}" for name in ("runtimes", "toolchain", "exporter")
)
_SEQUENCES = frozenset({"aten.cat", "aten.stack", "aten.transpose", "aten.transpose_"})
_RECURRENT = frozenset({"torch.gru", "torch.lstm", "torch.rnn_tanh", "torch.rnn_relu"})


def record(
    module: torch.nn.Module,
    inputs: Mapping[str, torch.Tensor],
    output_names: Sequence[str] | None = None,
    *,
    most_bytes: int = MOST_BYTES,
) -> Trace:
    """Run `module(*inputs.values())` once without gradients and return its trace.

    Outputs are named after `output_names`, or out0, out1, ... in the order of the flattened result
    (tensors only). Tensors of more than `most_bytes` go to disk. Whatever the module raises passes through.
    """
    recorder = _Recorder(module, inputs)
    flat = recorder.run(functional=True)
    if flat is None:
        recorder = _Recorder(module, inputs)
        flat = recorder.run(functional=False)
        recorder.notes.append("recorded without functionalisation: in-place operations may hide values")
    assert flat is not None
    names = list(output_names or [f"out{index}" for index in range(len(flat))])
    return recorder.trace(dict(zip(names, flat, strict=True)), most_bytes)


Prepared = tuple[Any, Any, tuple[int, ...]]
"""Arguments and keyword arguments with `Ref` for tensors, and the ids of those tensors."""


_READS_NO_NUMBERS = frozenset(
    f"aten.{name}"
    for name in "zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty".split()
)
"""Operations that want a tensor's shape alone: what they make is a constant."""


class _Recorder:
    """Collects calls and values while the modes are active."""

    def __init__(self, module: torch.nn.Module, inputs: Mapping[str, torch.Tensor]) -> None:
        self.module = module
        self.arguments = dict(inputs)
        self.calls: list[Call] = []
        self.nodes: list[Node] = []
        self.tensors: dict[int, torch.Tensor] = {}
        self.ids: dict[int, int] = {}
        self.aliases: list[torch.Tensor] = []  # kept alive, so that an id() stays its own
        self.constants: dict[int, str] = {}
        self.written = WrittenParts()
        self.input_ids: dict[str, int] = {}
        self.notes: list[str] = []
        self.modules: list[str] = []
        self.recurrent: int | None = None
        self.recurrent_calls = 0
        named = [
            *module.named_parameters(remove_duplicate=False),
            *module.named_buffers(remove_duplicate=False),
        ]
        self.parameter_names = {id(tensor): name for name, tensor in reversed(named)}
        self.parameters = [tensor for _, tensor in named]

    def run(self, *, functional: bool) -> list[torch.Tensor] | None:
        """Run the module once; None when it cannot be functionalised."""
        results: list[torch.Tensor] = []

        def forward(*arguments: torch.Tensor) -> list[torch.Tensor]:
            result = self.module(*arguments)
            leaves = [leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]
            return leaves

        body: Callable[..., list[torch.Tensor]] = forward
        if functional:
            body = torch.func.functionalize(forward, remove="mutations")
        for name, tensor in self.arguments.items():
            self.input_ids[name] = self._adopt(tensor)
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), self._module_paths(), ExitStack() as stack:
            stack.enter_context(_FunctionNames(self))
            stack.enter_context(_Operations(self))
            try:
                results = body(*self.arguments.values())
            except RuntimeError as error:
                if functional and "functional" in str(error).lower():
                    return None
                raise
        return results

    def trace(self, outputs: Mapping[str, torch.Tensor], most_bytes: int) -> Trace:
        """Freeze what was recorded."""
        output_ids = {name: self._value_id(tensor) for name, tensor in outputs.items()}
        with torch._C.DisableTorchFunction():  # whoever runs the module may watch what it calls, not this
            trace = Trace(
                nodes=tuple(self.nodes),
                inputs=self.input_ids,
                outputs=output_ids,
                constants=self.constants,
                values={key: numbers(tensor) for key, tensor in self.tensors.items()},
                replay=TorchReplay(self.calls, self.tensors),
                notes=tuple(self.notes),
                hidden=self._hidden(frozenset(output_ids.values())),
            )
            shelf = shelved(self.tensors, trace.live, most_bytes)
        return (
            trace
            if shelf is None
            else replace(trace, values=Numbers(shelf), replay=TorchReplay(self.calls, shelf))
        )

    def prepare(self, func: Any, args: Any, kwargs: Any) -> Prepared:
        """Name the inputs of an operation before it runs; what it overwrites is copied first."""
        refs: list[int] = []

        def to_ref(leaf: Any) -> Any:
            if isinstance(leaf, torch.Tensor):
                refs.append(self._value_id(leaf))
                return Ref(refs[-1])
            return leaf

        call_args, call_kwargs = pytree.tree_map(to_ref, (args, kwargs))
        if func._schema.is_mutable:
            for argument, value in zip(func._schema.arguments, args, strict=False):
                written = argument.alias_info is not None and argument.alias_info.is_write
                if written and isinstance(value, torch.Tensor):
                    self._leave_behind(value)
        return call_args, call_kwargs, tuple(refs)

    def _leave_behind(self, tensor: torch.Tensor) -> None:
        """Keep the numbers that a tensor has now under its id; what is written to it gets a new one."""
        self.tensors[self.ids.pop(id(tensor))] = tensor.clone()
        self.aliases.append(tensor)

    def add(self, func: Any, prepared: Prepared, result: Any) -> None:
        """Record one executed operation."""
        call_args, call_kwargs, refs = prepared
        written = self.written.read_back(func, call_args, call_kwargs)
        if written is not None:
            self.ids[id(result)] = written
            self.aliases.append(result)
            return
        leaves = pytree.tree_leaves(result)
        outputs = tuple(self._adopt(leaf) if isinstance(leaf, torch.Tensor) else None for leaf in leaves)
        handed_on = {value for value in outputs if value in refs}
        outputs = tuple(None if value in handed_on else value for value in outputs)
        if handed_on and all(value is None for value in outputs):
            return  # it only handed on what it got
        parts = PARTS.get(func)
        last = None if parts is None else parts(self._do, *call_args, **call_kwargs)
        if last is not None:
            func, call_args = last
            call_kwargs, refs = {}, tuple(refs_in(call_args))
        self._record(func, call_args, call_kwargs, refs, outputs)

    def _do(self, func: Any, *args: Any) -> Any:
        """Execute a part of an operation and put it on the tape; returns a `Ref` for each of its tensors."""
        result = func(*pytree.tree_map_only(Ref, lambda ref: self.tensors[ref.value], args))
        made = pytree.tree_map(lambda tensor: Ref(self._adopt(tensor)), result)
        outputs = tuple(ref.value for ref in pytree.tree_leaves(made))
        self._record(func, args, {}, tuple(refs_in(args)), outputs)
        return made

    def _record(
        self, func: Any, args: Any, kwargs: Any, refs: tuple[int, ...], outputs: tuple[int | None, ...]
    ) -> None:
        """Put one operation on the tape."""
        call = Call(func, args, kwargs, outputs)
        self.calls.append(call)
        self.written.note(func, args, kwargs, outputs)
        name = str(func.overloadpacket)
        self.nodes.append(
            Node(
                index=len(self.nodes),
                op=name,
                inputs=() if name in _READS_NO_NUMBERS else refs,
                outputs=tuple(value for value in outputs if value is not None),
                source=self._source(name),
                call=self.recurrent,
                numbers=call.numbers,
            )
        )

    def _source(self, op: str) -> Source:
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename.startswith((_TORCH_FOLDER, *_OWN_FOLDERS)):
            frame = frame.f_back
        module = self.modules[-1] if self.modules else ""
        if frame is None:
            return Source(module, op)
        return Source(module, op, shown_path(frame.f_code.co_filename), frame.f_lineno)

    def _adopt(self, tensor: torch.Tensor) -> int:
        """Give a tensor a value id. The tape keeps it alive, so its `id()` stays its own.

        An operation that returns its own argument (an alias) keeps the argument's id.
        """
        key = self.ids.get(id(tensor))
        if key is None:
            key = len(self.tensors)
            self.ids[id(tensor)] = key
            self.tensors[key] = tensor
        return key

    def _value_id(self, tensor: torch.Tensor) -> int:
        known = self.ids.get(id(tensor))
        if known is not None:
            return known
        key = self._adopt(tensor)
        self.constants[key] = self.parameter_names.get(id(tensor), "")
        return key

    def _hidden(self, outputs: frozenset[int]) -> frozenset[int]:
        """Values that never leave the recurrent call that made them, but for its sequences of steps."""
        readers: dict[int, set[int | None]] = {}
        for node in self.nodes:
            for value in node.inputs:
                readers.setdefault(value, set()).add(node.call)
        return frozenset(
            value
            for node in self.nodes
            if node.call is not None and node.op not in _SEQUENCES
            for value in node.outputs
            if value not in outputs and readers.get(value, set()) == {node.call}
        )

    @contextmanager
    def _module_paths(self) -> Iterator[None]:
        """Keep the path of the running module on a stack; hooks leave whatever happens."""
        names = _paths(self.module)

        def enter(module: torch.nn.Module, _: Any) -> None:
            self.modules.append(names.get(id(module), self.modules[-1] if self.modules else ""))

        def leave(module: torch.nn.Module, _: Any, __: Any) -> None:
            self.modules.pop()

        hooks = torch.nn.modules.module
        handles = [
            hooks.register_module_forward_pre_hook(enter),
            hooks.register_module_forward_hook(leave, always_call=True),
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def _paths(module: torch.nn.Module) -> dict[int, str]:
    """Return the path of every module; parts that were made of one module (`made_of_one`) have its own."""
    named = dict(module.named_modules())
    parts = tuple(f"{name}." for name, each in named.items() if getattr(each, "made_of_one", False))
    return {id(each): name for name, each in named.items() if not name.startswith(parts)}


class _Operations(TorchDispatchMode):
    """Sees every operation that reaches a kernel."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        prepared = self.recorder.prepare(func, args, kwargs or {})
        result = func(*args, **(kwargs or {}))
        self.recorder.add(func, prepared, result)
        return result


class _FunctionNames(TorchFunctionMode):
    """Knows when a recurrent layer runs, whose time steps are of no interest outside it.

    oneDNN is switched off inside, since its fused LSTM kernel exists in float32 only.
    """

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        recorder = self.recorder
        if recorder.recurrent is not None or resolve_name(func) not in _RECURRENT:
            return func(*args, **(kwargs or {}))
        recorder.recurrent_calls += 1
        recorder.recurrent = recorder.recurrent_calls
        try:
            with _without_onednn():
                return func(*args, **(kwargs or {}))
        finally:
            recorder.recurrent = None


@contextmanager
def _without_onednn() -> Iterator[None]:
    """Switch oneDNN off; `torch.backends.mkldnn.flags` would also touch settings that warn on the CPU."""
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)
