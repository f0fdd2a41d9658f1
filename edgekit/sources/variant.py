"""The model as the converters see it: the same mathematics with the known obstacles out of the way."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.jit._fuser import optimized_execution

from edgekit.runtimes.torch_shelf import MOST_BYTES, give_back
from edgekit.runtimes.torch_tape import record
from edgekit.runtimes.trace import Trace
from edgekit.sources.adapter import Adapter
from edgekit.toolchain.substitutes import Substitutes
from edgekit.toolchain.trace import (
    attention_fast_path_off,
    autograd_functions_inlined,
    script_functions_inlined,
)
from edgekit.toolchain.tracing_copy import tracing_copy
from edgekit.toolchain.unrolled import Unrolled


class Variant:
    """A module that runs with substitutes in force; `copied` says what is different in its modules.

    With `dynamic` sizes a substitute may not take those of one run for constants. By the `onnx` route more
    is substituted; `apart` keeps the converter from taking products and softmax for one layer of attention.
    """

    def __init__(
        self, adapter: Adapter, *, dynamic: bool = False, onnx: bool = False, apart: bool = False
    ) -> None:
        self._original = adapter
        self._onnx = onnx
        self._apart = apart
        self.attends = False
        self._dynamic = dynamic
        self._module, self.copied = tracing_copy(adapter.original)
        self._settled = False
        self._flat: torch.nn.Module | None = None
        self.substituted: tuple[str, ...] = ()

    def settle(self, tensors: Sequence[torch.Tensor]) -> None:
        """See on the first run which attention layers are given a mask; they are opened for the converter.

        Kept apart, all of them are.
        """
        modules = self._original.original.modules()
        layers = [each for each in modules if isinstance(each, torch.nn.MultiheadAttention)]
        if self._settled or not layers:
            return
        self._settled = True
        masked = list(layers) if self._apart else self._masked(layers, tensors)
        self._module, self.copied = tracing_copy(self._original.original, masked)

    def _masked(
        self, layers: Sequence[torch.nn.Module], tensors: Sequence[torch.Tensor]
    ) -> list[torch.nn.Module]:
        masked = []

        def look(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
            given = inspect.signature(module.forward).bind(*args, **kwargs).arguments
            if given.get("attn_mask") is not None or given.get("key_padding_mask") is not None:
                masked.append(module)

        hooks = [each.register_forward_pre_hook(look, with_kwargs=True) for each in layers]
        try:
            with warnings.catch_warnings(), attention_fast_path_off():
                warnings.simplefilter("ignore")
                run(self._original, tensors)
        finally:
            for hook in hooks:
                hook.remove()
        return masked

    def flatten(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace a module that holds TorchScript by the operations that one run of it executes.

        Scripted modules hold control flow, on which pnnx dies. What depends on sizes is settled by the run;
        what depends on numbers is found in the reference run.
        """
        if any(_scripts(self._original.original)):
            with torch.no_grad(), optimized_execution(False):
                self._flat = make_fx(self._run_original, pre_dispatch=True)(*tensors)

    def _run_original(self, *tensors: torch.Tensor) -> object:
        return self._original.module(*tensors)

    @property
    def has_control_flow(self) -> bool:
        """Whether it is or holds a TorchScript module with branches or loops."""
        graphs = (script.inlined_graph for script in _scripts(self._original.original))
        return any(node.kind() in ("prim::If", "prim::Loop") for graph in graphs for node in graph.nodes())

    @property
    def changed(self) -> bool:
        """Whether it is another program than the original; known once it ran."""
        return self._module is not self._original.original or bool(self.substituted)

    @contextmanager
    def running(self) -> Iterator[Adapter]:
        """Give an adapter whose runs inside the block are substituted."""
        if self._flat is not None:
            adapter = copy.copy(self._original)
            adapter.module = self._flat
            yield adapter
            return
        known = (*self._module.parameters(), *self._module.buffers())
        substitutes = Substitutes(known, dynamic=self._dynamic, onnx=self._onnx, apart=self._apart)
        adapter = self._original.derived(self._module, substitutes.begin, substitutes.as_written)
        with substitutes, _around_layers(self._module, substitutes):
            yield adapter
        self._original.tree = adapter.tree or self._original.tree
        self.substituted = tuple(substitutes.texts())
        self.attends = substitutes.attends
        if substitutes.made_bytes > MOST_BYTES:
            give_back()

    def record(self, inputs: Mapping[str, torch.Tensor], outputs: Sequence[str]) -> Trace:
        """Run once without gradients and keep every operation.

        Of a module with substitutes those are recorded, so that each of them is found again in ncnn.
        """
        self.settle(list(inputs.values()))
        with (
            warnings.catch_warnings(),
            optimized_execution(False),
            autograd_functions_inlined([]),
            script_functions_inlined(),
            self.running() as adapter,
        ):
            warnings.simplefilter("ignore")
            module = self._original.module if self._flat is not None else adapter.module
            return record(module, inputs, outputs)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done, in plain words."""
        return (*self.copied, *self.substituted)


@contextmanager
def _around_layers(module: torch.nn.Module, substitutes: Substitutes) -> Iterator[None]:
    layers = [each for each in module.modules() if isinstance(each, torch.nn.RNNBase | Unrolled)]
    before, after = substitutes.before_recurrent, substitutes.after_recurrent
    hooks = [each.register_forward_pre_hook(before, with_kwargs=True) for each in layers]
    hooks += [each.register_forward_hook(after, always_call=True) for each in layers]
    # Parts are joined between the layers: inside one the converter looks for nothing but the layer.
    everywhere = torch.nn.modules.module
    hooks.append(everywhere.register_module_forward_pre_hook(lambda _, args: substitutes.as_written(args)))
    hooks.append(everywhere.register_module_forward_hook(lambda _, __, out: substitutes.as_written(out)))
    try:
        yield
    finally:
        for handle in hooks:
            handle.remove()


def _scripts(module: torch.nn.Module) -> Iterator[Any]:
    """Yield the TorchScript modules of a tree that can be run."""
    for each in module.modules():
        if isinstance(each, torch.jit.ScriptModule) and hasattr(each, "forward"):
            yield each


def run(adapter: Adapter, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Run an adapter's module without gradients and return its flat tensors."""
    with torch.no_grad(), optimized_execution(False):
        result = adapter.module(*tensors)
    return list(result) if isinstance(result, tuple) else [result]
