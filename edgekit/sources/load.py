"""From a model spec, or a module in hand, to a PyTorch model that is ready to be converted."""

from __future__ import annotations

import copy
import hashlib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from edgekit.bundle import ModelSource, file_sha256
from edgekit.errors import UserError
from edgekit.sources.adapter import Adapter, forward_inputs
from edgekit.sources.code import build_from_code
from edgekit.sources.inputs import InputSpec
from edgekit.sources.request import Request
from edgekit.sources.spec import ModelSpec, SpecKind
from edgekit.sources.weights import check_archive, load_weights
from edgekit.sources.zoo import zoo_inputs


@dataclass(frozen=True, slots=True, eq=False)
class TorchModel:
    """A PyTorch model in eval mode and float32 on the CPU, with its inputs described.

    `adapter` runs it on tensors in the order of `inputs`; `notes` say what was changed on the way here.
    """

    adapter: Adapter
    inputs: tuple[InputSpec, ...]
    source: ModelSource
    notes: tuple[str, ...] = ()

    @property
    def module(self) -> torch.nn.Module:
        """Tensors in their order to flat tensors."""
        return self.adapter.module


def load_torch(request: Request) -> TorchModel:
    """Build the model, load its weights, settle its inputs.

    Raises:
        UserError: the model cannot be built, the weights do not fit, or an input is not described.
    """
    spec, weights, seed = request.model, request.weights, request.seed
    inputs: Sequence[InputSpec] = request.inputs
    output_names: Sequence[str] | None = request.outputs
    arguments: dict[str, Any] = {}
    if isinstance(spec, torch.nn.Module):
        kind, text = SpecKind.OBJECT, f"{type(spec).__module__}:{type(spec).__qualname__}"
        module = spec
    else:
        kind, text = spec.kind, spec.text
        module, inputs, output_names, arguments = _build(spec, inputs, output_names, seed)
    module, notes = _prepared(module, will_change=weights.path is not None and module is spec)
    widened = bool(notes)
    if weights.path is not None:
        if isinstance(module, torch.jit.ScriptModule):
            raise UserError("a TorchScript file holds its weights", "leave --weights out")
        notes += load_weights(
            module,
            weights.path,
            allow_missing=weights.allow_missing,
            allow_unexpected=weights.allow_unexpected,
        )
    settled = tuple(inputs) if kind is SpecKind.ZOO else _settled_inputs(module, inputs)
    source = ModelSource(
        spec=text,
        kind=kind.value,
        seed=seed,
        weights=None if weights.path is None else weights.path.name,
        weights_sha256=None if weights.path is None else file_sha256(weights.path),
        state_sha256=state_sha256(module),
        arguments=arguments,
    )
    names = [each.name for each in settled]
    adapter = Adapter(module, names, output_names, by_position=kind is SpecKind.ZOO, widened=widened)
    return TorchModel(adapter, settled, source, notes)


def state_sha256(module: torch.nn.Module) -> str:
    """Return a digest of the names and numbers of all parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _build(
    spec: ModelSpec, inputs: Sequence[InputSpec], output_names: Sequence[str] | None, seed: int
) -> tuple[torch.nn.Module, Sequence[InputSpec], Sequence[str] | None, dict[str, Any]]:
    if spec.kind is SpecKind.ZOO:
        from edgekit.models import registry

        zoo = registry.parse(spec.text)
        settled = zoo_inputs(spec.text, inputs)
        names = output_names or zoo.entry.outputs
        return registry.build(zoo, seed), settled, names, dict(zoo.arguments)
    if spec.kind is SpecKind.TORCHSCRIPT:
        assert spec.path is not None
        return load_torchscript(spec.path), inputs, output_names, {}
    return build_from_code(spec, seed), inputs, output_names, {}


def load_torchscript(path: Path) -> torch.nn.Module:
    """Load a TorchScript file; no Python code of it runs.

    Raises:
        UserError: the file is not TorchScript.
    """
    check_archive(path)
    try:
        module: torch.nn.Module = torch.jit.load(str(path), map_location="cpu")
    except (RuntimeError, ValueError) as error:
        pickled = "constants.pkl" in str(error) or _is_archive(path)
        reason = "it holds a state dict or a pickled module" if pickled else "unreadable"
        raise UserError(
            f"'{path}' is not a TorchScript file ({reason})",
            "give the model's code as MODEL and a state dict as --weights, or save it with torch.jit.save",
        ) from None
    return module


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return False


def _prepared(module: torch.nn.Module, *, will_change: bool) -> tuple[torch.nn.Module, tuple[str, ...]]:
    """Return the module in eval mode and float32 on the CPU; a caller's own module is never changed."""
    tensors = [*module.parameters(), *module.buffers()]
    halves = sorted({str(each.dtype).removeprefix("torch.") for each in tensors if _is_odd_float(each)})
    moved = any(each.device.type != "cpu" for each in tensors)
    training = any(getattr(each, "training", False) for each in module.modules())
    notes = [f"converted {' and '.join(halves)} weights to float32"] if halves else []
    if training or halves or moved or will_change:
        module = module if isinstance(module, torch.jit.ScriptModule) else _deep_copy(module)
        module = module.cpu().float().eval() if halves else module.cpu().eval()
    return module, tuple(notes)


def _deep_copy(module: torch.nn.Module) -> torch.nn.Module:
    """Copy a module; weights that an old-style normalisation computed are no leaves and go by detaching."""
    memo: dict[int, object] = {}
    for each in module.modules():
        for value in vars(each).values():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    return copy.deepcopy(module, memo)


def _is_odd_float(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dtype is not torch.float32


def _settled_inputs(module: torch.nn.Module, inputs: Sequence[InputSpec]) -> tuple[InputSpec, ...]:
    """Order the inputs as forward takes them, and bound ids by the smallest embedding.

    Raises:
        UserError: nothing is said of the inputs.
    """
    required, optional = forward_inputs(module)
    if not inputs:
        names = required or ("x",)
        flags = " ".join(f"--input {name}=SHAPE" for name in names)
        raise UserError(
            "the shapes of the model's inputs are not known", f"add {flags}, as in {names[0]}=1x3x224x224"
        )
    order = {name: index for index, name in enumerate((*required, *optional))}
    ordered = sorted(inputs, key=lambda each: order.get(each.name.partition(".")[0], len(order)))
    sizes = [each.num_embeddings for each in module.modules() if isinstance(each, torch.nn.Embedding)]
    limit = (0.0, float(min(sizes) - 1)) if sizes else None
    return tuple(
        replace(each, value_range=limit) if each.is_integer and each.value_range is None else each
        for each in ordered
    )
