"""Parameter and MAC counts against the published ones, and against the catalogue."""

import pytest
import torch

from edgekit.models import registry
from tests.models import summary

# (spec, parameters in millions, MACs in millions or None, where these figures are published)
PUBLISHED = [
    ("mobilenet_v1", 4.2, 569, "arXiv:1704.04861 table 6"),
    ("mobilenet_v1:width=0.75", 2.6, 325, "arXiv:1704.04861 table 6"),
    ("mobilenet_v1:width=0.5", 1.3, 149, "arXiv:1704.04861 table 6"),
    ("mobilenet_v1:width=0.25", 0.5, 41, "arXiv:1704.04861 table 6"),
    ("mobilenet_v1:resolution=192", 4.2, 418, "arXiv:1704.04861 table 7"),
    ("mobilenet_v1:resolution=128", 4.2, 186, "arXiv:1704.04861 table 7"),
    ("mobilenet_v2", 3.50, 301, "torchvision"),
    ("mobilenet_v2:width=1.4", 6.1, 585, "arXiv:1801.04381 table 4"),
    ("mobilenet_v3_large", 5.48, 217, "torchvision"),
    ("mobilenet_v3_small", 2.54, 57, "torchvision"),
    ("mobilenet_v4_conv_small", 3.77, 186, "timm"),
    ("mobilenet_v4_conv_medium", 9.72, 1080, "timm"),
    ("mobilenet_v4_conv_large", 32.59, 6380, "timm"),
    ("mobilenet_v4_hybrid_medium", 11.07, None, "timm"),
    ("mobilenet_v4_hybrid_large", 37.76, None, "timm"),
    ("shufflenet_v1", 1.9, 138, "megvii-model/ShuffleNet-Series"),
    ("shufflenet_v1:width=1.5", 3.4, 292, "arXiv:1707.01083 table 5"),
    ("shufflenet_v1:groups=8", 2.4, 138, "megvii-model/ShuffleNet-Series"),
    ("shufflenet_v1:groups=8,width=2.0", 6.5, 522, "megvii-model/ShuffleNet-Series"),
    ("shufflenet_v2:width=0.5", 1.37, 41, "torchvision"),
    ("shufflenet_v2", 2.28, 146, "torchvision"),
    ("shufflenet_v2:width=1.5", 3.50, 299, "torchvision"),
    ("shufflenet_v2:width=2.0", 7.39, 588, "torchvision"),
    ("se_resnet18", 11.78, 1814, "arXiv:1807.06521 table 4"),
    ("cbam_resnet18", 11.78, 1815, "arXiv:1807.06521 table 4"),
    ("hybridsn", 5.122176, None, "arXiv:1902.06701 table I"),
    ("gtcrn", 0.02367, None, "Xiaobin-Rong/gtcrn"),
    ("audio_face_unet", 3.77, None, "the table of the shipped network"),
]


def decimals(value):
    return len(str(value).partition(".")[2])


@pytest.mark.parametrize(("text", "parameters", "macs", "source"), PUBLISHED, ids=str)
def test_counts_are_the_published_ones(text, parameters, macs, source):
    counted = summary.summarize(registry.parse(text))
    if parameters is not None:
        exact = counted.parameters / 1e6
        assert abs(exact - parameters) < max(10.0 ** -decimals(parameters), 0.006 * parameters)
    if macs is not None:
        assert counted.macs / 1e6 == pytest.approx(macs, rel=0.02)


EXACT = {  # torchvision's and timm's documented counts, to the last parameter
    "mobilenet_v2": 3504872,
    "mobilenet_v3_large": 5483032,
    "mobilenet_v3_small": 2542856,
    "mobilenet_v4_conv_small": 3774024,
    "shufflenet_v2": 2278604,
    "shufflenet_v2:width=0.5": 1366792,
    "hybridsn": 5122176,
}


@pytest.mark.parametrize("text", EXACT)
def test_exact_parameter_counts(text):
    assert summary.summarize(registry.parse(text)).parameters == EXACT[text]


@pytest.mark.parametrize("name", registry.names())
def test_the_catalogue_holds_the_computed_counts_and_names_every_output(name):
    spec = registry.parse(name)
    counted = summary.summarize(spec)
    assert (counted.parameters, counted.macs) == (spec.entry.parameters, spec.entry.macs)
    assert all(shape[0] == 1 for shape in counted.outputs.values())


def test_grus_are_counted_as_if_they_had_run():
    spec = registry.parse("gtconv_block:frames=5")
    module = registry.build_bare(spec)
    counter = summary.MacCounter()
    with torch.no_grad(), counter:
        module.tra.gru(torch.zeros(1, 5, 8))
    with torch.device("meta"), torch.no_grad():
        stub = summary._gru_shapes(module.tra.gru, counted := summary.MacCounter())
        output, _ = stub(torch.zeros(1, 5, 8))
    assert output.shape == (1, 5, 16)
    assert counted.macs == counter.macs == 5 * 3 * 16 * (8 + 16)


@pytest.mark.parametrize(
    "text",
    [
        "mobilenet_v3_large:reduced_tail=true,width=0.75",
        "mobilenet_v3_small:reduced_tail=true",
        "shufflenet_v1:groups=1,width=0.5",
        "shufflenet_v1:groups=2,width=1.5",
        "shufflenet_v1:groups=4,width=1.5",
        "shufflenet_v1:groups=8,width=0.5",
        "hybridsn:bands=15,window=19,classes=9",
        "depthwise_separable:in_channels=8,out_channels=24,kernel=5",
        "gtconv_block:dilation=5,transposed=true",
        "mobilenet_v2:classes=7,resolution=96",
    ],
)
def test_other_arguments_build_and_run(text):
    counted = summary.summarize(registry.parse(text))
    assert counted.parameters > 0
    assert counted.macs > 0


def test_the_amc_profile_needs_about_half_of_the_operations():
    full = summary.summarize(registry.parse("mobilenet_v1")).macs
    pruned = summary.summarize(registry.parse("mobilenet_v1:profile=amc")).macs
    assert 0.48 < pruned / full < 0.53


def test_a_reduced_tail_halves_the_last_stage():
    full = summary.summarize(registry.parse("mobilenet_v3_large")).parameters
    reduced = summary.summarize(registry.parse("mobilenet_v3_large:reduced_tail=true")).parameters
    assert reduced < 0.65 * full


def test_the_audio_encoder_ends_in_128x4x1():
    counted = summary.summarize(registry.parse("audio_encoder"))
    assert counted.outputs == {"out": (1, 128, 4, 1)}
