"""The pnnx program itself: files, exit status, batch axes, crashes."""

from pathlib import Path

import pytest
import torch
from torch import nn

from edgekit.toolchain.pnnx import InputShape, PnnxProcess, PnnxRun, parse_input_axes, parse_output_axes
from edgekit.toolchain.trace import trace


class Branches(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        left, right = x.chunk(2, 1)
        return left * left + right * right + (left + left)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        if x.shape[2] > 4:
            x = x * 2
        return x.relu()


class Scripted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.script = torch.jit.script(Branching().eval())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.script(x)


def converted(model: Path, *shape: int) -> PnnxRun:
    with PnnxProcess(model, [InputShape(shape)]) as process:
        return process.result()


def test_a_conversion_gives_files_and_batch_axes(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    traced = trace(module, [torch.zeros(1, 3, 8, 8)], tmp_path / "model.pt")
    run = converted(traced.path, 1, 3, 8, 8)
    assert (run.status, run.attempts, run.produced) == (0, 1, True)
    assert run.input_batch_axes == run.output_batch_axes == (0,)
    assert run.warnings == () and run.failures == ()
    assert run.param.read_text().startswith("7767517\n")
    assert run.pnnx_param.is_file()


def test_the_wrong_shape_is_a_failure_with_status_255(tmp_path: Path) -> None:
    traced = trace(nn.Conv2d(3, 4, 3).eval(), [torch.zeros(1, 3, 8, 8)], tmp_path / "model.pt")
    run = converted(traced.path, 1, 5, 8, 8)
    assert (run.status, run.produced) == (255, False)
    assert run.status_text == "exit status 255"
    assert run.failures


def test_operations_of_a_tensor_with_itself_convert_every_time(tmp_path: Path) -> None:
    traced = trace(Branches(), [torch.zeros(1, 4, 8, 8)], tmp_path / "model.pt")
    assert len(traced.rewrites) == 2
    params = set()
    for _ in range(8):
        run = converted(traced.path, 1, 4, 8, 8)
        assert (run.status, run.attempts) == (0, 1)
        params.add(run.param.read_bytes())
    assert len(params) == 1


def test_a_death_by_signal_is_tried_again_and_reported(tmp_path: Path) -> None:
    traced = trace(Scripted(), [torch.zeros(1, 4, 8, 8)], tmp_path / "model.pt")
    run = converted(traced.path, 1, 4, 8, 8)
    assert run.status < 0
    assert run.attempts > 1
    assert run.status_text.startswith("SIG")


def test_leaving_the_block_ends_the_process(tmp_path: Path) -> None:
    traced = trace(nn.Conv2d(3, 4, 3).eval(), [torch.zeros(1, 3, 8, 8)], tmp_path / "model.pt")
    with pytest.raises(KeyboardInterrupt), PnnxProcess(traced.path, [InputShape((1, 3, 8, 8))]) as process:
        raise KeyboardInterrupt
    assert process._process is not None and process._process.poll() is not None


def test_a_program_that_was_started_ahead_converts_alike(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    ahead, later = tmp_path / "ahead" / "model.pt", tmp_path / "later" / "model.pt"
    ahead.parent.mkdir()
    later.parent.mkdir()
    with PnnxProcess(ahead, [InputShape((1, 3, 8, 8))]) as process:
        trace(module, [torch.zeros(1, 3, 8, 8)], process.draft)
        process.hand_over()
        first = process.result()
    trace(module, [torch.zeros(1, 3, 8, 8)], later)
    second = converted(later, 1, 3, 8, 8)
    assert (first.status, first.attempts) == (0, 1)
    assert ahead.is_file() and not process.draft.exists()
    for name in ("param", "bin", "pnnx_param"):
        assert getattr(first, name).read_bytes() == getattr(second, name).read_bytes()
    assert first.log == second.log
    assert first.duration_s > 0


def test_a_program_that_died_before_it_was_given_a_model_is_started_again(tmp_path: Path) -> None:
    with PnnxProcess(tmp_path / "model.pt", [InputShape((1, 3, 8, 8))]) as process:
        assert process._process is not None
        process._process.kill()
        process._process.wait()
        trace(nn.Conv2d(3, 4, 3).eval(), [torch.zeros(1, 3, 8, 8)], process.draft)
        process.hand_over()
        run = process.result()
    assert (run.status, run.attempts, run.produced) == (0, 2, True)


def test_a_program_that_is_never_given_a_model_ends_with_the_block(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), PnnxProcess(tmp_path / "model.pt", []) as process:
        raise KeyboardInterrupt
    assert process._process is not None and process._process.poll() is not None


def test_batch_axes_are_read_from_the_generated_script() -> None:
    script = """
            ex.input("in0", ncnn.Mat(in0.numpy(), batch_index=0).clone())
            ex.input("in1", ncnn.Mat(in1.numpy(), batch_index=233).clone())
            _, out0 = ex.extract("out0")
            out.append(torch.from_numpy(out0.numpy(batch_index=2)))
    """
    assert parse_input_axes(script) == (0, None)
    assert parse_output_axes(script) == (2,)
    assert parse_input_axes("") == ()
