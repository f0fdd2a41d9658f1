"""Does `edgekit verify` read a file of other make: a clean one as clean, a faulty layer by its name?

    python benchmarks/foreign.py [NET ...] [--disguises NAME,...] [--json FILE] [--build build/foreign]

Every network is exported, and its `.param` and `.bin` are written as another converter might have: names that
say nothing, layers, inputs and outputs in another order, copies of copies, activations apart or fused, fp16
weights. Then nothing but these files and the PyTorch model is given to `edgekit verify`, once as they are (it
has to pass, with 99 % of the layers compared and every warning true), and once with the weights of a layer
chosen with a fixed seed times 1.01 (it has to name this layer and no other). The JSON is written after each
network.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "changes"))
sys.path.insert(0, str(Path(__file__).parent / "faults"))

import nets
import rewrites
from edits import with_weight
from net import Net
from subjects import export

import edgekit
from edgekit import schema
from edgekit.bundle import Bundle, open_bundle
from edgekit.cli.progress import StatusLine
from edgekit.errors import EdgekitError
from edgekit.exporter.fp16 import with_fp16_weights
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.inspector import open_model
from edgekit.sources.inputs import InputSpec
from edgekit.verifier.model import VerifyReport

SCHEMA = "edgekit.foreign-benchmark/1"
REQUIRED = 0.99
FACTOR = 1.01
COPIES = ("Split", "Noop", "Dropout")
NETS = (
    "transformer",
    "recurrent",
    "branches",
    "hybridsn",
    "mobilenet_v1:resolution=96",
    "mobilenet_v2:resolution=96",
    "mobilenet_v3_small:resolution=96",
    "mobilenet_v4_conv_small:resolution=96",
    "shufflenet_v1:resolution=96",
    "shufflenet_v2:resolution=96",
    "se_resnet18:resolution=96",
    "cbam_resnet18:resolution=96",
    "audio_face_unet",
    "gtcrn:frames=16",
    "gtcrn_stream",
)


def turned(net: Net, rng: rewrites.Rng) -> int:
    """Inputs last first, and of what could come next always what stood last: outputs in another order too."""
    places = {layer.name: place for place, layer in enumerate(net.layers)}
    pending, made, order = list(net.layers), set[str](), list[Layer]()
    while pending:
        ready = [layer for layer in pending if made.issuperset(layer.inputs)]
        chosen = max(ready, key=lambda layer: (layer.type == "Input", places[layer.name]))
        pending.remove(chosen)
        made.update(chosen.outputs)
        order.append(chosen)
    net.layers[:] = order
    return len(order)


def nested(net: Net, rng: rewrites.Rng) -> int:
    """Copies of copies: every Split has two readers, and which copy is whose is another one."""
    splits = [layer for layer in net.layers if layer.type == "Split"]
    for split in splits:
        place = net.layers.index(split)
        source, made = split.inputs[0], list[Layer]()
        *copies, last = (split.outputs[each] for each in rng.permutation(len(split.outputs)))
        for number, copy in enumerate(copies):
            rest = net.new("copy") if number < len(copies) - 1 else last
            name = net.new("split") if number else split.name
            made.append(Layer("Split", name, (source,), (rest, copy)))
            source = rest
        net.layers[place : place + 1] = made or [split]
    return len(splits)


def half(net: Net, rng: rewrites.Rng) -> int:
    """Weights stored in fp16."""
    net.layers[:] = with_fp16_weights(net.graph()).layers
    return len(net.layers)


DISGUISES: dict[str, tuple[rewrites.Rewrite, ...]] = {
    "as it is": (),
    "neutral names": (rewrites.renamed,),
    "turned": (turned, rewrites.renamed),
    "reordered": (rewrites.reordered, rewrites.renamed),
    "apart": (rewrites.apart, rewrites.noops, turned, rewrites.renamed),
    "padded": (rewrites.apart, rewrites.padded, turned, rewrites.renamed),
    "all apart": (
        rewrites.apart,
        rewrites.gated,
        rewrites.padded,
        rewrites.noops,
        turned,
        rewrites.renamed,
    ),
    "gated": (rewrites.gated, rewrites.reordered, rewrites.renamed),
    "fused": (rewrites.fused, rewrites.sums, rewrites.means, rewrites.flattened, turned, rewrites.renamed),
    "nested": (nested, rewrites.reordered, rewrites.renamed),
    "cut": (rewrites.cut, rewrites.shuffled, rewrites.one_group, rewrites.whole_windows, rewrites.renamed),
    "half": (rewrites.apart, half, rewrites.reordered, rewrites.renamed),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a file; `guilty` is the layer that was made wrong, None in a clean file.

    `layers` are those that PyTorch has a tensor for.
    """

    net: str
    disguise: str
    guilty: str | None
    right: bool
    named: tuple[str, ...] = ()
    layers: int = 0
    compared: int = 0
    untrue: tuple[str, ...] = ()
    duration_s: float = 0.0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Shipped:
    """A disguised network: the new names of its layers, and what its inputs and outputs are, by their blobs.

    `inner` layers are gates and padding of what PyTorch may compute in one operation, and copies of these.
    """

    graph: Graph
    layers: Mapping[str, str]
    inner: frozenset[str]
    ports: Mapping[str, str] = field(default_factory=dict)


