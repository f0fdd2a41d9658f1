"""Seeded weights: every layer alive, the output telling inputs apart, the same bits each time."""

import pytest
import torch
from torch import nn

from edgekit.models import registry, signals
from edgekit.models.weights import init_lively

QUICK = [
    "mobilenet_v1:width=0.5",
    "mobilenet_v1:profile=amc,width=0.25,resolution=96",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "mobilenet_v4_conv_small",
    "mobilenet_v4_conv_medium:resolution=224",
    "mobilenet_v4_hybrid_medium",
    "shufflenet_v1",
    "shufflenet_v2",
    "se_resnet18",
    "cbam_resnet18",
    "hybridsn",
    "depthwise_separable",
    "gtconv_block",
    "gtcrn",
    "audio_encoder",
    "audio_face_unet",
]
SLOW = ["mobilenet_v4_conv_large", "mobilenet_v4_hybrid_large"]
POSITIONS = 64  # a channel seen at fewer values than this may be silent there by chance


def probe(spec, module, seed=11):
    """Run unseen inputs and return the output and what each leaf module gave."""
    seen = {}

    def keep(name):
        def hook(_module, _inputs, output):
            seen[name] = (output[0] if isinstance(output, tuple) else output).detach().clone()

        return hook

    handles = [
        leaf.register_forward_hook(keep(name))
        for name, leaf in module.named_modules()
        if not list(leaf.children()) and not isinstance(leaf, nn.Identity)
    ]
    try:
        inputs = signals.sample(spec.inputs, seed, min(2, spec.entry.calibration_batch))
        output = module(*map(torch.from_numpy, inputs.values()))
    finally:
        for handle in handles:
            handle.remove()
    return output, seen


def assert_lively(text):
    spec = registry.parse(text)
    module = registry.build(spec, seed=3)
    output, seen = probe(spec, module)
    other, _ = probe(spec, module, seed=12)
    for name, value in seen.items():
        assert 0.03 < float(value.std()) < 30, name
        assert value.isfinite().all()
        channels = value.transpose(0, 1).flatten(1)
        if value.dim() == 4 and channels.shape[1] >= POSITIONS:
            assert float((channels.std(1) < 1e-4).float().mean()) <= 0.1, f"{name} has dead channels"
    assert (output - other).std() > 0.1 * output.std()


@pytest.mark.parametrize("text", QUICK)
def test_no_layer_dies_or_explodes_on_unseen_inputs(text):
    assert_lively(text)


@pytest.mark.slow
@pytest.mark.parametrize("text", SLOW)
def test_no_layer_of_the_large_networks_dies_or_explodes(text):
    assert_lively(text)


@pytest.mark.parametrize("text", ["mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "audio_face_unet"])
def test_rounding_stays_small_through_the_depth(text):
    """A network that amplified rounding would hide a converter's faults behind its own noise."""
    spec = registry.parse(text)
    module = registry.build(spec, seed=3)
    inputs = [torch.from_numpy(value) for value in signals.sample(spec.inputs, 11).values()]
    single = module(*inputs)
    double = module.double()(*(value.double() for value in inputs))
    assert (single - double).abs().max() < 1e-4 * double.std()


def test_batch_norm_statistics_differ_from_channel_to_channel():
    module = registry.build("mobilenet_v2", seed=0)
    for norm in (layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)):
        assert norm.running_var.std() > 0.02 * norm.running_var.mean()
        assert norm.running_mean.std() > 0.02
        assert norm.weight.std() > 0.05
        assert norm.bias.std() > 0.1


def test_same_seed_same_bits_whatever_the_threads():
    spec = registry.parse("mobilenet_v2:width=0.35")
    threads = torch.get_num_threads()
    first = registry.build(spec, seed=1).state_dict()
    try:
        torch.set_num_threads(threads % 2 + 1)
        second = registry.build(spec, seed=1).state_dict()
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(first[key], second[key]) for key in first)
    other = registry.build(spec, seed=2).state_dict()
    assert not torch.equal(first["stem.conv.weight"], other["stem.conv.weight"])


def test_building_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    registry.build("mobilenet_v2:width=0.35", seed=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_built_network_is_in_eval_mode_without_gradients_or_hooks():
    module = registry.build("mobilenet_v2:width=0.35")
    for child in module.modules():
        assert not child.training
        assert not child._forward_hooks
        assert not child._forward_pre_hooks
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_foreign_modules_with_unusual_parameters_are_drawn_too():
    module = nn.Sequential(
        nn.Embedding(20, 16),
        nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0),
        nn.LayerNorm(16, elementwise_affine=False),
        nn.Linear(16, 4),
    )
    tokens = torch.arange(40).reshape(4, 10) % 20
    init_lively(module, {"tokens": tokens}, seed=0)
    first = module(tokens)
    assert 0.1 < float(first.detach().std()) < 10
    init_lively(module, {"tokens": tokens}, seed=0)
    assert torch.equal(first, module(tokens))
