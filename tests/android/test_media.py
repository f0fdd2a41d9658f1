"""Pictures and sound in Java are what they are in Python, and models run on them through the whole chain."""

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgekit.bundle import open_bundle
from edgekit.devices import LocalDevice
from edgekit.media.audio import read_wav, spectrum
from edgekit.media.images import read_image
from edgekit.runtimes.ncnn import FP32, Case, Feed, run_cases
from edgekit.verifier.inputs import read_inputs
from edgekit.verifier.run import Artefact
from edgekit.verifier.stream import run_stream, states
from tests.android.toolbox import Jvm, need_java

pytestmark = need_java


def _wav(path: Path, samples: np.ndarray, rate: int, width: int, channels: int) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        whole = np.repeat((samples * (2 ** (8 * width - 1) - 1)).astype("<i4"), channels)
        file.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :width].tobytes())
    return path


@pytest.mark.parametrize(("rate", "width", "channels"), [(16000, 2, 1), (44100, 3, 2), (8000, 4, 1)])
def test_sound_and_its_spectrum(plain_jvm: Jvm, tmp_path: Path, rate: int, width: int, channels: int) -> None:
    generator = np.random.default_rng(0)
    path = _wav(tmp_path / "x.wav", generator.uniform(-0.9, 0.9, rate // 4), rate, width, channels)
    found = plain_jvm.run("none", "spectrum", path)
    samples = read_wav(path)
    np.testing.assert_allclose(found["samples"], samples, atol=1e-7)
    expected = spectrum(samples)
    np.testing.assert_allclose(np.array(found["frames"]), expected.reshape(len(expected), -1), atol=2e-5)
    covered = (len(expected) - 1) * 256
    np.testing.assert_allclose(found["back"][:covered], samples[:covered], atol=1e-6)


def test_what_is_no_wav_is_an_exception(plain_jvm: Jvm, tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"RIFF\0\0\0\0WAVEfmt \x10")
    assert plain_jvm.run("none", "spectrum", tmp_path / "x.wav")["exception"] == "java.io.IOException"


@pytest.mark.slow
@pytest.mark.parametrize("size", [(64, 64), (301, 173), (40, 90)])
def test_a_photograph_through_java_jni_and_ncnn(
    jvm: Jvm, assets: Path, bundles: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    """The tensor is that of `verify --inputs`, the logits are those of the tensor."""
    generator = np.random.default_rng(1)
    pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    argb = (pixels.astype(np.uint32) << np.array([16, 8, 0], np.uint32)).sum(2, dtype=np.uint32)
    (argb | np.uint32(0xFF000000)).astype("<u4").tofile(tmp_path / "photo.argb")
    found = jvm.run("jni", "infer", assets, "picture", tmp_path / "photo.argb", *size)

    bundle = open_bundle(bundles / "picture")
    (spec,) = bundle.manifest.inputs
    assert spec.value_range is not None
    wanted = read_image(tmp_path / "photo.png", spec.shape, spec.value_range)
    given = np.array(found["input"], np.float32).reshape(spec.shape)
    np.testing.assert_allclose(given, wanted, rtol=0, atol=1e-6)

    case = Case("one", {"in0": Feed(given[0])}, ("out0",), light_mode=True)
    reply = run_cases(LocalDevice(), bundle.param, bundle.bin, [case], FP32)
    logits = np.array(reply.tensors["one:out0"])
    reply.close()
    np.testing.assert_allclose(found["outputs"]["logits"], logits, rtol=1e-4, atol=1e-4)
    assert found["guesses"][0][0] == int(logits.argmax())
    assert found["latency_s"] > 0


@pytest.mark.slow
def test_a_sound_through_a_model_with_states(jvm: Jvm, assets: Path, bundles: Path, tmp_path: Path) -> None:
    """Frame by frame, the states kept inside ncnn, as `edgekit verify` runs a stream."""
    generator = np.random.default_rng(2)
    path = _wav(tmp_path / "x.wav", generator.uniform(-0.5, 0.5, 16000 // 4), 16000, 2, 1)
    found = jvm.run("jni", "enhance", assets, "sound", path, tmp_path / "out.wav")

    bundle = open_bundle(bundles / "sound")
    frames = [each.arrays for each in read_inputs(path, bundle.manifest)]
    carried = states(bundle.manifest)
    first = {
        spec.name: np.zeros(spec.shape, np.float32) for spec in bundle.manifest.inputs if spec.name in carried
    }
    from edgekit.formats import ncnn

    artefact = Artefact(ncnn.read(bundle.param, bundle.bin), bundle.param, bundle.bin, LocalDevice())
    enhanced = run_stream(artefact, bundle.manifest, frames, first)["enhanced"]
    assert found["frames"] == len(frames)
    wanted = _sound(np.stack([np.asarray(frame).reshape(2, 257) for frame in enhanced]), 16000 // 4)
    np.testing.assert_allclose(found["samples"], wanted, atol=1e-4)
    np.testing.assert_allclose(read_wav(tmp_path / "out.wav"), np.clip(wanted, -1, 1), atol=1e-3)


def _sound(frames: np.ndarray, count: int) -> np.ndarray:
    """Overlap-add of (frames, 2, bins) under the root-Hann window."""
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512))
    blocks = np.fft.irfft(frames[:, 0] + 1j * frames[:, 1], axis=1) * window
    whole = np.zeros((len(frames) - 1) * 256 + 512)
    for number, block in enumerate(blocks):
        whole[number * 256 : number * 256 + 512] += block
    padded = np.zeros(count)
    part = whole[256 : 256 + count]
    padded[: len(part)] = part
    return padded
