"""Write the smallest runnable case of one layer: its .param and .bin, its inputs, the reference, a script.

What is written needs ncnn and numpy only and says in `issue.md` what is wrong and where that was seen: it can
be attached to an ncnn issue as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from edgekit import schema
from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.devices import DeviceInfo
from edgekit.errors import UserError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.numerics.floors import floor
from edgekit.runtimes.ncnn import PRECISIONS
from edgekit.staging import staged_folder
from edgekit.verifier.model import LayerResult
from edgekit.verifier.run import Artefact
from edgekit.verifier.terms import sums_of

CASE_FILE = "case.json"
"""By which a folder is known as a case that was written here."""

_SCRIPT = '''\
"""Run one ncnn layer on stored inputs and compare it with stored PyTorch results."""
import json, pathlib
import ncnn, numpy as np

here = pathlib.Path(__file__).parent
case = json.loads((here / "case.json").read_text())
net = ncnn.Net()
for option, value in case["options"].items():
    setattr(net.opt, option, value)
assert net.load_param(str(here / "layer.param")) == 0
assert net.load_model(str(here / "layer.bin")) == 0
ex = net.create_extractor()
for blob in case["inputs"]:
    array = np.load(here / blob["file"])
    ex.input(blob["name"], ncnn.Mat(array, blob["batch_index"]).clone())
for blob in case["outputs"]:
    code, mat = ex.extract(blob["name"])
    reference = np.load(here / blob["file"])
    actual = mat.numpy(batch_index=0 if mat.n > 1 else 233)
    error = np.abs(actual - reference).max() if actual.shape == reference.shape else "shape"
    print(blob["name"], "code", code, actual.shape, "max error", error, "rounding explains", blob["floor"])
'''


_ISSUE = """\
# {type} `{name}` differs from PyTorch

    $ pip install ncnn=={ncnn} numpy
    $ python repro.py

runs this layer alone on the stored inputs and compares it with what PyTorch gives for them.

{what}

{lines}

- made from: {source}
- seen on: {cpu}, {arch}, {system}, ncnn {ncnn}
- options: {options}
"""


def write_repro(
    folder: str | Path, artefact: Artefact, alignment: Alignment, sample: Sample, result: LayerResult
) -> Path:
    """Write the case of a judged layer into `folder` (replaced whole when it was written by this before).

    Raises:
        UserError: the layer is not aligned, or the folder holds something else.
    """
    entry = alignment.layers[result.index]
    if not entry.outputs or not entry.anchors:
        raise UserError(
            f"layer '{entry.name}' has no reference to be reproduced against",
            entry.reason or "choose another",
        )
    with staged_folder(folder, marker=CASE_FILE) as staging:
        graph = extract(artefact.graph, entry, sample)
        ncnn.write(graph, staging / "layer.param", staging / "layer.bin")
        layer = artefact.graph.layers[entry.index]
        info = artefact.device.info()
        sums = sums_of(layer, entry, sample, artefact.stored, on_arm=artefact.on_arm)
        options = {**PRECISIONS[artefact.precision], "num_threads": artefact.threads}
        case = {
            "schema": "edgekit.repro/1",
            "layer": {"index": entry.index, "name": entry.name, "type": entry.type},
            "source": entry.source,
            "options": options,
            "versions": {"ncnn": info.ncnn, "numpy": np.__version__},
            "inputs": [_save(staging, "input", blob, alignment, sample) for blob in entry.anchors],
            "outputs": [
                {
                    **_save(staging, "reference", blob, alignment, sample),
                    "floor": floor(sample.noise[blob].isolated, artefact.precision, sums),
                }
                for blob in entry.outputs
            ],
        }
        schema.write_json(case, staging / CASE_FILE)
        (staging / "repro.py").write_text(_SCRIPT, "utf-8")
        (staging / "issue.md").write_text(_issue(result, graph, options, info), "utf-8")
    return Path(folder)


def _issue(result: LayerResult, graph: Graph, options: Mapping[str, bool | int], info: DeviceInfo) -> str:
    _, _, *lines = ncnn.dump_param(graph).splitlines()
    source = result.source
    place = f" ({source.file}:{source.line})" if source is not None and source.file else ""
    return _ISSUE.format(
        type=result.type,
        name=result.name,
        what=_what(result),
        lines="\n".join(f"    {line.strip()}" for line in lines),
        source="nothing that is known" if source is None else f"{source.op} of '{source.module}'{place}",
        cpu=info.cpu,
        arch=info.arch,
        system=info.system,
        ncnn=info.ncnn,
        options=", ".join(f"{name}={value}" for name, value in options.items()),
    )


def _what(result: LayerResult) -> str:
    if result.isolated is None:
        what = f"It gives no usable result ({result.finding.value if result.finding else 'no number'})."
    else:
        what = f"It is off by {result.isolated.max_abs:.2g}"
        what += f", where rounding explains {result.floor:.2g}." if result.floor else "."
    return f"{what} {result.why}." if result.why else what


def extract(graph: Graph, entry: LayerAlignment, sample: Sample) -> Graph:
    """Cut one layer out of a graph: Input layers for its anchors, then all that lies between."""
    wanted = set(entry.outputs)
    kept: list[Layer] = []
    for layer in reversed(graph.layers[: entry.index + 1]):
        if wanted.intersection(layer.outputs) and not set(layer.outputs) <= set(entry.anchors):
            kept.append(layer)
            wanted.update(blob for blob in layer.inputs if blob not in entry.anchors)
    inputs = [Layer("Input", f"input_{number}", (), (blob,)) for number, blob in enumerate(entry.anchors)]
    return Graph((*inputs, *reversed(kept)))


def _save(folder: Path, role: str, blob: str, alignment: Alignment, sample: Sample) -> dict[str, str | int]:
    number = len(list(folder.glob(f"{role}_*.npy")))
    name = f"{role}_{number}.npy"
    np.save(folder / name, sample.blobs[blob], allow_pickle=False)
    axis = alignment.blobs[blob].layout.batch_axis
    return {"name": blob, "file": name, "batch_index": 233 if axis is None else axis}
