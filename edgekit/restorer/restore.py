"""`weights`: the numbers of an ncnn binary back into the PyTorch module that it was made from."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgekit import schema, scratch
from edgekit.devices import Device, open_device
from edgekit.differ import DiffReport, diff
from edgekit.differ.change import Change
from edgekit.differ.changes import all_changes
from edgekit.differ.diff import Aligned, aligned, report_of
from edgekit.differ.sides import is_ncnn, side_of
from edgekit.errors import EdgekitError, UserError, require
from edgekit.inspector import Opened, open_model
from edgekit.inspector.rows import storage
from edgekit.restorer.model import NotRestored, Restored, StructuresDiffer
from edgekit.sources.inputs import InputSpec, ShapeLike, input_specs, probe
from edgekit.sources.recipe import settled
from edgekit.sources.request import Request, WeightOptions
from edgekit.sources.spec import ModelSpec, SpecKind, parse_spec
from edgekit.threads import one_thread

if TYPE_CHECKING:
    import torch

    from edgekit.exporter.result import OutputCheck
    from edgekit.restorer.assign import Assignment
    from edgekit.restorer.conversion import Converted
    from edgekit.restorer.origins import Origins
    from edgekit.restorer.tags import Inventory
    from edgekit.restorer.verification import BinaryPorts
    from edgekit.runtimes.trace import Array
    from edgekit.sources.load import TorchModel
    from edgekit.verifier import VerifyReport

Progress = Callable[[str], None]
_FLOATS = (np.float32, np.float16)


def weights(
    ncnn: str | os.PathLike[str],
    model: str | torch.nn.Module,
    out: str | os.PathLike[str],
    *,
    inputs: Mapping[str, ShapeLike] | Sequence[InputSpec] | None = None,
    route: str | None = None,
    seed: int | None = None,
    device: str = "local",
    progress: Progress | None = None,
) -> Restored:
    """Bring the weights of an ncnn model back into a module, verify it, and write its state dict to `out`.

    `ncnn` is a bundle or a `.param` with its `.bin` (fp32 or fp16), `model` a model spec or a module of the
    same structure; `inputs`, `route` and `seed` as in `export`. A BatchNorm that is folded in the binary
    becomes one that does nothing but shift. A module that is passed is left as it is.

    Raises:
        StructuresDiffer: the two are different networks (exit code 1); the error holds the differences.
        NotRestored: the loaded module computes something else than the binary (exit code 1).
        UserError: a file is missing or holds int8 weights; the model cannot be loaded or converted.
    """
    step = progress or (lambda _: None)
    target = Path(out)
    if target.suffix != ".safetensors":
        raise UserError(f"'{target}' does not end in .safetensors", "name the file so: it is what is written")
    schema.check_writable(target)
    step("reading the binary")
    binary = _binary(ncnn)
    request = settled(
        parse_spec(model) if isinstance(model, str) else model,
        inputs=input_specs(inputs or {}),
        route=route,
        weights=WeightOptions(),
        seed=seed,
    )
    where = open_device(device)
    safetensors = require("safetensors.torch", "torch")  # imports torch, which takes seconds
    with scratch.folder() as folder:
        work = _Work(binary, request, folder, where, step)
        result, state = work.run(model)
    schema.write_bytes(safetensors.save(state), target)
    return replace(result, path=target)


def _binary(path: str | os.PathLike[str]) -> Opened:
    """Open the ncnn side; it needs weights, and such as a module can take."""
    if not is_ncnn(Path(path)):
        raise UserError(f"'{path}' is no ncnn model", "give a bundle or a .param with its .bin beside it")
    opened = open_model(Path(path))
    if opened.bin is None:
        raise UserError(f"there is no .bin beside '{opened.param}'", "the weights are in the .bin")
    for layer in opened.graph:
        for weight in layer.weights:
            if weight.values().dtype not in _FLOATS:
                raise UserError(
                    f"layer '{layer.name}' has {weight.values().dtype} weights",
                    "give the model from before quantisation: what was rounded away cannot be brought back",
                )
    if not any(layer.weights for layer in opened.graph):
        raise UserError(f"the weights of '{path}' cannot be read", "; ".join(opened.notes) or "it has none")
    return opened


@dataclass(frozen=True, eq=False)
class _Work:
    """One restoration; `folder` is for the conversions."""

    binary: Opened
    request: Request
    folder: Path
    device: Device
    progress: Progress

    def run(self, model: str | torch.nn.Module) -> tuple[Restored, dict[str, torch.Tensor]]:
        from edgekit.restorer import tags
        from edgekit.restorer.assign import Assigner
        from edgekit.restorer.constants import rounded_constants, with_buffers
        from edgekit.restorer.origins import Tags, origins
        from edgekit.restorer.verification import ports

        with one_thread():
            self.progress("loading the model")
            loaded = self._load()
            stock = tags.inventory(loaded.adapter.original)
            self.progress("converting the model with marked weights")
            converted = self._convert(loaded, stock)
            *positions, shifts = converted
            tagged = Tags([each.graph for each in positions], shifts.graph, tags.DIGIT)
            shifting = [stock.names.index(norm.shift) for norm in stock.norms]
            sources = origins(tagged, tuple(stock.shapes.values()), shifting)
            self.progress("aligning the structures")
            both = self._aligned(loaded, converted[0], sources, model)
            layers = self.binary.graph.layers, converted[0].graph.layers
            made = Assigner(both.found, *layers, sources, stock).assign()
            module = tags.with_values(loaded.adapter.original, _complete(loaded.adapter.original, made))
            rounded = rounded_constants(both.found, *layers, sources, module)
            self.progress("verifying the loaded module")
            checks, verdict = self._verified(
                loaded, with_buffers(module, rounded), ports(loaded.inputs, both, converted[0].run)
            )
            state = {name: each.detach().clone().contiguous() for name, each in module.state_dict().items()}
            return self._result(loaded, made, checks, verdict, rounded), state

    def _load(self) -> TorchModel:
        from edgekit.sources.load import load_torch

        request = self.request
        if isinstance(request.model, ModelSpec) and request.model.kind in (
            SpecKind.ONNX,
            SpecKind.TORCHSCRIPT,
        ):
            raise UserError(
                f"'{request.model.text}' is no PyTorch code, so that nothing could load its weights",
                "name the module as file.py:Attr, package.module:Attr, a recipe or a zoo name",
            )
        return load_torch(request)

    def _convert(self, loaded: TorchModel, stock: Inventory) -> list[Converted]:
        from edgekit.restorer import tags
        from edgekit.restorer.conversion import conversions

        if len(stock.shapes) > tags.MOST_TENSORS:
            raise UserError(f"the model has more than {tags.MOST_TENSORS} tensors", "restore a part of it")
        sets = [tags.tagged(stock, digit) for digit in range(tags.digits(stock))]
        sets.append(tags.tagged_shifts(stock))
        first = probe(loaded.inputs, self.request.seed, 0)
        return conversions(loaded, sets, self.request.route, first, self.folder)

    def _aligned(
        self, loaded: TorchModel, converted: Converted, sources: Origins, model: str | torch.nn.Module
    ) -> Aligned:
        """Align the binary with the model's conversion.

        Raises:
            StructuresDiffer: more differs than a bias, which may be zero, and numbers that are weights.
        """
        items = {
            f"in{index}": tuple(size for place, size in enumerate(spec.shape) if place != axis)
            for index, (spec, axis) in enumerate(
                zip(loaded.inputs, converted.run.input_batch_axes, strict=True)
            )
        }
        names = {f"in{index}": spec.name for index, spec in enumerate(loaded.inputs)}
        fresh = Opened(
            loaded.source.spec, converted.run.param, converted.run.bin, converted.graph, items=items
        )
        right = replace(side_of(fresh.name, fresh), input_names=names)
        both = aligned(side_of(self.binary.name, self.binary), right)
        if both.ports or not all(_is_weight(each, sources) for each in all_changes(both.found)):
            raise StructuresDiffer(self._explained(model, report_of(both)))
        return both

    def _explained(self, model: str | torch.nn.Module, found: DiffReport) -> DiffReport:
        """Compare again by a whole export, which knows the lines to change; if that fails, as it is known."""
        self.progress("looking for what differs")
        try:
            report = diff(self.binary.name, model, inputs=self.request.inputs, route=self.request.route)
        except EdgekitError:
            return found
        return found if report.same else report

    def _verified(
        self, loaded: TorchModel, module: torch.nn.Module, blobs: BinaryPorts
    ) -> tuple[tuple[OutputCheck, ...], VerifyReport]:
        """Check a module that has the binary's numbers against the binary.

        Raises:
            NotRestored: it computes something else.
        """
        from edgekit.restorer.verification import verified

        checks, verdict = verified(
            replace(loaded, adapter=loaded.adapter.derived(module, lambda _: None)),
            self.binary,
            blobs,
            [probe(loaded.inputs, self.request.seed, number) for number in (0, 1)],
            self.request.route,
            self.device,
            self.folder,
        )
        if not all(check.passed for check in checks) or not verdict.passed:
            raise NotRestored(checks, verdict)
        return checks, verdict

    def _result(
        self,
        loaded: TorchModel,
        made: Assignment,
        checks: tuple[OutputCheck, ...],
        verdict: VerifyReport,
        rounded: Collection[str],
    ) -> Restored:
        carried = tuple(name for name in made.stock.names if name in made.values and name not in made.neutral)
        stored = sorted({storage(each) for layer in self.binary.graph for each in layer.weights})
        partial = [name for name, known in made.known.items() if not known.all()]
        notes = [f"parts of '{name}' are not in the network and were kept" for name in partial]
        notes += [
            f"'{name}' is in no state dict, so that the file cannot hold it: compared as the binary has it, "
            "rounded to fp16"
            for name in sorted(rounded)
        ]
        return Restored(
            path=self.folder,
            ncnn=self.binary.name,
            model=loaded.source.spec,
            parameters=sum(prod(made.stock.shapes[name]) for name in carried),
            carried=carried,
            neutral=tuple(sorted(made.neutral)),
            kept=tuple(name for name in made.stock.names if name not in made.values),
            stored=tuple(stored),
            checks=checks,
            layers=len(verdict.layers),
            layers_compared=verdict.compared,
            notes=(*loaded.notes, *notes),
        )


def _is_weight(change: Change, sources: Origins) -> bool:
    """Whether a difference is one of weights: a bias that may be zero, or a number that is learned."""
    if change.kind == "bias":
        return True
    if change.left is None or change.right is None or change.kind not in ("activation", "parameters"):
        return False
    names = [op.facts.get("type", op.facts.get("op")) for op in (change.left, change.right)]
    learned = any(sources.stated(layer) for layer in change.right.layers)
    return learned and (names[0] == names[1] or set(names) == {"leakyrelu", "prelu"})


def _complete(module: torch.nn.Module, made: Assignment) -> dict[str, Array]:
    """Return whole tensors: what is not known of them stays as the module has it."""
    state = module.state_dict()
    return {
        name: np.where(made.known[name], value, state[name].numpy()) for name, value in made.values.items()
    }
