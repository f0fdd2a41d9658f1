"""A slice of the campaign of damaged files, and files that are built rather than damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit.bundle import open_bundle
from edgekit.errors import FormatError, UserError
from edgekit.formats import ncnn
from edgekit.ops import SPECS, infer_graph
from tests.fuzz.conftest import FUZZ


@pytest.mark.slow
def test_damaged_files_get_a_good_answer_from_every_command(material: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            FUZZ / "campaign.py",
            "--count",
            "120",
            "--cheap",
            "--jobs",
            "1",
            "--material",
            material,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0 bad answers" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


_NAMES = st.sampled_from(["a", "b", "c", "in0", "out0", "ü", "-1", "0=1"])
_NUMBERS = st.one_of(st.integers(-3, 9), st.sampled_from([233, -233, 2**31 - 1, -(2**31), 10**6]))
_VALUES = st.one_of(
    _NUMBERS.map(str),
    st.floats(allow_nan=False, allow_infinity=False, width=32).map(str),
    st.lists(_NUMBERS, max_size=4).map(lambda items: ",".join(map(str, items))),
    st.text("wh0+-*/(),", max_size=9).map('"{}"'.format),
)
_LAYERS = st.builds(
    lambda kind, name, inputs, outputs, params: " ".join(
        [
            kind,
            name,
            str(len(inputs)),
            str(len(outputs)),
            *inputs,
            *outputs,
            *(f"{k}={v}" for k, v in params.items()),
        ]
    ),
    st.sampled_from(sorted(SPECS)),
    _NAMES,
    st.lists(_NAMES, max_size=3),
    st.lists(_NAMES, max_size=3),
    st.dictionaries(st.integers(0, 31), _VALUES, max_size=6),
)


@settings(max_examples=300, derandomize=True)
@given(st.lists(_LAYERS, min_size=1, max_size=6), st.integers(-2, 2), st.integers(-2, 2))
def test_any_graph_is_read_and_sized_or_refused(lines: list[str], more_layers: int, more_blobs: int) -> None:
    """Cycles, blobs written twice, missing, of odd names; every type with any parameters."""
    blobs = {word for line in lines for word in line.split()[4:] if "=" not in word}
    text = (
        f"7767517\n{len(lines) + more_layers} {max(1, len(blobs) + more_blobs)}\n" + "\n".join(lines) + "\n"
    )
    try:
        graph = ncnn.loads(text)
    except UserError as error:
        assert str(error).isprintable() and error.remedy
        return
    inferred = infer_graph(graph, dict.fromkeys(graph.input_blobs, (3, 8, 8)))
    assert all(isinstance(size, int) for shape in inferred.shapes.values() for size in shape)
    assert ncnn.dump_param(graph) == text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
_TENSOR = st.fixed_dictionaries(
    {"name": _JSON, "blob": _JSON, "shape": _JSON | st.lists(st.integers(-1, 9)), "dtype": _JSON},
    optional={"batch_axis": _JSON, "value_range": _JSON, "kind": _JSON},
)
_MANIFEST = st.fixed_dictionaries(
    {
        "schema": st.just("edgekit.manifest/1"),
        "model": _JSON | st.fixed_dictionaries({"spec": _JSON, "kind": _JSON, "seed": _JSON}),
        "inputs": _JSON | st.lists(_TENSOR, max_size=2),
        "outputs": _JSON | st.lists(_TENSOR, max_size=2),
        "route": _JSON,
        "precision": _JSON,
        "tools": _JSON,
        "files": _JSON | st.dictionaries(st.text(max_size=9), _JSON, max_size=2),
    },
    optional={"warnings": _JSON, "extra": _JSON},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle")
    for name in ("model.ncnn.param", "model.ncnn.bin"):
        (path / name).touch()
    return path


@settings(max_examples=300, derandomize=True)
@given(_MANIFEST)
def test_any_manifest_is_read_or_refused(folder: Path, document: dict[str, object]) -> None:
    (folder / "manifest.json").write_text(json.dumps(document))
    try:
        manifest = open_bundle(folder).manifest
    except FormatError as error:
        assert error.remedy
        return
    for spec in (*manifest.inputs, *manifest.outputs):
        assert isinstance(spec.name, str) and all(type(size) is int and size > 0 for size in spec.shape)
