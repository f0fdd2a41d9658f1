"""The app's Java compiled once, its native library built once, and bundles packed for it once."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import edgekit
from edgekit.bundle import BIN_FILE, PARAM_FILE
from edgekit.devices.cache import locked
from edgekit.devices.setup.native import build_ncnn
from edgekit.errors import UserError
from edgekit.formats import ncnn
from edgekit.packager import pack
from tests.android.toolbox import APP, DRIVER, JSON_JAR, Jvm, java_files, javac


@pytest.fixture(scope="session")
def logic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plain Java of the app."""
    classes = tmp_path_factory.mktemp("java") / "logic"
    javac(java_files(APP / "logic"), classes, [JSON_JAR])
    return classes


@pytest.fixture(scope="session")
def jni_library() -> Path:
    """libedgekit_jni.so for this machine, from the CMake project that Gradle builds for a phone.

    Kept where ncnn itself is kept, under a name made of its sources: half a minute of compiling, once.
    """
    try:
        built = build_ncnn("host")
    except UserError as error:  # a compiler or CMake is missing
        pytest.skip(str(error))
    sources = [path for room in ("core", "jni") for path in sorted((APP / room).rglob("*")) if path.is_file()]
    digest = hashlib.sha256(built.name.encode() + b"".join(path.read_bytes() for path in sources))
    build = built.parent / f"jni-host-{digest.hexdigest()[:16]}"
    library = build / "libedgekit_jni.so"
    with locked(built.parent):
        if not library.is_file():
            settings = [f"-Dncnn_DIR={built}/lib/cmake/ncnn", "-DCMAKE_BUILD_TYPE=Release"]
            _run(["cmake", "-S", APP / "jni", "-B", build, *settings])
            _run(["cmake", "--build", build, "-j2", "--target", "edgekit_jni"])
    return library


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = done.stdout[-4000:] + done.stderr[-4000:]
    assert done.returncode == 0, said
    assert "warning:" not in said, said


@pytest.fixture(scope="session")
def plain_jvm(logic: Path, tmp_path_factory: pytest.TempPathFactory) -> Jvm:
    """A JVM without the native library: what needs ncnn is handed to other programs."""
    driver = tmp_path_factory.mktemp("java") / "driver"
    javac(java_files(DRIVER), driver, [logic, JSON_JAR])
    return Jvm((driver, logic, JSON_JAR), None, tmp_path_factory.mktemp("jvm"))


@pytest.fixture(scope="session")
def jvm(plain_jvm: Jvm, jni_library: Path) -> Jvm:
    """A JVM with the C++ core."""
    return Jvm(plain_jvm.classpath, jni_library, plain_jvm.folder)


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small nets: a picture's, a sound's with states, one with two channels swapped, a faint one."""
    folder = tmp_path_factory.mktemp("bundles")
    edgekit.export("mobilenet_v2:resolution=96,width=0.35,classes=10", folder / "picture")
    edgekit.export("gtcrn_stream", folder / "sound")
    script = APP.parent / "benchmarks" / "break_bundle.py"
    subprocess.run([sys.executable, script, folder / "picture", folder / "broken"], check=True)
    _faint(folder / "faint")
    return folder


def _faint(bundle: Path) -> None:
    """Export a net whose numbers are near 1e-9, and make it give nothing but zeros."""
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Tanh(), nn.Conv2d(4, 4, 1, bias=False))
    nn.init.uniform_(net[2].weight, 1e-10, 1e-9)
    edgekit.export(net, bundle, inputs={"input": (1, 3, 4, 4)})
    param, weights = bundle / PARAM_FILE, bundle / BIN_FILE
    graph = ncnn.read(param, weights)
    last = graph.layers[-1]
    silent = tuple(replace(each, data=np.zeros_like(each.data)) for each in last.weights)
    ncnn.write(replace(graph, layers=(*graph.layers[:-1], replace(last, weights=silent))), param, weights)


@pytest.fixture(scope="session")
def assets(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assets of an app with these bundles."""
    app = tmp_path_factory.mktemp("app")
    (app / "app").mkdir()
    shutil.copy(APP / "settings.gradle.kts", app)
    return pack([bundles / name for name in ("picture", "sound", "broken", "faint")], app).folder
