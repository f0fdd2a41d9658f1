"""The self-test on a JVM: Java, JNI, the C++ core and ncnn say what `edgekit verify` says."""

import math
from pathlib import Path
from typing import Any

import pytest

import edgekit
from edgekit import schema
from edgekit.devices import LocalDevice
from edgekit.devices.exchange import WORKER_FOLDER
from tests.android.toolbox import Jvm, need_java

pytestmark = [need_java, pytest.mark.slow]

NOT_ON_A_PHONE = {
    "attribution",
    "conclusion",
    "remedy",
    "why",
}  # found by running culprits again, on the host


def _same(found: Any, wanted: Any, where: str) -> None:
    """Equal up to the order in which double sums are added."""
    if isinstance(wanted, dict):
        assert set(wanted) - set(found) <= NOT_ON_A_PHONE, where
        for key in wanted.keys() - NOT_ON_A_PHONE:
            _same(found[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
            _same(one, other, f"{where}[{number}]")
    elif isinstance(wanted, float) and isinstance(found, int | float):
        assert math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-300), f"{where}: {found} {wanted}"
    else:
        assert found == wanted, where


@pytest.mark.parametrize(
    ("name", "precision"),
    [("picture", "fp32"), ("broken", "fp32"), ("sound", "fp32"), ("faint", "fp32"), ("faint", "fp16")],
)
def test_the_judge_in_java_gives_the_document_of_verify(
    plain_jvm: Jvm, assets: Path, bundles: Path, name: str, precision: str
) -> None:
    """On the very same answers of ncnn, those of the Python worker, every number is the same."""
    import sys

    worker = [sys.executable, str(WORKER_FOLDER)]
    found = plain_jvm.run(worker, "verify", assets, name, precision, 1)
    wanted = schema.to_json(edgekit.verify(bundles / name, precision=precision).to_json())
    for document in (found, wanted):
        document.pop("device")
        document.pop("target")
    _same(found, wanted, name)
    if name == "faint":
        assert found["verdict"] == {"fp32": "fail", "fp16": "pass"}[precision]


@pytest.mark.parametrize("name", ["picture", "broken"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_java_jni_core_and_ncnn_agree_with_verify_on_every_label(
    jvm: Jvm, assets: Path, bundles: Path, name: str, precision: str
) -> None:
    """The whole chain of the app, with ncnn as it is compiled for a phone (from source, one kernel set)."""
    found = jvm.run("jni", "verify", assets, name, precision, 1)
    wanted = edgekit.verify(bundles / name, precision=precision)
    assert found["schema"] == "edgekit.verify/1"
    assert found["verdict"] == wanted.verdict.value
    assert found["culprits"] == list(wanted.culprits)
    assert [layer["label"] for layer in found["layers"]] == [layer.label.value for layer in wanted.layers]
    assert [layer["status"] for layer in found["layers"]] == [layer.status.value for layer in wanted.layers]
    assert found["coverage"]["compared"] == wanted.compared
    assert found["warnings"] == list(wanted.warnings)


def test_the_broken_layer_is_named(jvm: Jvm, assets: Path) -> None:
    found = jvm.run("jni", "verify", assets, "broken", "fp32", 2)
    assert found["verdict"] == "fail"
    assert found["culprits"] == ["conv_2"]
    (guilty,) = [layer for layer in found["layers"] if layer["label"] == "created"]
    assert guilty["source"]["module"] == "blocks.0.project"
    assert {layer["label"] for layer in found["layers"][4:]} <= {"inherited", "amplified", "absorbed"}


def test_the_runner_for_a_phone_is_what_the_jvm_runs(
    jvm: Jvm, assets: Path, bundles: Path, tmp_path: Path
) -> None:
    """ncnn in the JVM and ncnn in a program of its own give the same document."""
    from edgekit.devices.setup.native import build_runner

    runner = build_runner("host")
    by_program = jvm.run([str(runner)], "verify", assets, "sound", "fp32", 1)
    by_jni = jvm.run("jni", "verify", assets, "sound", "fp32", 1)
    assert by_jni == by_program
    wanted = edgekit.verify(bundles / "sound", device=LocalDevice([str(runner)]))
    assert [layer["label"] for layer in by_jni["layers"]] == [layer.label.value for layer in wanted.layers]
    worst = [layer["isolated"]["max_abs"] for layer in by_jni["layers"] if layer["isolated"]]
    assert worst == [layer.isolated.max_abs for layer in wanted.layers if layer.isolated]
