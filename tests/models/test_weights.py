"""Seeded weights: every layer alive, the output telling inputs apart, the same bits each time."""

import pytest
import torch
from torch import nn

from edgekit.models import registry, signals

IMAGE_NETS = ["mobilenet_v2:width=0.5,resolution=128"]


def probe(spec, module, seed=11, batch=4):
    """Run fresh inputs and return the output and each leaf's output, as batch x anything."""
    seen = {}

    def keep(name):
        return lambda _module, _inputs, output: seen.__setitem__(name, output.detach().clone())

    handles = [
        leaf.register_forward_hook(keep(name))
        for name, leaf in module.named_modules()
        if not list(leaf.children()) and not isinstance(leaf, nn.Identity)
    ]
    try:
        inputs = signals.sample(spec.inputs, seed, batch)
        output = module(*map(torch.from_numpy, inputs.values()))
    finally:
        for handle in handles:
            handle.remove()
    return output, seen


@pytest.mark.parametrize("text", IMAGE_NETS)
def test_no_layer_dies_or_explodes(text):
    spec = registry.parse(text)
    output, seen = probe(spec, registry.build(spec, seed=3))
    for name, value in seen.items():
        assert 0.03 < float(value.std()) < 30, name
        spread = value.transpose(0, 1).flatten(1).std(1)
        assert float((spread < 1e-4).float().mean()) <= 0.1, f"{name} has dead channels"
    between_inputs = output.std(0).mean()
    assert between_inputs > 0.1 * output.std()


def test_same_seed_same_bits_whatever_the_threads():
    spec = registry.parse("mobilenet_v2:width=0.35")
    threads = torch.get_num_threads()
    first = registry.build(spec, seed=1).state_dict()
    try:
        torch.set_num_threads(1)
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


def test_a_built_network_is_in_eval_mode_without_gradients():
    module = registry.build("mobilenet_v2:width=0.35")
    assert not any(child.training for child in module.modules())
    assert not any(parameter.requires_grad for parameter in module.parameters())
