"""Seeded synthetic inputs that behave like the real thing: images, mel windows, spectra, cubes.

Pure numpy, float32, the same numbers for the same seed. White noise would make a poor probe:
after two strided convolutions of a natural image neighbours still agree, after noise they do not.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from edgekit.models.entry import InputSpec

Array = npt.NDArray[np.float32]
Wave = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 16000
FFT_SIZE = 512
HOP = 256


def sample(inputs: Iterable[InputSpec], seed: int, batch: int | None = None) -> dict[str, Array]:
    """Make a value for each input, of its shape (with another batch size if given)."""
    made = {}
    for index, spec in enumerate(inputs):
        rng = np.random.default_rng([seed, index])
        count = spec.shape[0] if batch is None else batch
        made[spec.name] = np.stack([_one(spec, rng) for _ in range(count)]).astype(np.float32)
    return made


def _one(spec: InputSpec, rng: np.random.Generator) -> Wave:
    shape = spec.shape[1:]
    low, high = spec.range
    match spec.kind:
        case "image":
            return low + (high - low) * natural_image(shape, rng)
        case "mel":
            return low + (high - low) * _unit(pink_noise(shape, rng, slope=1.2))
        case "cube":
            return low + (high - low) * spectral_cube(shape, rng)
        case "spectrum":
            return spectrum(noisy_speech((shape[-2] - 1) * HOP, rng))[..., : shape[-1]]
        case "features" | "state":
            middle, spread = (low + high) / 2, (high - low) / 6
            return np.clip(rng.normal(middle, spread, shape), low, high)


def pink_noise(shape: tuple[int, ...], rng: np.random.Generator, slope: float = 1.0) -> Wave:
    """Noise over the last two axes with amplitude 1/f^slope: the spectrum of natural images."""
    height, width = shape[-2:]
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    frequency = np.hypot(fy, fx)
    frequency[0, 0] = 1.0 / max(height, width)
    white = np.fft.rfft2(rng.standard_normal(shape))
    noise: Wave = np.fft.irfft2(white / frequency**slope, (height, width))
    return noise


def natural_image(shape: tuple[int, ...], rng: np.random.Generator) -> Wave:
    """An image (C, H, W) in [0, 1]: correlated 1/f channels with a few flat shapes on top."""
    channels, height, width = shape
    shared = pink_noise((1, height, width), rng, slope=1.3)
    image = _unit(shared + 0.4 * pink_noise((channels, height, width), rng, slope=1.3))
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    for _ in range(6):
        cy, cx, radius = rng.random(), rng.random(), rng.uniform(0.04, 0.25)
        square, mixed = rng.random() < 0.5, rng.uniform(0.5, 0.9)
        distance = np.maximum(abs(y - cy), abs(x - cx)) if square else np.hypot(y - cy, x - cx)
        colour = rng.random((channels, 1, 1))
        image = np.where(distance < radius, (1 - mixed) * image + mixed * colour, image)
    brightness, contrast = rng.uniform(0.35, 0.65), rng.uniform(0.5, 1.0)
    final: Wave = brightness + contrast * (image - image.mean())
    return final.clip(0.0, 1.0)


def spectral_cube(shape: tuple[int, ...], rng: np.random.Generator) -> Wave:
    """A hyperspectral patch (1, bands, H, W) in [0, 1]: smooth materials, smooth spectra."""
    _, bands, height, width = shape
    materials = pink_noise((4, height, width), rng)
    spectra = np.cumsum(rng.standard_normal((bands, 4)), axis=0) / np.sqrt(bands)
    cube = np.tensordot(spectra, materials, axes=1) + 0.05 * rng.standard_normal((bands, height, width))
    return _unit(cube)[None]


def noisy_speech(samples: int, rng: np.random.Generator) -> Wave:
    """A voice-like wave: harmonics of a gliding pitch in syllables, a chirp, and noise."""
    t = np.arange(max(samples, 1)) / SAMPLE_RATE_HZ
    pitch_hz = rng.uniform(90, 220) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.5, 2.0) * t))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    harmonics = np.arange(1, 25)[:, None]
    weights = rng.uniform(0.3, 1.0, (24, 1)) / harmonics
    voice = (weights * np.sin(harmonics * phase)).sum(axis=0)
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(2.0, 4.0) * t + rng.uniform(0, 6)), 0, None)
    chirp = np.sin(2 * np.pi * (300 * t + 0.5 * rng.uniform(500, 2000) * t**2))
    wave: Wave = 0.3 * voice * syllables + 0.05 * chirp + 0.05 * rng.standard_normal(t.size)
    return wave


def spectrum(wave: Wave) -> Wave:
    """Short-time Fourier transform as (2, T, 257): real and imaginary part of each frame.

    A frame is 512 samples under the square root of a Hann window, every 256 samples, with the
    wave padded by reflection at both ends, so T = 1 + samples // 256.
    """
    padded = np.pad(wave, FFT_SIZE // 2, mode="reflect" if wave.size > FFT_SIZE // 2 else "edge")
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP]
    transformed = np.fft.rfft(frames * window, axis=-1)
    return np.stack([transformed.real, transformed.imag])


def _unit(values: Wave) -> Wave:
    """Scale to [0, 1] so that three standard deviations either side fit."""
    deviation = float(values.std()) or 1.0
    unit: Wave = 0.5 + (values - values.mean()) / (6 * deviation)
    return unit.clip(0.0, 1.0)
