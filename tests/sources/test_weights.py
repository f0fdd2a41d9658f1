"""Weights from files: what fits, what does not, and how that is said."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from edgekit.errors import UserError
from edgekit.sources.load import load_torchscript
from edgekit.sources.weights import load_weights


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.fixture
def trained() -> nn.Sequential:
    torch.manual_seed(1)
    module = net()
    module[1].running_mean.normal_()
    return module


def test_safetensors_and_state_dicts_load(tmp_path: Path, trained: nn.Sequential) -> None:
    safetensors.torch.save_file(trained.state_dict(), tmp_path / "w.safetensors")
    torch.save(trained.state_dict(), tmp_path / "w.pt")
    for name in ("w.safetensors", "w.pt"):
        module = net()
        assert load_weights(module, tmp_path / name) == ()
        for left, right in zip(module.state_dict().values(), trained.state_dict().values(), strict=True):
            assert torch.equal(left, right)


def test_a_checkpoint_is_unpacked_and_says_so(tmp_path: Path, trained: nn.Sequential) -> None:
    state = {f"module.{name}": value for name, value in trained.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "w.pt")
    module = net()
    notes = load_weights(module, tmp_path / "w.pt")
    assert notes == (
        "took the weights from the checkpoint's 'state_dict'",
        "took the prefix 'module.' off the names of the weights",
    )
    assert torch.equal(module[0].weight, trained[0].weight)


def test_missing_and_unexpected_keys_are_errors_unless_allowed(
    tmp_path: Path, trained: nn.Sequential
) -> None:
    state = trained.state_dict()
    state["0.wieght"] = state.pop("0.weight")
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"lacks '0.weight'; in the file, did you mean '0.wieght'\?"):
        load_weights(net(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"holds '0.wieght', which the model does not have"):
        load_weights(net(), tmp_path / "w.pt", allow_missing=True)
    notes = load_weights(net(), tmp_path / "w.pt", allow_missing=True, allow_unexpected=True)
    assert "kept the seeded values of '0.weight'" in notes[0]
    assert "left out '0.wieght'" in notes[1]


def test_weights_of_another_model_are_called_so(tmp_path: Path) -> None:
    torch.save(nn.ModuleDict({"stem": nn.Linear(3, 4)}).state_dict(), tmp_path / "w.pt")
    for allowed in (False, True):
        with pytest.raises(
            UserError, match=r"of another model: it has 'stem\.weight', .*, this one '0\.weight'"
        ):
            load_weights(net(), tmp_path / "w.pt", allow_missing=allowed, allow_unexpected=allowed)


def test_another_shape_is_an_error(tmp_path: Path) -> None:
    torch.save(nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(4)).state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"'0.weight'.*\(5, 3, 3, 3\).*\(4, 3, 3, 3\)"):
        load_weights(net(), tmp_path / "w.pt")


def test_python_objects_are_not_loaded(tmp_path: Path, trained: nn.Sequential) -> None:
    torch.save(trained, tmp_path / "w.pt")
    with pytest.raises(UserError, match="could run code"):
        load_weights(net(), tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_damaged_and_missing_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no weights file"):
        load_weights(net(), tmp_path / name)
    (tmp_path / name).write_bytes(b"\0" * 100)
    with pytest.raises(UserError, match="is not a"):
        load_weights(net(), tmp_path / name)


@pytest.mark.parametrize("load", [lambda path: load_weights(net(), path), load_torchscript])
def test_what_unpacks_to_far_more_is_not_unpacked(tmp_path: Path, load: Callable[[Path], object]) -> None:
    """PyTorch would read 128 MiB of zeros as code for half a minute."""
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("w/code/net.py", bytes(128 << 20))
    with pytest.raises(UserError, match="would unpack to 128 MiB, from 128 KiB"):
        load(tmp_path / "w.pt")