def main() -> int:
    """Run what is asked for and print the table; exit 1 unless all came out right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("nets", nargs="*", default=NETS, metavar="NET", help="networks (default: all)")
    parser.add_argument("--disguises", default=",".join(DISGUISES), help="separated by commas")
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument("--build", type=Path, default=Path("build/foreign"), help="for the exports")
    args = parser.parse_args()
    outcomes: list[Outcome] = []
    with StatusLine("foreign") as status, tempfile.TemporaryDirectory() as scratch:
        for number, name in enumerate(args.nets):
            status(name, number, len(args.nets))
            for disguise in args.disguises.split(","):
                outcomes.extend(tried(name, disguise, args.build, Path(scratch)))
            if args.json is not None:
                schema.write_json(summary(outcomes), args.json)
    print(table(outcomes))
    return 0 if all(outcome.right for outcome in outcomes) else 1


def tried(name: str, disguise: str, build: Path, scratch: Path) -> Iterator[Outcome]:
    """Yield what comes of a disguised network, clean and with a fault."""
    bundle = open_bundle(export(name, build))
    graph = ncnn.read(bundle.param, bundle.bin)
    rng = np.random.default_rng(zlib.crc32(f"{name}/{disguise}".encode()))
    weighted = [
        index for index, layer in enumerate(graph.layers) if any(_is_matrix(each) for each in layer.weights)
    ]
    index = int(rng.choice(weighted))
    weight = next(each.name for each in graph.layers[index].weights if _is_matrix(each))
    faulty = with_weight(graph, index, weight, lambda numbers: numbers * np.float32(FACTOR))
    seed = int(rng.integers(2**31))
    yield _judged(name, disguise, _shipped(bundle, graph, disguise, seed), None, scratch)
    guilty = graph.layers[index].name
    yield _judged(name, disguise, _shipped(bundle, faulty, disguise, seed), guilty, scratch)


def _is_matrix(weight: Any) -> bool:
    return weight.name.startswith("weight_") and weight.data.size > 1


def _shipped(bundle: Bundle, graph: Graph, disguise: str, seed: int) -> Shipped:
    net = Net(graph, open_model(bundle.path).input_shapes[0])
    rng = np.random.default_rng(seed)
    layers = {layer.name: layer.name for layer in net.layers}
    manifest = bundle.manifest
    ports = {spec.blob: spec.name for spec in (*manifest.inputs, *manifest.outputs)}
    for rewrite in DISGUISES[disguise]:
        if rewrite is rewrites.renamed:
            layers = {layer.name: f"l{index}" for index, layer in enumerate(net.layers)}
            blobs = {blob: str(number) for number, blob in enumerate(net.graph().blobs)}
            ports = {blobs[blob]: name for blob, name in ports.items() if blob in blobs}
        rewrite(net, rng)
    inner = {new for name, new in layers.items() if name.startswith(("gate_", "padding_"))}
    return Shipped(net.graph(), layers, frozenset(_with_copies(net, inner)), ports)


def _with_copies(net: Net, inner: set[str]) -> Iterator[str]:
    """Yield some layers and those that only copy what they make."""
    made: set[str] = set()
    for layer in net.layers:
        if layer.name in inner or (layer.type in COPIES and made.issuperset(layer.inputs)):
            made.update(layer.outputs)
            yield layer.name


def _judged(name: str, disguise: str, shipped: Shipped, guilty: str | None, scratch: Path) -> Outcome:
    param = scratch / "shipped.param"
    ncnn.write(shipped.graph, param, param.with_suffix(".bin"))
    own = name in nets.NETS
    specs = [InputSpec(key, shape) for key, shape in nets.NETS[name][1].items()] if own else ()
    started_s = time.perf_counter()
    try:
        report = edgekit.verify(param, model=nets.build(name, 0) if own else name, input_specs=specs)
    except EdgekitError as error:
        return Outcome(name, disguise, guilty, False, error=str(error))
    took_s = time.perf_counter() - started_s
    untrue = _untrue(report, shipped.ports)
    inner = [each for each in report.unmatched if each.name in shipped.inner]
    wanted = () if guilty is None else (shipped.layers[guilty],)
    right = report.culprits == wanted and report.passed == (guilty is None)
    counts = (len(report.layers) - len(inner), report.compared)
    right = right and not untrue and counts[1] >= REQUIRED * counts[0]
    return Outcome(name, disguise, guilty, right, report.culprits, *counts, untrue, took_s)


def _untrue(report: VerifyReport, ports: Mapping[str, str]) -> tuple[str, ...]:
    """Return the pairs of the warnings that are not what the file holds."""
    said = [pair for line in report.warnings for pair in re.findall(r"'(\S+)' for '(\S+)' \(", line)]
    return tuple(f"{blob} for {name}" for blob, name in said if ports.get(blob, name) != name)


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the document: the counts, and whatever was not right one by one."""
    missed = [asdict(outcome) for outcome in outcomes if not outcome.right]
    counts = {
        disguise: {
            "clean": _counted(outcomes, disguise, clean=True),
            "faulty": _counted(outcomes, disguise, clean=False),
        }
        for disguise in dict.fromkeys(outcome.disguise for outcome in outcomes)
    }
    return {
        "schema": SCHEMA,
        "nets": list(dict.fromkeys(outcome.net for outcome in outcomes)),
        "layers": sum(outcome.layers for outcome in outcomes),
        "compared": sum(outcome.compared for outcome in outcomes),
        "disguises": counts,
        "missed": schema.to_json(missed),
    }


