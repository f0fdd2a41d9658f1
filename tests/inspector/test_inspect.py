"""Inspection of bundles and of files of other make: shapes, costs, memory, and what is unusual."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgekit import inspect
from edgekit.devices import open_device
from edgekit.errors import UserError
from edgekit.formats import ncnn
from edgekit.inspector import InspectReport, open_model
from edgekit.inspector.liveness import blob_peak
from edgekit.runtimes.ncnn import FP32

from .nets import INT8, ODD, OLD_CAFFE


def write(folder: Path, text: str, name: str = "net.param") -> Path:
    path = folder / name
    path.write_text(text, encoding="ascii")
    return path


@pytest.fixture
def old(tmp_path: Path) -> InspectReport:
    return inspect(write(tmp_path, OLD_CAFFE), ask_ncnn=False)


@pytest.fixture
def odd(tmp_path: Path) -> InspectReport:
    return inspect(write(tmp_path, ODD), inputs={"in0": (1, 3, 8, 8)})


def test_an_old_file_without_hints(old: InspectReport) -> None:
    assert old.kind == "param"
    assert [port.shape for port in old.inputs] == [(3, 32, 32)]
    assert [(port.blob, port.shape) for port in old.outputs] == [("prob", (10,))]
    by_name = {layer.name: layer for layer in old.layers}
    assert by_name["conv1"].output_shapes == ((8, 16, 16),)
    assert by_name["conv1"].macs == 8 * 16 * 16 * 3 * 9
    assert by_name["conv1"].parameters == 216
    assert by_name["conv1/bn"].parameters == 32
    assert by_name["fc"].macs == 80
    assert old.totals.parameters == 216 + 32 + 16 + 72 + 8 + 80 + 10
    assert old.totals.macs == 8 * 256 * 27 + 8 * 256 * 9 + 80
    assert old.totals.bin_file_bytes is None
    assert {name: share.bytes for name, share in old.precision.items()} == {"fp32": old.totals.weight_bytes}


def test_what_a_converter_would_have_fused_is_remarked(old: InspectReport) -> None:
    assert [(remark.kind, remark.name) for remark in old.remarks] == [("unfused", "conv1/bn")]
    assert old.remarks[0].message == "BatchNorm could be part of the Convolution before it"


def test_a_file_with_everything_odd_is_no_error(odd: InspectReport) -> None:
    found = {(remark.kind, remark.name) for remark in odd.remarks}
    assert found == {
        ("unknown", "detector"),
        ("dead", "unused"),
        ("dead", "split"),
        ("slow", "wide"),
        ("parameter", "head"),
        ("slow", "conv"),
        ("slow", "head"),
    }
    rows = {layer.name: layer for layer in odd.layers}
    assert not rows["detector"].registered
    assert rows["detector"].facts == {"0": 21, "1": 0.5}
    assert rows["detector"].macs is None
    assert rows["conv"].turned_off == ("fp16 arithmetic", "fp16 storage")
    assert rows["head"].output_shapes == (None,)
    assert odd.memory is None
    assert [port.blob for port in odd.outputs] == ["out0"]
    assert odd.totals.macs_unknown == 2


def test_shapes_that_stay_open_are_said_once(tmp_path: Path) -> None:
    report = inspect(write(tmp_path, ODD), ask_ncnn=False)
    (remark,) = [remark for remark in report.remarks if remark.kind == "shape"]
    assert remark.name == "in0"
    assert remark.remedy == "give it with --input in0=SHAPE"
    assert report.totals.macs is None


def test_int8_without_a_bin(tmp_path: Path) -> None:
    report = inspect(write(tmp_path, INT8), ask_ncnn=False)
    assert report.totals.parameters == 8 * 36 + 8 + 72  # the scales are not learned
    assert report.layers[1].facts["int8_scale_term"] == 2
    assert [layer.precision for layer in report.layers] == [None, "int8", "int8"]
    assert report.precision["int8"].bytes == 8 * 36 + 72
    assert report.totals.weight_bytes == 8 * 36 + 72 + 4 * (8 + (8 + 1) + (8 + 1))
    assert {remark.kind for remark in report.remarks} == {"slow"}


def test_a_wrong_hint_is_remarked(tmp_path: Path) -> None:
    text = OLD_CAFFE.replace("data conv1 0=8", "data conv1 -23330=4,3,15,15,8 0=8")
    report = inspect(write(tmp_path, text), ask_ncnn=False)
    (remark,) = [remark for remark in report.remarks if remark.kind == "shape"]
    assert remark.message == "the file says 'conv1' is 8x15x15, its layers make it 8x16x16"


def test_lines_beyond_the_announced_count_are_left_out_as_ncnn_does(tmp_path: Path) -> None:
    text = OLD_CAFFE.replace("12 13", "11 13")
    report = inspect(write(tmp_path, text), ask_ncnn=False)
    assert report.totals.layers == 11
    assert report.outputs[0].blob == "fc_drop"
    assert report.remarks[0].kind == "file"
    assert "1 layer line beyond" in report.remarks[0].message


def test_outputs_that_somebody_named_are_outputs_beside_those_that_pnnx_numbers(tmp_path: Path) -> None:
    """A decoder gives its caches back as `out_cache_k0`; what a GRU has left over has a number."""
    text = (
        "7767517\n3 6\nInput in0 0 1 in0 0=4 1=4\n"
        "Slice s 1 3 in0 out_cache_k0 out_cache_v0 a -23300=3,1,1,-233\n"
        "GRU g 1 2 a out0 5 0=3 1=36\n"
    )
    report = inspect(write(tmp_path, text), ask_ncnn=False)
    assert [port.blob for port in report.outputs] == ["out_cache_k0", "out_cache_v0", "out0"]
    assert not [remark for remark in report.remarks if "out_cache" in remark.message]


def filled(text: str, folder: Path, dtype: type[np.generic]) -> Path:
    """Write a net with weights: matrices in `dtype`, vectors in float32."""
    from dataclasses import replace

    from edgekit.graph import Graph, Weight
    from edgekit.ops import weight_layout

    graph = ncnn.loads(text)
    rng = np.random.default_rng(0)

    def weights(layer: object) -> tuple[Weight, ...]:
        return tuple(
            Weight(
                spec.name,
                rng.uniform(0.1, 1.0, spec.shape).astype(dtype if spec.storage == "tagged" else np.float32),
            )
            for spec in weight_layout(layer)  # type: ignore[arg-type]
        )

    layers = tuple(replace(layer, weights=weights(layer)) for layer in graph)
    path = folder / "filled.param"
    ncnn.write(Graph(layers), path, path.with_suffix(".bin"))
    return path


@pytest.mark.parametrize(("dtype", "name"), [(np.float32, "fp32"), (np.float16, "fp16")])
def test_the_precision_mix_counts_what_is_stored(tmp_path: Path, dtype: type[np.generic], name: str) -> None:
    report = inspect(filled(OLD_CAFFE, tmp_path, dtype), ask_ncnn=False)
    matrices, vectors = 216 + 72 + 80, 32 + 16 + 8 + 10
    if name == "fp32":
        assert report.precision["fp32"].parameters == matrices + vectors
    else:
        assert report.precision["fp16"].parameters == matrices
        assert report.precision["fp16"].bytes == 2 * matrices
        assert report.precision["fp32"].parameters == vectors
    assert {layer.precision for layer in report.layers if layer.type == "Convolution"} == {name}
    assert report.totals.bin_file_bytes == (tmp_path / "filled.bin").stat().st_size


def test_odd_weights_are_remarked(tmp_path: Path) -> None:
    path = filled(OLD_CAFFE, tmp_path, np.float32)
    graph = ncnn.read(path, path.with_suffix(".bin"))
    arrays = {layer.name: np.array(layer.weights[0].data) for layer in graph if layer.weights}
    arrays["conv1"][...] = 0
    arrays["conv2/dw"][0] = 1e6
    arrays["fc"][0, 0] = np.nan
    from dataclasses import replace

    layers = tuple(
        replace(layer, weights=(replace(layer.weights[0], data=arrays[layer.name]), *layer.weights[1:]))
        if layer.weights
        else layer
        for layer in graph
    )
    ncnn.write(replace(graph, layers=layers), path, path.with_suffix(".bin"))
    remarks = [each for each in inspect(path, ask_ncnn=False).remarks if each.kind == "weights"]
    assert {each.name: each.message for each in remarks} == {
        "conv1": "all 216 values of weight_data are zero",
        "conv2/dw": "weight_data reaches 1e+06, beyond what fp16 holds",
        "fc": "1 of 80 values of weight_data are not finite",
    }


def test_the_bin_of_a_net_with_custom_layers_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, ODD)
    path.with_suffix(".bin").write_bytes(b"\0" * 100)
    report = inspect(path, ask_ncnn=False)
    assert report.remarks[0].message.startswith(
        "the .bin was not read: only the program that registers MyDet"
    )


def test_the_memory_estimate_is_what_ncnn_takes(tmp_path: Path) -> None:
    path = write(tmp_path, OLD_CAFFE)
    opened = open_model(path)
    shapes = {blob: shape for blob in opened.graph.blobs if (shape := opened.shape(blob)) is not None}
    estimate = blob_peak(opened.graph, opened.outputs, shapes)
    assert estimate is not None
    data = np.zeros((3, 32, 32), np.float32)
    reply = open_device("local").call(
        {
            "command": "memory",
            "files": {"param": str(path)},
            "options": {**FP32, "num_threads": 1},
            "inputs": {"data": "data"},
            "outputs": ["prob"],
            "seed": 0,
            "runs": 1,
        },
        [("data", data, None)],
        timeout_s=60,
    )
    reply.close()
    assert estimate.bytes_fp32 == pytest.approx(reply.message["blob_peak_bytes"], rel=0.3)
    assert estimate.bytes_half == estimate.bytes_fp32 // 2


def test_branches_are_computed_in_the_order_of_ncnn(tmp_path: Path) -> None:
    """Both branches of a fork are alive at once, and a blob goes when its last reader has run."""
    text = """\
