"""What ncnn dies of is said with the layer's name, and takes no more than the machine has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from edgekit.devices import LocalDevice, WorkerCrashed, WorkerError
from edgekit.errors import UserError
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases


def param(folder: Path, line: str) -> Path:
    path = folder / "net.param"
    path.write_text(f"7767517\n3 3\nInput in0 0 1 in0 0=8 1=8 2=3\nReLU relu 1 1 in0 1\n{line} 1 1 1 out0\n")
    return path


def bench(folder: Path, line: str) -> None:
    text = line.split(" ", 2)
    path = param(folder, " ".join(text[:2]))
    path.write_text(path.read_text().replace("1 1 1 out0", f"1 1 1 out0 {text[2]}"))
    edgekit.bench([str(path)])


def test_a_crash_names_the_layer(tmp_path: Path) -> None:
    # 192 numbers into a million by a thousand: ncnn reads where it allocated nothing
    with pytest.raises(WorkerCrashed) as caught:
        bench(tmp_path, "Reshape too_large 0=1000000 1=1000")
    assert caught.value.message == "ncnn died with SIGSEGV in layer 'too_large', blob out0 of case bench"
    assert caught.value.remedy


def test_a_layer_that_cannot_be_computed_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerError) as caught:
        bench(tmp_path, "Crop outside 0=100 1=100 2=100 3=-233 4=-233 5=-233")
    assert caught.value.message.startswith("ncnn cannot compute layer 'outside' (Crop)")


def test_a_blob_beyond_the_machines_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^blob 'out0' of shape 3x200008x200008 takes 447 GiB"):
        bench(tmp_path, "Padding wide 0=100000 1=100000 2=100000 3=100000")


def test_ncnn_itself_gets_no_more_memory_than_there_is(tmp_path: Path) -> None:
    path = param(tmp_path, "Padding wide")
    path.write_text(path.read_text().replace("1 1 1 out0", "1 1 1 out0 0=100000 1=100000 2=100000 3=100000"))
    (tmp_path / "net.bin").touch()
    image = np.zeros((3, 8, 8), np.float32)
    case = Case("a", {"in0": Feed(image)}, ("out0",))
    reply = run_cases(LocalDevice(), path, tmp_path / "net.bin", [case], FP32)
    reply.close()
    assert reply.message["status"] == {"a": {"out0": -100}}
