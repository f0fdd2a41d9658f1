"""Every block is a net that ncnn runs, and every blob has the shape that the builder says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgekit.bencher.blocks import BLOCKS, Setting, block
from edgekit.bencher.net import Net
from edgekit.devices import open_device
from edgekit.errors import UserError
from edgekit.formats import ncnn as ncnn_files

CASES: list[tuple[str, dict[str, Setting]]] = [
    *((name, {"channels": 48, "size": 10}) for name in BLOCKS),
    ("depthwise", {"channels": 16, "size": 11, "kernel": 7, "stride": 2}),
    ("standard", {"channels": 8, "size": 9, "out": 24, "stride": 2, "act": "hswish"}),
    ("inverted_residual", {"channels": 16, "size": 8, "se": True, "act": "hswish", "kernel": 5}),
    ("inverted_residual", {"channels": 16, "size": 8, "expansion": 1.0, "stride": 2}),
    ("squeeze_excite", {"channels": 16, "size": 8, "gate": "hsigmoid"}),
    *(("universal", {"channels": 16, "size": 8, "start": s, "middle": m}) for s in (0, 5) for m in (0, 3)),
    ("universal", {"channels": 16, "size": 8, "start": 3, "middle": 3, "stride": 2, "out": 24}),
    ("shuffle_v1", {"channels": 32, "size": 8, "groups": 1}),
    ("mqa", {"channels": 32, "size": 8, "heads": 2, "reduction": 2}),
    ("gtconv", {"channels": 16, "size": 33, "dilation": 5}),
]


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_ncnn_runs_it_with_the_shapes_of_the_builder(
    name: str, settings: dict[str, Setting], tmp_path: Path
) -> None:
    graph = block(name).graph(settings)
    path = tmp_path / "block.param"
    ncnn_files.write(graph, path)
    (source,) = graph.input_blobs
    reply = open_device("local").call(
        {
            "command": "bench",
            "files": {"param": str(path)},
            "options": {"num_threads": 1},
            "inputs": {source: "x"},
            "outputs": list(graph.output_blobs),
            "seed": 0,
            "pin": {},
            "warmup": {"min_s": 0.0, "max_s": 0.0, "tolerance": 1.0},
            "sampling": {"min_runs": 1, "min_s": 0.0, "max_s": 0.0},
            "layers": True,
        },
        [("x", np.random.default_rng(0).random(graph.shapes[source], np.float32), None)],
    )
    reply.close()
    seen = {
        blob["blob"]: tuple(blob["shape"])
        for layer in reply.message["layers"]
        for blob in (*layer["inputs"], *layer["outputs"])
    }
    assert seen == dict(graph.shapes)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("depthwise", {"kernal": 3}, "no setting 'kernal'"),
        ("depthwise", {"act": 3}, "wrong kind"),
        ("depthwise", {"channels": 0}, "no block"),
        ("shuffle_v2", {"channels": 7}, "2 halves"),
        ("shuffle_v1", {"channels": 20, "groups": 3}, "groups"),
    ],
)
def test_a_mistake_is_named(name: str, settings: dict[str, Setting], message: str) -> None:
    with pytest.raises(UserError, match=message):
        block(name).graph(settings)


def test_an_unknown_block_has_neighbours() -> None:
    with pytest.raises(UserError) as caught:
        block("pointwize")
    assert caught.value.remedy is not None and "pointwise" in caught.value.remedy


def test_every_reader_has_a_copy_of_its_own() -> None:
    net = Net()
    x = net.input((4, 2, 2))
    net.add(net.add(x, x), x)
    graph = net.graph()
    assert all(len(blob.consumers) <= 1 for blob in graph.blobs.values())
    assert [layer.type for layer in graph] == ["Input", "Split", "BinaryOp", "BinaryOp"]
