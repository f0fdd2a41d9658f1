"""User code: what is run, seeded, and how its failures read."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from edgekit.errors import UserError
from edgekit.sources.code import build_from_code, seeded
from edgekit.sources.spec import parse_spec

CODE = """
from torch import nn
from helper import WIDTH

class Net(nn.Module):
    def __init__(self, width=WIDTH):
        super().__init__()
        self.fc = nn.Linear(4, width)

class Needs(nn.Module):
    def __init__(self, width):
        super().__init__()

class Breaks(nn.Module):
    def __init__(self):
        super().__init__()
        raise ValueError("no such thing")

def make():
    return Net(5)

def number():
    return 3

class Zoo:
    small = Net(2)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(CODE)
    (tmp_path / "helper.py").write_text("WIDTH = 3\n")
    return tmp_path


def build(folder: Path, attribute: str, seed: int = 0) -> torch.nn.Module:
    return build_from_code(parse_spec(f"net.py:{attribute}", folder), seed)


def test_classes_factories_and_instances(folder: Path) -> None:
    assert build(folder, "Net").fc.out_features == 3
    assert build(folder, "make").fc.out_features == 5
    assert build(folder, "Zoo.small").fc.out_features == 2


def test_weights_are_seeded(folder: Path) -> None:
    assert torch.equal(build(folder, "Net", 1).fc.weight, build(folder, "Net", 1).fc.weight)
    assert not torch.equal(build(folder, "Net", 1).fc.weight, build(folder, "Net", 2).fc.weight)


def test_the_random_states_are_left_alone() -> None:
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    expected = torch.rand(1).item(), np.random.rand(), random.random()
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    with seeded(11):
        torch.rand(1), np.random.rand(), random.random()
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == expected


def test_an_importable_module() -> None:
    assert isinstance(build_from_code(parse_spec("torch.nn:Identity"), 0), torch.nn.Identity)


@pytest.mark.parametrize(
    ("attribute", "message", "remedy"),
    [
        ("Needs", "needs arguments: width", "without arguments"),
        ("number", "returned a int, not an nn.Module", "nn.Module"),
        ("Zoo.smal", "has no attribute 'smal'", "did you mean 'small'?"),
    ],
)
def test_what_is_no_model(folder: Path, attribute: str, message: str, remedy: str) -> None:
    with pytest.raises(UserError) as caught:
        build(folder, attribute)
    assert message in caught.value.message
    assert caught.value.remedy is not None and remedy in caught.value.remedy


def test_an_exception_of_the_code_keeps_its_line(folder: Path) -> None:
    with pytest.raises(UserError, match=r"raised ValueError: no such thing \(.*net\.py:17\)"):
        build(folder, "Breaks")


def test_code_that_cannot_be_imported(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("import not_there_at_all\nNet = 1\n")
    with pytest.raises(UserError, match=r"ModuleNotFoundError: No module named 'not_there_at_all'.*net.py:1"):
        build(tmp_path, "Net")
    (tmp_path / "net.py").write_text("class Net(:\n    pass\n")
    with pytest.raises(UserError, match="SyntaxError"):
        build(tmp_path, "Net")


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(UserError, match="no module 'not_there_at_all'"):
        build_from_code(parse_spec("not_there_at_all.models:Net"), 0)
