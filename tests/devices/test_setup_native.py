"""Compiling the runner: what is missing is named, what fails is one line with its log, nothing half made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edgekit.devices.setup import ncnn_source, setup_device
from edgekit.devices.setup.compile import compile_project
from edgekit.devices.setup.native import CORE, build_ncnn, runner_target, toolchain
from edgekit.errors import UserError

needs_cmake = pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edgekit" / "native"


def test_a_missing_compiler_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_NDK", raising=False)
    with pytest.raises(UserError, match=r"^cmake, make, aarch64-linux-gnu-g\+\+ are not installed") as caught:
        setup_device("adb")
    assert caught.value.remedy == (
        "on Debian: apt-get install cmake make g++-aarch64-linux-gnu; or set ANDROID_NDK to an Android NDK"
    )


def test_an_ndk_is_what_it_says(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ANDROID_NDK is not set"):
        toolchain("ndk-arm64-v8a", {})
    with pytest.raises(UserError, match="holds no NDK"):
        toolchain("ndk-arm64-v8a", {"ANDROID_NDK": str(tmp_path)})


@needs_cmake
def test_an_ndk_compiles_for_the_abi_of_the_device(tmp_path: Path) -> None:
    file = tmp_path / "build" / "cmake" / "android.toolchain.cmake"
    file.parent.mkdir(parents=True)
    file.touch()
    (tmp_path / "source.properties").write_text("Pkg.Revision = 27.0\n")
    variables = {"ANDROID_NDK": str(tmp_path)}
    for arch, abi in (("aarch64", "arm64-v8a"), ("x86_64", "x86_64")):
        tools = toolchain(runner_target(arch, variables), variables)
        assert tools.settings["CMAKE_TOOLCHAIN_FILE"] == str(file)
        assert tools.settings["ANDROID_ABI"] == abi
        assert "27.0" in tools.identity


def test_other_targets_are_refused() -> None:
    with pytest.raises(UserError, match="nothing can be built for 'aarch64'") as caught:
        toolchain("aarch64")
    assert "did you mean 'aarch64-linux'" in str(caught.value.remedy)
    with pytest.raises(UserError, match="there is no runner for armv7l"):
        runner_target("armv7l", {})


@needs_cmake
def test_another_source_than_the_pinned_one_is_never_used(cache: Path) -> None:
    cache.mkdir(parents=True)
    archive = cache / f"ncnn-{ncnn_source.VERSION}.tar.gz"
    archive.write_bytes(b"something else")
    with pytest.raises(UserError, match="is not the file that edgekit was tested with"):
        build_ncnn("host")
    assert not archive.exists()


def test_the_source_comes_through_pip(cache: Path) -> None:
    source = ncnn_source.source(cache)
    assert (source / "src" / "net.cpp").is_file()
    assert ncnn_source.source(cache) == source


def test_without_an_index_it_says_where_to_put_the_source(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(UserError, match="the package index has no source of ncnn") as caught:
        ncnn_source.source(cache)
    assert str(cache) in str(caught.value.remedy)
    assert list(cache.iterdir()) == []


@needs_cmake
def test_what_does_not_compile_is_one_line_and_a_log(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(x CXX)\nadd_library(x STATIC x.cpp)\n"
    )
    (tmp_path / "x.cpp").write_text("int x() { return wrong; }\n")
    seen: list[tuple[str, int | None]] = []
    log = tmp_path / "x.log"
    with pytest.raises(UserError, match=r"^x could not be compiled: .*wrong") as caught:
        compile_project(
            tmp_path,
            tmp_path / "build",
            {},
            lambda step, done=None, total=None: seen.append((step, done)),
            what="x",
            log=log,
        )
    assert str(log) in str(caught.value.remedy)
    assert "wrong" in log.read_text()
    assert seen[0] == ("configuring x", None)


def test_the_sources_are_there() -> None:
    assert (CORE / "CMakeLists.txt").is_file()
    assert os.access(CORE / "src" / "serve.cpp", os.R_OK)
