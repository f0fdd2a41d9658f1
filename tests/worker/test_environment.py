"""What the worker says of its CPU is what ncnn sees there."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.worker.environment import cpu_model, x86_features

FLAGS = "avx avx2 fma f16c avx512f avx512bw avx512cd avx512dq avx512vl"
SERVER = f"processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: {FLAGS}\n"
SECOND = "\nprocessor\t: 1\nmodel name\t: Slow CPU\nflags\t\t: avx\n"


def test_features_need_every_part(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(SERVER + SECOND)
    assert x86_features(str(cpuinfo), "x86_64") == {
        "x86_avx512": True,
        "x86_avx_vnni": False,
        "x86_f16c": True,
        "x86_fma": True,
    }
    cpuinfo.write_text(SERVER.replace(" avx512vl", ""))
    assert not x86_features(str(cpuinfo), "x86_64")["x86_avx512"]
    assert x86_features(str(cpuinfo), "aarch64") == {}
    assert cpu_model(str(cpuinfo)) == "Fast CPU"


@pytest.mark.parametrize("text", [None, "processor\t: 0\nHardware\t: Board\nFeatures\t: fp asimd\n"])
def test_another_machine_has_none_of_x86(tmp_path: Path, text: str | None) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    if text is not None:
        cpuinfo.write_text(text)
    assert x86_features(str(cpuinfo), "x86_64") == {}
