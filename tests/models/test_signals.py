"""Synthetic inputs: seeded, within their range, and shaped like the signals they stand for."""

import numpy as np
import pytest

from edgekit.models import registry, signals


@pytest.mark.parametrize("name", registry.names())
def test_samples_fit_their_specification_and_repeat(name):
    spec = registry.parse(name)
    first, second = signals.sample(spec.inputs, 4), signals.sample(spec.inputs, 4)
    other = signals.sample(spec.inputs, 5)
    for given in spec.inputs:
        value = first[given.name]
        assert value.dtype == np.float32
        assert value.shape == given.shape
        assert np.isfinite(value).all()
        assert np.array_equal(value, second[given.name])
        assert not np.array_equal(value, other[given.name])
        low, high = given.range
        inside = (value >= low - 1e-6) & (value <= high + 1e-6)
        assert inside.mean() > (0.95 if given.kind == "spectrum" else 0.999)


def test_a_batch_holds_different_samples():
    spec = registry.parse("mobilenet_v2:resolution=96")
    images = signals.sample(spec.inputs, 0, batch=3)["image"]
    assert images.shape == (3, 3, 96, 96)
    assert np.abs(images[0] - images[1]).mean() > 0.1


def test_neighbouring_pixels_agree_as_in_a_photograph():
    image = signals.natural_image((3, 96, 96), np.random.default_rng(0))
    step = np.diff(image, axis=2).std()
    assert step < 0.5 * image.std()  # white noise: 1.4


def test_the_transform_finds_a_tone_and_counts_its_frames():
    t = np.arange(16000) / signals.SAMPLE_RATE_HZ
    spectrum = signals.spectrum(np.sin(2 * np.pi * 1000 * t))
    assert spectrum.shape == (2, 1 + 16000 // signals.HOP, 257)
    power = (spectrum**2).sum(axis=0).mean(axis=0)
    assert power.argmax() == 1000 * signals.FFT_SIZE // signals.SAMPLE_RATE_HZ
