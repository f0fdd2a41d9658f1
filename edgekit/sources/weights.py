"""Load a state dict from a file into a module: safetensors, or a .pt by weights-only loading."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from edgekit.errors import UserError, did_you_mean, require
from edgekit.sources.request import check_weights_file
from edgekit.units import format_bytes

_WRAPPERS = ("state_dict", "model_state_dict", "model", "params", "weights")
_SHOWN = 3
_HARMLESS_BYTES = 64 << 20
_MOST_UNPACKED = 50


def load_weights(
    module: torch.nn.Module, path: Path, *, allow_missing: bool = False, allow_unexpected: bool = False
) -> tuple[str, ...]:
    """Load the weights into the module; return in plain words what was done besides.

    Raises:
        UserError: the file cannot be read; keys are missing, unexpected or of another shape.
    """
    state, notes = _unwrapped(_read(path))
    own = module.state_dict()
    _check_shapes(state, own, path)
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in state if name not in own]
    if missing and unexpected and not state.keys() & own.keys():
        raise UserError(
            f"'{path}' holds the weights of another model: "
            f"it has {_listed(unexpected)}, this one {_listed(missing)}",
            did_you_mean(missing[0], unexpected) or "give the model's own weights",
        )
    if missing and not allow_missing:
        near = did_you_mean(missing[0], unexpected)
        remedy = f"in the file, {near}" if near else "give the model's own weights, or --allow-missing"
        raise UserError(f"'{path}' lacks {_listed(missing)}", remedy)
    if unexpected and not allow_unexpected:
        raise UserError(
            f"'{path}' holds {_listed(unexpected)}, which the model does not have",
            did_you_mean(unexpected[0], own) or "give the model's own weights, or --allow-unexpected",
        )
    module.load_state_dict(dict(state), strict=False)
    if missing:
        notes.append(f"kept the seeded values of {_listed(missing)}: the weights file lacks them")
    if unexpected:
        notes.append(f"left out {_listed(unexpected)} of the weights file: the model lacks them")
    return tuple(notes)


def _read(path: Path) -> Any:
    check_weights_file(path)
    if path.suffix == ".safetensors":
        safetensors = require("safetensors.torch", "torch")
        try:
            return safetensors.load_file(path)
        except Exception as error:
            raise UserError(f"'{path}' is not a safetensors file: {error}", "save it again") from None
    check_archive(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        objects = "unsupported global" in str(error).lower()
        raise UserError(
            f"'{path}' holds Python objects, which are not loaded because they could run code"
            if objects
            else f"'{path}' is not a state dict that PyTorch can read",
            "save it with torch.save(model.state_dict(), FILE), or as safetensors",
        ) from None


def check_archive(path: Path) -> None:
    """Refuse a .pt that unpacks to far more than it is long, before PyTorch does so.

    PyTorch stores weights as they are and compresses only code, at most some ten to one.

    Raises:
        UserError: it does.
    """
    try:
        with zipfile.ZipFile(path) as file:
            unpacked = sum(each.file_size for each in file.infolist())
    except Exception:  # no archive, or a damaged one: PyTorch says what it is
        return
    packed = path.stat().st_size
    if unpacked > max(_HARMLESS_BYTES, _MOST_UNPACKED * packed):
        raise UserError(
            f"'{path}' would unpack to {format_bytes(unpacked)}, from {format_bytes(packed)}",
            "save it again with PyTorch, which does not compress weights",
        )


def _unwrapped(loaded: Any) -> tuple[Mapping[str, torch.Tensor], list[str]]:
    """Take the state dict out of a checkpoint, and the prefix of DataParallel off its keys."""
    notes: list[str] = []
    if not isinstance(loaded, Mapping):
        raise UserError("the weights file holds no state dict", "save model.state_dict()")
    if not _is_state_dict(loaded):
        key = next((key for key in _WRAPPERS if _is_state_dict(loaded.get(key))), None)
        if key is None:
            raise UserError("the weights file holds no state dict", "save model.state_dict()")
        loaded = loaded[key]
        notes.append(f"took the weights from the checkpoint's '{key}'")
    if loaded and all(name.startswith("module.") for name in loaded):
        loaded = {name.removeprefix("module."): value for name, value in loaded.items()}
        notes.append("took the prefix 'module.' off the names of the weights")
    return loaded, notes


def _is_state_dict(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(each, torch.Tensor) for each in value.values())
    )


def _check_shapes(state: Mapping[str, torch.Tensor], own: Mapping[str, Any], path: Path) -> None:
    for name, value in state.items():
        expected = own.get(name)
        if isinstance(expected, torch.Tensor) and expected.shape != value.shape:
            raise UserError(
                f"'{name}' in '{path}' is of shape {tuple(value.shape)}, the model's {tuple(expected.shape)}",
                "give the weights of this very model, with the same arguments",
            )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
