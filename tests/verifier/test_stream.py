"""A model with states on a real voice: synthesised speech in noise, frame by frame, as on a phone."""

import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

import edgekit
from edgekit.bundle import Bundle, open_bundle
from edgekit.devices import LocalDevice
from edgekit.formats import ncnn
from edgekit.media.audio import read_wav, spectrum
from edgekit.models import registry
from edgekit.verifier.inputs import read_inputs
from edgekit.verifier.run import Artefact
from edgekit.verifier.stream import run_stream, states

pytestmark = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: apt-get install espeak-ng"
)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spoken sentence at about 5 dB over white noise, 16 kHz."""
    folder = tmp_path_factory.mktemp("voice")
    said = folder / "said.wav"
    sentence = "States go round."
    subprocess.run(["espeak-ng", "-s", "220", "-w", said, sentence], check=True, timeout=60)
    voice = read_wav(said)
    noise = np.random.default_rng(0).standard_normal(voice.size)
    mixed = voice + noise * voice.std() * 10 ** (-5 / 20)
    with wave.open(str(folder / "noisy.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes((mixed / np.abs(mixed).max() * 32000).astype("<i2").tobytes())
    return folder / "noisy.wav"


@pytest.mark.parametrize("route", ["pnnx", "onnx"])
def test_speech_through_ncnn_is_what_the_whole_clip_gives_in_pytorch(
    route: str, noisy: Path, tmp_path: Path
) -> None:
    path = tmp_path / "net"
    edgekit.export("gtcrn_stream", path, route=route)
    bundle = open_bundle(path)
    frames = [each.arrays for each in read_inputs(noisy, bundle.manifest)]
    first = {name: np.zeros(_shape(bundle, name), np.float32) for name in states(bundle.manifest)}
    artefact = Artefact(ncnn.read(bundle.param, bundle.bin), bundle.param, bundle.bin, LocalDevice())
    enhanced = run_stream(artefact, bundle.manifest, frames, first)["enhanced"]
    streamed = np.stack([np.asarray(frame).reshape(2, 257) for frame in enhanced], 1)

    clip = torch.from_numpy(spectrum(read_wav(noisy))).transpose(0, 1)[None].float()
    with torch.no_grad():
        whole = registry.build("gtcrn")(clip)[0].numpy()
    assert streamed.shape == whole.shape
    assert len(frames) > 50
    assert whole.std() > 0.05 * clip.numpy().std(), "something is to be heard"
    assert np.abs(streamed - whole).max() < 1e-4 * np.abs(whole).max()


def _shape(bundle: Bundle, name: str) -> tuple[int, ...]:
    return next(spec.shape for spec in bundle.manifest.inputs if spec.name == name)
