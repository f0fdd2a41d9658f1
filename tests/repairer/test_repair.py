"""Broken in half precision, named by the emulator, cured in the file, and no mask too many."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.alignment import store
from edgekit.bundle import open_bundle
from edgekit.cli.main import main
from edgekit.devices import LocalDevice, QemuDevice, WorkerCrashed, WorkerError
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.repairer import Keep, Repair
from edgekit.repairer.masking import carried_alignment, carried_samples, with_masks
from edgekit.runtimes.ncnn import PRECISIONS, Case, Feed, run_cases
from edgekit.verifier import Artefact, VerifyReport
from edgekit.verifier.verify import judge_artefact
from tests.repairer import nets
from tests.repairer.nets import Exported

pytestmark = pytest.mark.usefixtures("qemu")
DEVICE = QemuDevice("cortex-a76")

KEPT: Mapping[str, tuple[tuple[str, Keep], ...]] = {
    "in_the_middle": (),
    "attention": (("", Keep.ALL), ("", Keep.ALL)),
    "large_gates": (("gru", Keep.SUMS),),
    "large_sums": (("stem", Keep.ALL), ("norm", Keep.ALL)),
    "bare_softmax": (("", Keep.ALL), ("", Keep.ALL), ("", Keep.ALL)),
    "two_branches": (("right", Keep.ALL),),
    "odd_depthwise": (("down", Keep.SUMS),),
    "inside_winograd": (("middle", Keep.DIRECT),),
    "large_window": (("", Keep.SUMS),),
    "large_cell": (("lstm", Keep.ALL),),
    "heads": (("attention", Keep.ALL),),
    "scaled_late": (("", Keep.ALL),),
    "vanishing": (("", Keep.ALL), ("", Keep.ALL), ("", Keep.ALL)),
}


RESCALED = {"in_the_middle": ["middle"], "two_branches": ["left"]}


def without_mask(bundle: Path, name: str, folder: Path) -> VerifyReport:
    """Verify a repaired bundle on the device with one mask taken off again."""
    opened = open_bundle(bundle)
    graph = ncnn.read(opened.param, opened.bin)
    masks = {
        index: Keep(int(layer.params["31"]))  # type: ignore[call-overload]
        for index, layer in enumerate(graph.layers)
        if "31" in layer.params and layer.name != name
    }
    bare = tuple(
        replace(layer, params={key: value for key, value in layer.params.items() if key != "31"})
        for layer in graph.layers
    )
    masked = with_masks(replace(graph, layers=bare), masks)
    param, weights = folder / "a.param", folder / "a.bin"
    ncnn.write(masked.graph, param, weights)
    alignment, samples, _ = store.read(bundle)
    outputs = {output.blob: output.name for output in opened.manifest.outputs}
    artefact = Artefact(masked.graph, param, weights, DEVICE, "fp16")
    carried = carried_alignment(masked, alignment), carried_samples(masked, samples)
    return judge_artefact("x", artefact, *carried, outputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(nets.BROKEN))
def test_a_broken_net_is_cured_by_as_few_masks_as_possible(
    name: str, exported: Exported, tmp_path: Path
) -> None:
    source, target = exported(name), tmp_path / "fixed"
    found = edgekit.repair(source, target)
    modules = tuple((each.source.module if each.source else "", each.keep) for each in found.kept)
    assert modules == KEPT[name]
    moved = [each.source.module for each in found.rescaled if each.source]
    assert moved == RESCALED.get(name, [])
    assert not found.before.passed and found.after.passed
    added_up = name == "vanishing"  # only its last layer fails alone; what it reads has to arrive, too
    assert added_up or (found.trials[-1].holds and len(found.trials) <= 3)
    there = edgekit.verify(target, device=DEVICE, precision="fp16")
    assert there.passed and not there.warnings
    assert edgekit.verify(target).passed  # on x86, in float32, the same bundle is the same model
    for each in found.kept:
        bare = without_mask(target, each.name, tmp_path)
        assert not bare.passed and (added_up or each.name in bare.culprits)


def test_a_change_of_scale_changes_no_bit_of_the_outputs_in_float32(
    exported: Exported, repaired: Repair
) -> None:
    assert repaired.bundle is not None
    blob = open_bundle(repaired.bundle).manifest.outputs[0].blob
    sample = store.read(exported("two_branches"))[1][0]
    case = Case("a", {"in0": Feed(sample.blobs["in0"])}, (blob,))
    replies = []
    for folder in (exported("two_branches"), Path(repaired.bundle)):
        files = folder / "model.ncnn.param", folder / "model.ncnn.bin"
        replies.append(run_cases(LocalDevice(), *files, [case], PRECISIONS["fp32"]).tensors[f"a:{blob}"])
    assert np.array_equal(*replies)


@pytest.fixture(scope="module")
def repaired(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Repair:
    return edgekit.repair(exported("two_branches"), tmp_path_factory.mktemp("repaired") / "fixed")


def test_the_price_is_counted(repaired: Repair) -> None:
    price = repaired.price
    assert price is not None
    assert (price.before.half_layers, price.after.half_layers) == (6, 5)
    right = 8 * 3 * 9 + 8  # elements of the one layer that is held in float32 now
    assert price.after.weight_bytes - price.before.weight_bytes == 2 * right
    assert price.after.activation_bytes > price.before.activation_bytes
    assert price.before.instructions is None or price.after.instructions > price.before.instructions
    assert price.before.latency_s is None and price.timed_on is None


def test_the_new_bundle_says_what_was_done_to_it(repaired: Repair, exported: Exported) -> None:
    assert repaired.bundle is not None
    opened, source = open_bundle(repaired.bundle), open_bundle(exported("two_branches"))
    told = opened.manifest.extra["repaired"]
    assert told["for"] == "fp16"
    assert told["from"] == {
        name: source.manifest.files[name] for name in ("model.ncnn.param", "model.ncnn.bin")
    }
    assert [entry["mask"] for entry in told["kept"]] == [3]
    assert [entry["exponent"] for entry in told["rescaled"]] == [-10]
    assert opened.changed_files() == ()
    assert opened.manifest.outputs == source.manifest.outputs
    graph = ncnn.read(opened.param, opened.bin)
    assert [layer.type for layer in graph.layers].count("Permute") == repaired.widened == 1
    changed = [line for line in repaired.diff if "31=3" in line]
    assert len(changed) == 1 and changed[0].startswith("+")
    assert [line.endswith("times 2^10") for line in repaired.diff if line.startswith("~")] == [False, True]


def test_new_inputs_are_compared_on_the_repaired_bundle(repaired: Repair, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(3).random((1, 3, 12, 12), np.float32))
    assert repaired.bundle is not None
    model = nets.build(nets.TwoBranches)
    report = edgekit.verify(repaired.bundle, inputs=tmp_path / "x.npz", model=model)
    assert report.passed and report.compared == len(report.layers)


@pytest.mark.parametrize("name", sorted(nets.SOUND))
def test_nothing_is_written_where_nothing_fails(
    name: str, exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "fixed"
    assert main(["verify", str(exported(name)), "--repair", "fp16", "-o", str(target)]) == 0
    assert capsys.readouterr().out.startswith("PASS: nothing to repair")
    assert not target.exists()


def test_the_command_tells_layers_lines_and_price(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["verify", str(exported("odd_depthwise")), "--repair", "fp16", "-o", str(tmp_path / "fixed")]
    assert main([*arguments, "--json", str(tmp_path / "r.json")]) == 0
    text = capsys.readouterr().out
    assert text.startswith("REPAIRED: 1 of 4 layers is kept out of half precision")
    assert "(ConvolutionDepthWise): 31=1" in text and "from down" in text and "nets.py:" in text
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["schema"] == "edgekit.verify/1" and document["verdict"] == "pass"
    assert [each["mask"] for each in document["repair"]["kept"]] == [1]
    assert document["repair"]["trials"][-1]["holds"] is True


def test_a_layer_that_is_wrong_in_float32_too_is_no_matter_of_masks(
    exported: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    wrong = tmp_path / "wrong"
    shutil.copytree(exported("honest"), wrong)
    param, weights = wrong / "model.ncnn.param", wrong / "model.ncnn.bin"
    graph = ncnn.read(param, weights)
    last = graph.layers[-1]
    scaled = replace(last.weights[0], data=last.weights[0].data * 2)
    layers = (*graph.layers[:-1], replace(last, weights=(scaled, *last.weights[1:])))
    ncnn.write(replace(graph, layers=layers), param, weights)
    assert main(["verify", str(wrong), "--repair", "fp16", "-o", str(tmp_path / "fixed")]) == 2
    assert f"{last.name}: wrong in float32 too, so no mask helps" in capsys.readouterr().err
    assert not (tmp_path / "fixed").exists()


def test_ncnn_does_not_survive_a_storage_mask_without_the_layer_that_widens(
    exported: Exported, tmp_path: Path
) -> None:
    """The reason for the Permute: when this fails, ncnn converts at a mask itself and it can go."""
    bundle = exported("in_the_middle")
    graph = ncnn.read(bundle / "model.ncnn.param", bundle / "model.ncnn.bin")
    sample = store.read(bundle)[1][0]
    bare = tuple(
        replace(layer, params={**layer.params, "31": 3}) if index == 2 else layer
        for index, layer in enumerate(graph.layers)
    )
    assert not _agrees(replace(graph, layers=bare), sample.blobs, tmp_path)
    assert _agrees(with_masks(graph, {2: Keep.ALL, 3: Keep.ALL}).graph, sample.blobs, tmp_path)


def _agrees(graph: Graph, blobs: Mapping[str, object], folder: Path) -> bool:
    """Whether a layer behind a half-precision one gives what PyTorch gives."""
    param, weights = folder / "a.param", folder / "a.bin"
    ncnn.write(graph, param, weights)
    case = Case("a", {"in0": Feed(np.asarray(blobs["in0"]))}, ("2",))
    try:
        reply = run_cases(DEVICE, param, weights, [case], PRECISIONS["fp16"])
    except (WorkerCrashed, WorkerError):  # dying, ncnn may wait for its own lock
        return False
    wanted = np.asarray(blobs["2"])
    got = reply.tensors.get("a:2")
    return got is not None and bool(np.abs(got - wanted).max() < 0.01 * np.abs(wanted).max())
