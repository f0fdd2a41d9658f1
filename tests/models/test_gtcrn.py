"""GTCRN: causal, and the same frame by frame as over the whole clip."""

import numpy as np
import pytest
import torch

from edgekit.models import gtcrn, registry, signals

FRAMES = 100


@pytest.fixture(scope="module")
def spectrum():
    """About two seconds of a voice-like wave with a chirp and noise."""
    wave = signals.noisy_speech((FRAMES - 1) * signals.HOP, np.random.default_rng(5))
    return torch.from_numpy(signals.spectrum(wave)[None])


def zero_states(dtype):
    return [torch.zeros(given.shape, dtype=dtype) for given in registry.parse("gtcrn_stream").inputs[1:]]


def stream(module, spectrum):
    states, frames = zero_states(spectrum.dtype), []
    for index in range(spectrum.shape[2]):
        frame, *states = module(spectrum[:, :, index : index + 1], *states)
        frames.append(frame)
    return torch.cat(frames, dim=2)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_streaming_equals_the_whole_clip(spectrum, dtype, tolerance):
    whole = registry.build("gtcrn", seed=3).to(dtype)(spectrum.to(dtype))
    streamed = stream(registry.build("gtcrn_stream", seed=3).to(dtype), spectrum.to(dtype))
    assert streamed.shape == whole.shape == (1, 2, FRAMES, 257)
    assert (streamed - whole).abs().max() < tolerance * whole.abs().max()
    assert whole.std() > 0.1 * spectrum.std()


def test_the_whole_clip_network_is_causal(spectrum):
    module = registry.build("gtcrn", seed=0)
    changed = spectrum.clone()
    changed[:, :, 60:] *= -0.5
    before, after = module(spectrum.float()), module(changed.float())
    assert torch.allclose(before[:, :, :60], after[:, :, :60], atol=1e-5)
    assert not torch.allclose(before[:, :, 60:], after[:, :, 60:], atol=1e-2)


def test_there_are_17_inputs_and_as_many_outputs_of_the_same_shapes():
    spec = registry.parse("gtcrn_stream")
    module = registry.build(spec)
    values = [torch.from_numpy(value) for value in signals.sample(spec.inputs, 0).values()]
    results = module(*values)
    assert len(values) == len(results) == len(spec.entry.outputs) == 17
    assert [tuple(result.shape) for result in results] == [given.shape for given in spec.inputs]


def test_two_clips_in_one_batch_are_refused(spectrum):
    module = registry.build("gtcrn")
    with pytest.raises(RuntimeError):
        module(spectrum.float().repeat(2, 1, 1, 1))


def test_erb_filters_are_a_partition_of_unity():
    filters = gtcrn.erb_filters()
    assert filters.shape == (64, 192)
    assert filters.min() >= 0
    assert torch.allclose(filters.sum(0), torch.ones(192))


def test_neighbour_bands_are_unfold():
    x = torch.randn(1, 3, 7, 20)
    unfolded = torch.nn.functional.unfold(x, (1, 3), padding=(0, 1)).reshape(1, 9, 7, 20)
    assert torch.equal(gtcrn.NeighbourBands(3)(x), unfolded)
