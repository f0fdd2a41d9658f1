"""Sound files of every kind that edgekit reads: what the damage is done to."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
import wave
from pathlib import Path

import numpy as np

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm = nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, image):
        x = torch.relu(self.conv(image))
        x = x + self.norm(self.depthwise(x))
        return self.head(x.mean((2, 3))).softmax(1)
"""
RECIPE = """\
model = "net.py:Net"
weights = "net.safetensors"
seed = 3
route = "pnnx"
precision = "fp32"
outputs = ["scores"]

[inputs.image]
shape = [1, 3, 8, 8]
dtype = "float32"
range = [0.0, 1.0]
kind = "image"
"""
SUITE = """\
schema = "edgekit.suite/1"
title = "One block"

[networks.small]
base = "mobilenet_v2"

[[rows]]
block = "separable"
baseline = { block = "standard" }
planes = [[8, 8]]
kernel = [3]
stride = 1
"""
PNNX_PARAM = """\
7767517
4 3
pnnx.Input               pnnx_input_0             0 1 0 #0=(1,3,?,8)f32
nn.Linear                fc                       1 1 0 1 bias=True in_features=8 out_features=2 eps=1e-5 \
@bias=(2)f32 @weight=(2,8)f32 $input=0 #0=(1,3,?,8)f32 #1=(1,3,?,2)f32
pnnx.Expression          expr_0                   1 1 1 2 expr=[int(size(@0,0)),-1] #1=(1,3,?,2)f32
pnnx.Output              pnnx_output_0            1 0 2
"""


def make(folder: Path) -> Path:
    """Write every file once and return the folder; takes an export and a short bench."""
    if (folder / "complete").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "net.py").write_text(NET)
    (folder / "net.toml").write_text(RECIPE)
    (folder / "suite.toml").write_text(SUITE)
    _torch_files(folder)
    _bundle(folder)
    _pnnx_files(folder)
    _inputs(folder)
    (folder / "complete").touch()
    return folder


def _torch_files(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    names: dict[str, object] = {}
    exec(NET, names)
    torch.manual_seed(1)
    net = names["Net"]().eval()  # type: ignore[operator]
    save_file(net.state_dict(), folder / "net.safetensors")
    torch.save(net.state_dict(), folder / "state.pt")
    image = torch.rand(1, 3, 8, 8)
    torch.jit.trace(net, image).save(folder / "net.pt")
    torch.onnx.export(
        net, (image,), folder / "net.onnx", input_names=["image"], dynamo=False, opset_version=17
    )


def _bundle(folder: Path) -> None:
    import edgekit

    edgekit.export(f"{folder}/net.py:Net", folder / "bundle", inputs={"image": (1, 3, 8, 8)})
    for suffix in ("param", "bin"):
        (folder / f"bare.{suffix}").write_bytes((folder / "bundle" / f"model.ncnn.{suffix}").read_bytes())
    with contextlib.chdir(folder):
        report = edgekit.bench(["bundle"])  # so that the commands find the name in it
    (folder / "bench.json").write_text(json.dumps(report.to_json()))
    shutil.copytree(folder / "bundle", folder / "sound")
    _app(folder)


def _app(folder: Path) -> None:
    """An Android project without content, and the self-test that a packed bundle has there."""
    from edgekit.packager import pack

    app, selftest = folder / "app", folder / "selftest"
    (app / "app").mkdir(parents=True)
    (app / "settings.gradle.kts").touch()
    packed = pack([folder / "bundle"], app).folder
    shutil.move(packed / "bundle" / "selftest", selftest)
    for suffix in ("param", "bin"):
        shutil.copyfile(folder / f"bare.{suffix}", selftest / f"model.ncnn.{suffix}")
    shutil.rmtree(app / "app")
    (app / "app").mkdir()


def _pnnx_files(folder: Path) -> None:
    from edgekit.formats.pnnx.storezip import archive_bytes

    arrays = [("fc.bias", np.ones(2, np.float32)), ("fc.weight", np.ones((2, 8), np.float32))]
    (folder / "net.pnnx.param").write_text(PNNX_PARAM)
    (folder / "net.pnnx.bin").write_bytes(b"".join(archive_bytes([(n, a.tobytes()) for n, a in arrays])))


def _inputs(folder: Path) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    np.savez(folder / "inputs.npz", image=random.random((1, 3, 8, 8), np.float32))
    Image.fromarray(random.integers(0, 255, (8, 8, 3), np.uint8)).save(folder / "picture.png")
    with wave.open(str(folder / "sound.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", "not compressed"))
        file.writeframes(struct.pack("<4000h", *random.integers(-9000, 9000, 4000)))
