"""Names, arguments and their errors; no torch needed."""

import subprocess
import sys

import pytest

from edgekit.errors import UserError
from edgekit.models import registry


def test_defaults_are_settled():
    spec = registry.parse("mobilenet_v2")
    assert spec.name == "mobilenet_v2"
    assert spec.arguments["width"] == 1.0
    (image,) = spec.inputs
    assert (image.name, image.shape, image.kind) == ("image", (1, 3, 224, 224), "image")


def test_arguments_are_typed_and_reach_the_shapes():
    spec = registry.parse(" mobilenet_v2 : width=0.5, resolution=160 ")
    assert spec.arguments["width"] == 0.5
    assert spec.inputs[0].shape == (1, 3, 160, 160)
    assert "resolution" not in spec.builder_arguments


def test_the_canonical_text_parses_back_to_the_same_spec():
    spec = registry.parse("mobilenet_v2:classes=10,width=0.5,resolution=224")
    assert spec.text == "mobilenet_v2:width=0.5,classes=10"
    assert registry.parse(spec.text) == spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mobilnet_v2", "did you mean 'mobilenet_v2'"),
        ("zzz", "edgekit models"),
        ("mobilenet_v2:widht=0.5", "did you mean 'width'"),
        ("mobilenet_v2:width=0.51", "one of 0.35, 0.5"),
        ("mobilenet_v2:width=wide", "one of 0.35, 0.5"),
        ("mobilenet_v2:classes=0", "int from 1 to"),
        ("mobilenet_v2:width", "not argument=value"),
        ("mobilenet_v2:width=0.5,width=1.0", "given twice"),
    ],
)
def test_bad_specs_are_user_errors_with_a_remedy(text, says):
    with pytest.raises(UserError) as caught:
        registry.parse(text)
    assert says in str(caught.value)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_every_entry_parses_and_has_a_source_and_batch_one_inputs():
    assert len(set(registry.names())) == len(registry.entries())
    for entry in registry.entries():
        spec = registry.parse(entry.name)
        assert entry.source
        assert spec.inputs
        assert all(given.shape[0] == 1 and given.range[0] < given.range[1] for given in spec.inputs)


def test_the_registry_does_not_import_torch():
    code = (
        "import sys; from edgekit.models import registry; registry.parse('mobilenet_v2'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
