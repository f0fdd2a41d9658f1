"""Other runtimes beside ncnn: the same PyTorch model in onnxruntime or torch, timed by the same protocol.

The model is built again from the bundle's manifest, which works for the networks of the zoo; a bundle of an
`.onnx` file runs that file in onnxruntime.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import edgekit
from edgekit.bundle import ModelSource
from edgekit.devices import Device, LocalDevice
from edgekit.errors import UserError, did_you_mean, require
from edgekit.models import registry

OTHERS = ("onnxruntime", "torch")
NCNN = "ncnn"


def check(names: tuple[str, ...]) -> None:
    """Refuse names of runtimes that do not exist or are not installed.

    Raises:
        UserError: there is no such runtime.
        MissingPackage: it is not installed.
    """
    for name in names:
        if name not in OTHERS:
            raise UserError(
                f"there is no runtime '{name}'",
                did_you_mean(name, OTHERS) or "choose from " + ", ".join(OTHERS),
            )
        require("torch", "torch")
        if name == "onnxruntime":
            require("onnxruntime", "onnx")


def open_runtime(device: Device) -> Device:
    """Return what runs the other runtimes.

    Raises:
        UserError: they are asked for on another device than the local one.
    """
    if device.spec != "local":
        raise UserError(f"other runtimes run locally, not on '{device.spec}'", "leave --runtime out")
    return LocalDevice((sys.executable, "-m", "edgekit.runtimes.timed"))


def module_path() -> dict[str, str]:
    """The environment that lets a child process import this edgekit, installed or not."""
    home = str(Path(edgekit.__file__).parents[1])
    return {"PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))}


def write_model(source: ModelSource, runtime: str, folder: Path) -> Path:
    """Write the model of a bundle for a runtime and return the file.

    Raises:
        UserError: the model cannot be built again from what the bundle says.
    """
    if source.kind == "onnx" and runtime == "onnxruntime" and Path(source.spec).is_file():
        return Path(source.spec)
    if source.kind != "zoo" or source.weights is not None:
        raise UserError(
            f"'{source.spec}' cannot be built again for {runtime}",
            "compare runtimes on a bundle of a zoo model with seeded weights",
        )
    import torch

    spec = registry.parse(source.spec)
    module = registry.build(spec, source.seed)
    inputs = [torch.rand(each.shape) for each in spec.inputs]
    if runtime == "torch":
        path = folder / "model.pt"
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.trace(module, tuple(inputs), check_trace=False).save(str(path))
        return path
    from edgekit.toolchain.onnx_export import export_onnx

    path = folder / "model.onnx"
    export_onnx(module, inputs, len(spec.entry.outputs), path)
    return path