7767517
6 7
Input     in0   0 1 in0 0=4 1=4 2=4
Split     s     1 2 in0 a b
Convolution up  1 1 a c 0=16 1=1 6=64
Convolution low 1 1 b d 0=2 1=1 6=8
Convolution end 1 1 c e 0=2 1=1 6=32
BinaryOp  add   2 1 d e out0 0=0
"""
    opened = open_model(write(tmp_path, text))
    shapes = {blob: shape for blob in opened.graph.blobs if (shape := opened.shape(blob)) is not None}
    estimate = blob_peak(opened.graph, opened.outputs, shapes)
    assert estimate is not None
    # d is made first, since add asks for it first: d (2 planes), c (16) and e (2) are alive together
    assert estimate.bytes_fp32 == (2 + 16 + 2) * 16 * 4
    assert estimate.name == "end"


def test_the_document_is_versioned_json(odd: InspectReport) -> None:
    document = json.loads(json.dumps(odd.to_json()))
    assert document["schema"] == "edgekit.inspect/1"
    assert document["totals"]["layers"] == len(document["layers"]) == 9
    assert document["ncnn"]


@pytest.mark.parametrize(
    ("name", "shapes", "message"),
    [
        ("nte.param", {}, "no ncnn model at"),
        ("weights.bin", {}, "holds weights alone"),
        ("notes.txt", {}, "is no ncnn model"),
        ("net.param", {"dta": (1, 3, 8, 8)}, "has no input 'dta'; did you mean 'data'"),
    ],
)
def test_wrong_paths_and_inputs(
    tmp_path: Path, name: str, shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    write(tmp_path, OLD_CAFFE)
    (tmp_path / "weights.bin").touch()
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UserError, match=message):
        inspect(tmp_path / name, inputs=shapes, ask_ncnn=False)


def test_an_input_that_does_not_fit_the_first_weights(tmp_path: Path) -> None:
    text = "7767517\n2 2\nInput in0 0 1 in0\nConvolution c 1 1 in0 out0 0=16 1=3 4=1 6=432"
    report = inspect(write(tmp_path, text), inputs={"in0": (1, 4, 8, 8)}, ask_ncnn=False)
    assert [remark.message for remark in report.remarks] == [
        "the shape of 'out0' is not known: 4 channels meet weights for 3"
    ]
    assert report.totals.macs is None


def test_a_bundle_knows_names_shapes_and_modules(bundle: Path) -> None:
    report = inspect(bundle)
    assert report.kind == "bundle"
    assert [(port.name, port.shape) for port in report.inputs] == [("image", (3, 20, 20))]
    assert [(port.name, port.shape) for port in report.outputs] == [("out0", (5,))]
    assert {layer.module for layer in report.layers if layer.type == "Convolution"} == {"stem"}
    assert report.memory is not None
    assert report.totals.parameters == 3 * 4 * 9 + 4 + 4 * 9 + 4 + 4 * 5 + 5
    assert [(remark.kind, remark.message) for remark in report.remarks] == [
        ("slow", "ncnn has only a plain loop for Reduction")
    ]


def test_a_bundle_at_another_size(bundle: Path) -> None:
    report = inspect(bundle, inputs={"image": (1, 3, 40, 40)}, ask_ncnn=False)
    assert report.inputs[0].shape == (3, 40, 40)
    small = inspect(bundle, ask_ncnn=False)
    assert report.totals.macs is not None and small.totals.macs is not None
    assert report.totals.macs - 20 == 4 * (small.totals.macs - 20)
