"""Sound from .wav files, and its short-time spectrum as speech enhancers take it."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import FormatError, UserError

Array = npt.NDArray[Any]

SAMPLE_RATE_HZ = 16000
FFT_SIZE = 512
HOP = 256


def read_wav(path: Path, rate_hz: int = SAMPLE_RATE_HZ) -> Array:
    """Return the mean of all channels as float32 in [-1, 1] at `rate_hz` (linear interpolation).

    Raises:
        FormatError: the file is no PCM .wav of 8, 16, 24 or 32 bits.
    """
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, own_rate_hz = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise FormatError(f"'{path}' is no readable .wav: {error}", "give uncompressed PCM") from None
    samples: Array = _samples(data, width, path).reshape(-1, channels).mean(1)
    if own_rate_hz == rate_hz or samples.size == 0:
        return np.asarray(samples, np.float32)
    count = int(samples.size * rate_hz / own_rate_hz)
    at = np.arange(count) * (own_rate_hz / rate_hz)
    return np.asarray(np.interp(at, np.arange(samples.size), samples), np.float32)


def _samples(data: bytes, width: int, path: Path) -> Array:
    """Return PCM numbers as float64 in [-1, 1)."""
    if width == 1:  # the only unsigned format
        return (np.frombuffer(data, np.uint8) - 128.0) / 128.0
    if width == 3:
        raw = np.frombuffer(data, np.uint8).reshape(-1, 3)
        padded = np.concatenate([np.zeros((raw.shape[0], 1), np.uint8), raw], axis=1)
        return padded.view("<i4").reshape(-1) / 2.0**31
    if width in (2, 4):
        return np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)
    raise FormatError(f"'{path}' has {8 * width}-bit samples", "give 16-bit PCM")


def spectrum(samples: Array) -> Array:
    """Return the short-time Fourier transform as (frames, 2, bins): real and imaginary part.

    Frames of 512 samples every 256 under a root-Hann window, reflected at both ends, as in GTCRN.

    Raises:
        UserError: the sound is shorter than one frame.
    """
    if samples.size < FFT_SIZE:
        raise UserError(
            f"{samples.size} samples are less than one frame of {FFT_SIZE}", "give a longer recording"
        )
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE))
    padded = np.pad(samples.astype(np.float64), FFT_SIZE // 2, mode="reflect")
    count = 1 + (padded.size - FFT_SIZE) // HOP
    index = np.arange(FFT_SIZE)[None, :] + HOP * np.arange(count)[:, None]
    transformed = np.fft.rfft(padded[index] * window, axis=1)  # (frames, bins)
    return np.stack([transformed.real, transformed.imag], axis=1).astype(np.float32)
