"""Recipes: every one of the repository, and what a wrong one says."""

from pathlib import Path

import pytest

from edgekit.errors import FormatError, UserError
from edgekit.models import registry
from edgekit.sources.inputs import InputSpec
from edgekit.sources.recipe import read_recipe, settled
from edgekit.sources.request import WeightOptions
from edgekit.sources.spec import SpecKind, parse_spec

RECIPES = sorted(Path(__file__).parents[2].joinpath("export").glob("*.toml"))

FULL = """
model = "mobilenet_v2:width=0.5"
weights = "w.safetensors"
seed = 7
route = "onnx"
precision = "fp16"
outputs = ["scores"]

[inputs.image]
shape = [1, 3, 96, 96]
second_shape = [1, 3, 128, 128]
range = [0, 1]
kind = "image"
"""


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_of_the_repository_names_a_zoo_model(path: Path) -> None:
    recipe = read_recipe(path)
    assert not isinstance(recipe.model, str)
    zoo = registry.parse(recipe.model.text)
    names = {each.name for each in zoo.inputs}
    assert {each.name for each in recipe.inputs} <= names


def test_every_network_of_the_zoo_has_a_recipe() -> None:
    named = {registry.parse(read_recipe(path).model.text).name for path in RECIPES}
    assert named == set(registry.names())


def test_all_keys_are_read(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(FULL)
    (tmp_path / "w.safetensors").touch()
    request = settled(parse_spec("r.toml", tmp_path), weights=WeightOptions())
    assert request.model == parse_spec("mobilenet_v2:width=0.5")
    assert (request.route, request.precision, request.seed) == ("onnx", "fp16", 7)
    assert request.outputs == ("scores",)
    assert request.weights.path == tmp_path / "w.safetensors"
    assert request.inputs == (
        InputSpec("image", (1, 3, 96, 96), "float32", (0.0, 1.0), "image", (1, 3, 128, 128)),
    )


def test_arguments_win_over_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(FULL)
    (tmp_path / "other.pt").touch()
    request = settled(
        parse_spec("r.toml", tmp_path),
        inputs=(InputSpec("image", (1, 3, 64, 64)),),
        route="pnnx",
        seed=0,
        weights=WeightOptions(tmp_path / "other.pt"),
    )
    assert (request.route, request.precision, request.seed) == ("pnnx", "fp16", 0)
    assert request.inputs == (InputSpec("image", (1, 3, 64, 64)),)
    assert request.weights.path == tmp_path / "other.pt"


def test_files_are_relative_to_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("class Net: pass\n")
    (tmp_path / "r.toml").write_text('model = "net.py:Net"\n')
    model = read_recipe(tmp_path / "r.toml").model
    assert (model.kind, model.path) == (SpecKind.FILE, tmp_path / "net.py")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "not TOML"),
        ("seed = 0", "no key 'model'"),
        ('model = "mobilenet_v2"\nsede = 1', "unknown key 'sede'.*did you mean 'seed'"),
        ('model = "mobilenet_v2"\nseed = "1"', "'seed'.* is str, expected int"),
        ('model = "mobilenet_v2"\n[inputs.image]\nrange = [0, 1]', "no key 'shape'"),
        ('model = "mobilenet_v2"\n[inputs.image]\nshape = [1, 2.5]', "not a list of whole numbers"),
        ('model = "mobilenet_v2"\n[inputs.image]\nshap = [1]', "unknown key 'shap'"),
        ('model = "mobilenet_v3"', "names no model"),
        ('model = "mobilenet_v2"\nroute = "pnx"', "unknown route 'pnx'; did you mean 'pnnx'"),
    ],
)
def test_a_wrong_recipe_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises((FormatError, UserError), match=message):
        settled(parse_spec("r.toml", tmp_path), weights=WeightOptions())
