"""`edgekit doctor`'s findings: on this machine, and with each thing taken away."""

import stat
from pathlib import Path

import pytest

from edgekit.devices.setup.qemu import root_path
from edgekit.report.environment import environment_text
from edgekit.toolchain.environment import (
    PACKAGES,
    Ability,
    android_ndk,
    check_jobs,
    check_pnnx,
    check_remote_devices,
    inspect_environment,
    pnnx_program,
)

EVERYTHING = {name for names in PACKAGES.values() for name in names}
LOCAL = Ability("local", True, "x86_64")
PNNX = Ability("pnnx", True, "1")


def usable(jobs: tuple[Ability, ...]) -> set[str]:
    return {job.name for job in jobs if job.usable}


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_this_machine_can_do_the_core_jobs() -> None:
    environment = inspect_environment()
    assert environment.core_usable
    local = environment.devices[0]
    assert local.usable
    assert "ncnn" in local.detail
    text = environment_text(environment)
    assert f"edgekit {environment.edgekit}" in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_all_jobs_with_everything_there() -> None:
    jobs = check_jobs(EVERYTHING, LOCAL, PNNX)
    assert usable(jobs) == {job.name for job in jobs}


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ("torch", {"verify", "bench", "plots"}),
        ("onnxsim", {"export", "verify", "bench", "plots"}),
        ("pillow", {"export", "export --route onnx", "verify", "verify --ladder", "bench"}),
    ],
)
def test_a_missing_package_takes_its_jobs_away(missing: str, left: set[str]) -> None:
    jobs = check_jobs(EVERYTHING - {missing}, LOCAL, PNNX)
    assert usable(jobs) == left
    for job in jobs:
        if not job.usable:
            assert missing in job.detail
            assert str(job.remedy).startswith("pip install 'edgekit[")


def test_a_crashing_ncnn_leaves_plots() -> None:
    local = Ability("local", False, "ncnn died with SIGILL at start-up", "install another")
    jobs = check_jobs(EVERYTHING, local, PNNX)
    assert usable(jobs) == {"plots"}
    assert "SIGILL" in next(job.detail for job in jobs if job.name == "bench")


def test_pnnx_runs_here() -> None:
    assert pnnx_program() is not None
    assert check_pnnx().usable


def test_a_pnnx_that_does_not_run_is_told(tmp_path: Path) -> None:
    crashed = check_pnnx(program(tmp_path, "crashes", "kill -ILL $$"))
    assert not crashed.usable
    assert "-4" in crashed.detail
    plain = tmp_path / "plain"
    plain.write_text("")
    refused = check_pnnx(plain)
    assert not refused.usable
    assert "Permission denied" in refused.detail
    assert "--force-reinstall" in str(refused.remedy)


def test_qemu_needs_its_program_and_an_arm64_python(tmp_path: Path) -> None:
    variables = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    [without] = [each for each in check_remote_devices(variables) if each.name.startswith("qemu")]
    assert not without.usable
    assert "apt-get install" in str(without.remedy)
    program(tmp_path, "qemu-aarch64-static", "true")
    [half] = [each for each in check_remote_devices(variables) if each.name.startswith("qemu")]
    assert not half.usable
    assert "edgekit device setup qemu" in str(half.remedy)
    root = root_path(variables)
    root.mkdir(parents=True)
    (root / "root.json").write_text("{}")
    [there] = [each for each in check_remote_devices(variables) if each.name.startswith("qemu")]
    assert there.usable


def test_the_ndk_is_looked_into(tmp_path: Path) -> None:
    assert not android_ndk({}).usable
    assert not android_ndk({"ANDROID_NDK": str(tmp_path)}).usable
    folder = tmp_path / "build" / "cmake"
    folder.mkdir(parents=True)
    (folder / "android.toolchain.cmake").write_text("")
    assert android_ndk({"ANDROID_NDK": str(tmp_path)}).usable
