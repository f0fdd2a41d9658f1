"""A copy of a module tree that pnnx can follow; the parameters are shared with the original.

pnnx follows one attribute path to a module and one to a parameter: a module or a weight that can be reached
by two is lost. It also takes a layer of `torch.nn` by its class name, without looking at what its forward
does, so a layer with a setting that pnnx misreads is shown to it under another name.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from edgekit.toolchain.unrolled import Unrolled


def tracing_copy(module: nn.Module, masked: Collection[nn.Module] = ()) -> tuple[nn.Module, tuple[str, ...]]:
    """Return the module itself when nothing stands in the way, else a copy, and what is different in it.

    `masked` are its attention layers that are given a mask, which pnnx would forget.
    """
    if isinstance(module, torch.jit.ScriptModule):
        return module, ()
    shared_modules, shared_weights = _shared(module)
    opened = [each for each in module.modules() if _misread(each) or each in masked]
    computed = [name for name, each in module.named_modules() if _has_computed_weights(each)]
    deep = [name for name, each in module.named_modules() if _is_deep(each)]
    notes = []
    if deep:
        notes.append(f"took the layers of {_listed(deep)} apart")
    if computed:
        notes.append(f"computed the normalised weights of {_listed(computed)} once and for all")
    if shared_modules:
        notes.append(f"gave each of the paths {_listed(shared_modules)} a module of its own")
    if shared_weights:
        notes.append(f"gave each of the tied weights {_listed(shared_weights)} a copy of its own")
    if not notes and not opened:
        return module, ()
    return _Copier(opened).copy(module), tuple(notes)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _paths(
    module: nn.Module, prefix: str = "", above: tuple[int, ...] = ()
) -> Iterator[tuple[str, nn.Module]]:
    """Every attribute path of the tree, modules that are reached twice included."""
    yield prefix, module
    for name, child in module._modules.items():
        if child is not None and id(child) not in above:
            yield from _paths(child, f"{prefix}.{name}".lstrip("."), (*above, id(module)))


def _shared(module: nn.Module) -> tuple[list[str], list[str]]:
    """Return the paths of modules and of weights that something else leads to already."""
    modules: set[int] = set()
    owners: dict[int, int] = {}
    paths, weights = [], []
    for path, each in _paths(module):
        if id(each) in modules:
            paths.append(path)
            continue
        modules.add(id(each))
        for name, parameter in each._parameters.items():
            if parameter is not None and owners.setdefault(id(parameter), id(each)) != id(each):
                weights.append(f"{path}.{name}".lstrip("."))
    return paths, weights


def _misread(module: nn.Module) -> bool:
    """Whether pnnx would take the layer by its class name and overlook one of its settings."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return module.padding_mode == "circular"
    if isinstance(module, nn.LayerNorm):
        return len(module.normalized_shape) > 1
    if isinstance(module, nn.InstanceNorm2d | nn.InstanceNorm3d):
        return module.track_running_stats
    return isinstance(module, _UNKNOWN)


_UNKNOWN = (
    nn.Softsign,
    nn.Tanhshrink,
    nn.Softmin,
    nn.CosineSimilarity,
    nn.RReLU,
    nn.ChannelShuffle,
    nn.Threshold,
    nn.InstanceNorm1d,
)
"""Layers that pnnx knows by name, and ncnn or ONNX does not have."""


def _is_deep(module: nn.Module) -> bool:
    """Whether it is a recurrent layer of several, which nothing else hooks into."""
    if not isinstance(module, nn.RNNBase) or module._forward_hooks or module._forward_pre_hooks:
        return False
    return type(module) in (nn.GRU, nn.LSTM, nn.RNN) and module.num_layers > 1


def _has_computed_weights(module: nn.Module) -> bool:
    """Whether weights are computed at each run: weight or spectral normalisation, old style or new."""
    hooks = module._forward_pre_hooks.values()
    return parametrize.is_parametrized(module) or any(isinstance(hook, _WEIGHT_HOOKS) for hook in hooks)


def _shallow(module: nn.Module) -> nn.Module:
    """Copy the attributes and nothing else: `copy.copy` asks the class, and some classes refuse."""
    clone: nn.Module = type(module).__new__(type(module))
    clone.__dict__.update(module.__dict__)
    return clone


def _settled(module: nn.Module) -> nn.Module:
    """Return a shallow copy whose computed weights are plain ones."""
    clone = _shallow(module)
    clone._parameters, clone._modules = dict(module._parameters), dict(module._modules)
    names = []
    if parametrize.is_parametrized(module):
        names = list(clone._modules.pop("parametrizations")._modules)  # type: ignore[union-attr]
        clone.__class__ = type(module).__mro__[1]
    hooks = {key: hook for key, hook in module._forward_pre_hooks.items() if isinstance(hook, _WEIGHT_HOOKS)}
    clone._forward_pre_hooks = OrderedDict(
        (key, hook) for key, hook in module._forward_pre_hooks.items() if key not in hooks
    )
    for hook in hooks.values():
        hook(module, ())
        names.append(hook.name)
    for name in names:
        clone._parameters[name] = nn.Parameter(getattr(module, name).detach(), requires_grad=False)
        clone.__dict__.pop(name, None)
    return clone


_WEIGHT_HOOKS = (WeightNorm, SpectralNorm)


class _Copier:
    def __init__(self, opened: Collection[nn.Module]) -> None:
        self._seen: set[int] = set()
        self._opened = frozenset(opened)

    def copy(self, module: nn.Module) -> nn.Module:
        """Copy a module and what is below it; only a parameter's second owner gets a copy of the numbers."""
        opened = module in self._opened
        if _is_deep(module) and isinstance(module, nn.RNNBase):
            return Unrolled(
                module, {name: self._parameter(each) for name, each in module._parameters.items()}
            )
        if _has_computed_weights(module):
            module = _settled(module)
        clone = _shallow(module)
        clone._parameters = {name: self._parameter(each) for name, each in module._parameters.items()}
        clone._buffers = dict(module._buffers)
        clone._modules = {
            name: None if child is None else self.copy(child) for name, child in module._modules.items()
        }
        if isinstance(clone, nn.RNNBase):
            clone._flat_weights = [getattr(clone, name) for name in clone._flat_weights_names]
        if opened:
            clone.__class__ = type(
                f"Opened{type(module).__name__}", (type(module),), {"__module__": __name__}
            )
        return clone

    def _parameter(self, parameter: nn.Parameter | None) -> nn.Parameter | None:
        if parameter is None or id(parameter) not in self._seen:
            self._seen.add(id(parameter))
            return parameter
        return nn.Parameter(parameter.detach().clone(), requires_grad=False)
