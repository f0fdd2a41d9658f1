"""Sound files of every width, and the spectrum against numpy's own definition."""

import wave
from pathlib import Path

import numpy as np
import pytest

from edgekit.errors import FormatError, UserError
from edgekit.media.audio import FFT_SIZE, HOP, read_wav, spectrum


def write_wav(path: Path, data: bytes, width: int, rate_hz: int = 16000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(data)
    return path


@pytest.mark.parametrize(("width", "tolerance"), [(1, 1e-2), (2, 1e-4), (3, 1e-6), (4, 1e-6)])
def test_every_sample_width_gives_the_same_sound(tmp_path: Path, width: int, tolerance: float) -> None:
    wanted = 0.5 * np.sin(np.arange(800) / 7)
    numbers = np.round(wanted * (2 ** (8 * width - 1) - 1)).astype(np.int64)
    if width == 1:
        data = (numbers + 128).astype(np.uint8).tobytes()
    else:
        data = b"".join(int(number).to_bytes(width, "little", signed=True) for number in numbers)
    got = read_wav(write_wav(tmp_path / "a.wav", data, width))
    assert got.dtype == np.float32
    assert np.abs(got - wanted).max() < tolerance


def test_channels_are_averaged_and_the_rate_is_changed(tmp_path: Path) -> None:
    left = np.sin(2 * np.pi * 100 * np.arange(8000) / 8000) * 8000
    both = np.stack([left, np.zeros_like(left)], 1).astype("<i2")
    got = read_wav(write_wav(tmp_path / "a.wav", both.tobytes(), 2, rate_hz=8000, channels=2))
    assert got.size == 16000
    expected = np.sin(2 * np.pi * 100 * np.arange(16000) / 16000) * 4000 / 32768
    assert np.abs(got[:-4] - expected[:-4]).max() < 1e-3


def test_the_spectrum_is_the_windowed_transform() -> None:
    sound = np.random.default_rng(0).standard_normal(4 * FFT_SIZE).astype(np.float32)
    got = spectrum(sound)
    assert got.shape[1:] == (2, FFT_SIZE // 2 + 1)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE))
    frame = 3  # starts at 3 HOP - FFT_SIZE / 2 in the sound itself
    start = frame * HOP - FFT_SIZE // 2
    expected = np.fft.rfft(sound[start : start + FFT_SIZE] * window)
    assert np.abs(got[frame, 0] - expected.real).max() < 1e-4
    assert np.abs(got[frame, 1] - expected.imag).max() < 1e-4


def test_damaged_and_short_files(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFFnothing")
    with pytest.raises(FormatError, match="no readable"):
        read_wav(path)
    with pytest.raises(UserError, match="less than one frame"):
        spectrum(np.zeros(10, np.float32))
