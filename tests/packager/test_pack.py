"""`edgekit android`: the assets hold a request that a worker serves, and all that a verdict needs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgekit
from edgekit.cli.main import main
from edgekit.devices import LocalDevice
from edgekit.packager import pack
from edgekit.worker.protocol import read_message

ASSETS = Path("app/src/main/assets/edgekit")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    edgekit.export("depthwise_separable", folder / "separable")
    edgekit.export("digits", folder / "digits")
    return folder


@pytest.fixture
def app(tmp_path: Path) -> Path:
    project = tmp_path / "demo"
    (project / "app").mkdir(parents=True)
    (project / "settings.gradle.kts").write_text("")
    return project


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_the_index_lists_every_file_with_its_digest(bundles: Path, app: Path) -> None:
    packed = pack([bundles / "separable", bundles / "digits"], app)
    index = _json(app / ASSETS / "index.json")
    assert index["schema"] == "edgekit.android/1"
    assert [entry["name"] for entry in index["bundles"]] == ["separable", "digits"]
    assert [entry["media"] for entry in index["bundles"]] == [None, "image"]
    for entry in index["bundles"]:
        listed = {file["path"]: file["bytes"] for file in entry["files"]}
        folder = app / ASSETS / entry["name"]
        there = {
            path.relative_to(folder).as_posix(): path.stat().st_size
            for path in folder.rglob("*")
            if path.is_file()
        }
        assert listed == there
    assert packed.bytes == sum(
        path.stat().st_size for path in (app / ASSETS).glob("*/**/*") if path.is_file()
    )


def test_an_input_is_described_as_ncnn_holds_it(bundles: Path, app: Path) -> None:
    (bundle,) = pack([bundles / "digits"], app).bundles
    (image,) = bundle.inputs
    assert (image.shape, image.mat_shape, image.mat_batch_axis) == ((1, 1, 8, 8), (1, 8, 8), None)
    assert image.value_range == (0.0, 1.0)


def test_the_self_test_is_what_verify_runs_and_judges_by(bundles: Path, app: Path) -> None:
    """Served by the Python worker, the packed request gives the errors and floors of verify."""
    pack([bundles / "digits"], app)
    folder = app / ASSETS / "digits"
    message, tensors, batch_axes = read_message(str(folder / "selftest"))
    expected = _json(folder / "selftest.json")
    verdict = edgekit.verify(bundles / "digits")
    message["files"] = {role: str(folder / name) for role, name in message["files"].items()}
    message.pop("protocol")
    message["options"]["num_threads"] = 1
    reply = LocalDevice().call(message, [(key, tensors[key], batch_axes[key]) for key in tensors])
    compared = 0
    for layer in verdict.layers:
        if layer.type == "Input":
            continue
        known = expected["samples"][layer.sample]["blobs"][layer.blob]
        assert known["floors"]["fp32"]["isolated"] == layer.floor
        alone = reply.tensors[f"{layer.sample}.{layer.index}:{layer.blob}"]
        assert layer.isolated is not None
        assert np.abs(alone - tensors[known["tensor"]]).max() == layer.isolated.max_abs
        compared += 1
    reply.close()
    assert compared == len(verdict.layers) - 1
    for output in verdict.outputs:
        floors = expected["samples"][0]["blobs"][output.blob]["floors"]
        assert floors["fp32"]["propagated"] == output.floor
        assert floors["fp16"]["propagated"] > floors["fp32"]["propagated"]


def test_bundles_named_replace_those_before_and_a_failure_leaves_them(bundles: Path, app: Path) -> None:
    pack([bundles / "digits"], app)
    damaged = app.parent / "damaged"
    damaged.mkdir()
    for file in (bundles / "separable").iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    (damaged / "reference.npz").write_bytes(b"PK")
    with pytest.raises(edgekit.UserError, match="damaged"):
        pack([bundles / "separable", damaged], app)
    assert sorted(path.name for path in (app / ASSETS).iterdir()) == ["digits", "index.json"]
    assert list((app / ASSETS).parent.glob(".*")) == []
    pack([bundles / "separable"], app)
    assert sorted(path.name for path in (app / ASSETS).iterdir()) == ["index.json", "separable"]


def test_a_changed_bundle_is_packed_with_a_warning(bundles: Path, app: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    changed.mkdir()
    for file in (bundles / "separable").iterdir():
        (changed / file.name).write_bytes(file.read_bytes())
    weights = bytearray((changed / "model.ncnn.bin").read_bytes())
    weights[8] ^= 1
    (changed / "model.ncnn.bin").write_bytes(weights)
    (bundle,) = pack([changed], app).bundles
    assert "model.ncnn.bin was changed after the export" in bundle.warnings[0]
    assert _json(app / ASSETS / "changed" / "selftest.json")["warnings"] == list(bundle.warnings)


def test_the_command(bundles: Path, app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["android", str(bundles / "digits"), "--app", str(app)]) == 0
    text = capsys.readouterr().out
    assert "digits" in text and "a photograph" in text and "of assets" in text


@pytest.mark.parametrize(
    ("names", "app_name", "said", "remedy"),
    [
        (["digit"], "demo", "no bundle at", "did you mean 'digits'?"),
        (["digits"], "dem", "no Android project at", "did you mean 'demo'?"),
        (["digits", "digits"], "demo", "two bundles are called 'digits'", "rename the folder of one of them"),
    ],
)
def test_mistakes(
    bundles: Path,
    app: Path,
    names: list[str],
    app_name: str,
    said: str,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = ["android", *(str(bundles / name) for name in names), "--app", str(app.parent / app_name)]
    assert main(argv) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert said in first
    assert second == "  remedy: " + remedy
    assert not (app / "app" / "src").exists()


def test_a_link_to_itself_is_no_bundle(app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert main(["android", str(loop), "--app", str(app)]) == 2
    assert "no bundle at" in capsys.readouterr().err