def _counted(outcomes: Sequence[Outcome], disguise: str, *, clean: bool) -> dict[str, int]:
    some = [each for each in outcomes if each.disguise == disguise and (each.guilty is None) == clean]
    return {"files": len(some), "right": sum(each.right for each in some)}


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the counts in markdown, and below them what was not right."""
    document = summary(outcomes)
    lines = ["| written | clean: passes | faulty: named exactly |", "| --- | ---: | ---: |"]
    lines += [
        f"| {disguise} | {counts['clean']['right']} of {counts['clean']['files']} "
        f"| {counts['faulty']['right']} of {counts['faulty']['files']} |"
        for disguise, counts in document["disguises"].items()
    ]
    lines.append(f"\n{document['compared']} of {document['layers']} layers compared")
    for outcome in outcomes:
        if not outcome.right:
            wanted = "clean" if outcome.guilty is None else f"wrong: {outcome.guilty}"
            named = ", ".join(outcome.named[:5]) or "none"
            said = outcome.error or (
                f"named {len(outcome.named)}: {named}; {outcome.compared} of {outcome.layers}"
            )
            untrue = f"; untrue: {', '.join(outcome.untrue)}" if outcome.untrue else ""
            lines.append(f"{outcome.net}, {outcome.disguise}, {wanted}: {said}{untrue}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
