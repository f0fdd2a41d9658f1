"""Round trips: export, bring the weights back into a fresh module, compare what it computes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import edgekit
from edgekit.bundle import open_bundle
from edgekit.errors import UserError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer, Weight
from edgekit.models import registry
from edgekit.restorer import NotRestored, Restored, StructuresDiffer

from . import nets

Shapes = dict[str, tuple[int, ...]]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def outputs_of(module: nn.Module, shapes: Shapes) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        result = module(*(torch.randn(shape, generator=generator) for shape in shapes.values()))
    assert isinstance(result, torch.Tensor)
    return result


def exported(module: nn.Module, folder: Path, shapes: Shapes, **options: str) -> Path:
    edgekit.export(module, folder, inputs=shapes, **options)
    return folder


def brought_back(bundle: Path, fresh: nn.Module, shapes: Shapes, folder: Path) -> Restored:
    """Bring the weights back into a fresh module, and load them from the file that was written."""
    file = folder / "weights.safetensors"
    result = edgekit.weights(bundle, fresh, file, inputs=shapes)
    fresh.load_state_dict(safetensors.torch.load_file(file))
    return result


def assert_close(found: torch.Tensor, wanted: torch.Tensor, relative: float = 1e-4) -> None:
    assert torch.max(torch.abs(found - wanted)) <= relative * torch.std(wanted)


@pytest.mark.parametrize("name", nets.NETS)
def test_every_kind_of_weight_comes_back(name: str, tmp_path: Path) -> None:
    original, fresh = nets.trained(name, 1), nets.trained(name, 2)
    shapes = type(original).inputs
    bundle = exported(original, tmp_path / "bundle", shapes)
    before = outputs_of(fresh, shapes)
    result = brought_back(bundle, fresh, shapes, tmp_path)
    wanted = outputs_of(original, shapes)
    assert torch.max(torch.abs(before - wanted)) > 0.1 * torch.std(wanted)
    assert_close(outputs_of(fresh, shapes), wanted)
    assert result.layers_compared == result.layers
    assert result.stored == ("fp32",)
    assert set(result.carried) | set(result.neutral) | set(result.kept) >= {
        name for name, _ in original.named_parameters()
    }


def test_what_is_not_folded_comes_back_as_it_was(tmp_path: Path) -> None:
    """Weights without a BatchNorm behind them, and the statistics of one that stands alone."""
    original, fresh = nets.trained("preactivation", 1), nets.trained("preactivation", 2)
    shapes = type(original).inputs
    brought_back(exported(original, tmp_path / "bundle", shapes), fresh, shapes, tmp_path)
    for (key, mine), theirs in zip(fresh.state_dict().items(), original.state_dict().values(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6), key


def test_a_folded_batchnorm_only_shifts(tmp_path: Path) -> None:
    original, fresh = nets.trained("convolutions", 1), nets.trained("convolutions", 2)
    shapes = type(original).inputs
    result = brought_back(exported(original, tmp_path / "bundle", shapes), fresh, shapes, tmp_path)
    state = fresh.state_dict()
    for norm, eps in (("bn1", 1e-5), ("bn2", 1e-3), ("bn3", 1e-5)):
        assert torch.allclose(state[f"{norm}.weight"], torch.ones(()))
        assert torch.allclose(state[f"{norm}.running_var"] + eps, torch.ones(()))
        assert not state[f"{norm}.running_mean"].any()
    assert not state["bn1.bias"].any()  # the convolution has a bias of its own
    assert state["bn2.bias"].any()
    assert state["stiff.running_mean"].any()  # without scale and shift, the mean has to carry it
    assert "bn1.weight" in result.neutral
    assert "bn2.bias" in result.carried


def test_what_the_network_does_not_hold_is_kept_and_named(tmp_path: Path) -> None:
    original, fresh = nets.trained("odd", 1), nets.trained("odd", 2)
    before = fresh.unused.clone()
    result = brought_back(
        exported(original, tmp_path / "bundle", type(original).inputs), fresh, type(original).inputs, tmp_path
    )
    assert result.kept == ("unused",)
    assert torch.equal(fresh.unused, before)
    assert fresh.second.weight is fresh.first.weight


def test_half_precision_weights(tmp_path: Path) -> None:
    original, fresh = nets.trained("convolutions", 1), nets.trained("convolutions", 2)
    shapes = type(original).inputs
    bundle = exported(original, tmp_path / "bundle", shapes, precision="fp16")
    result = brought_back(bundle, fresh, shapes, tmp_path)
    assert result.stored == ("fp16", "fp32")
    assert_close(outputs_of(fresh, shapes), outputs_of(original, shapes), 1e-2)
    assert torch.equal(fresh.plain.weight, original.plain.weight.half().float())


def test_a_binary_of_the_other_route(tmp_path: Path) -> None:
    original, fresh = nets.trained("convolutions", 1), nets.trained("convolutions", 2)
    shapes = type(original).inputs
    brought_back(exported(original, tmp_path / "bundle", shapes, route="onnx"), fresh, shapes, tmp_path)
    assert_close(outputs_of(fresh, shapes), outputs_of(original, shapes))


class Classic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.fc = nn.Linear(6, 4)

    def forward(self, data: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn(self.conv(data)))
        return self.fc(x.mean((2, 3)))


def caffe_file(folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Write the network above as caffe's converter would: BatchNorm and Scale by themselves, other names."""
    rng = np.random.default_rng(0)
    arrays = {
        "weight_data": rng.normal(0, 0.3, (6, 3, 3, 3)),
        "slope_data": rng.uniform(0.5, 1.5, 6),
        "mean_data": rng.normal(0, 0.3, 6),
        "var_data": rng.uniform(0.5, 2.0, 6),
        "bias_data": rng.normal(0, 0.3, 6),
        "scale_data": rng.uniform(0.5, 1.5, 6),
        "shift": rng.normal(0, 0.3, 6),
        "fc": rng.normal(0, 0.3, (4, 6)),
        "fc_bias": rng.normal(0, 0.3, 4),
    }
    arrays = {name: value.astype(np.float32) for name, value in arrays.items()}

    def weights(*pairs: tuple[str, str]) -> tuple[Weight, ...]:
        return tuple(Weight(name, arrays[key]) for name, key in pairs)

    norms = ("slope_data", "mean_data", "var_data", "bias_data")
    layers = (
        Layer("Input", "data", (), ("data",), {"0": 12, "1": 12, "2": 3}),
        Layer(
            "Convolution",
            "conv1",
            ("data",),
            ("conv1",),
            {"0": 6, "1": 3, "5": 0, "6": 162},
            weights(("weight_data", "weight_data")),
        ),
        Layer("BatchNorm", "bn1", ("conv1",), ("bn1",), {"0": 6}, weights(*zip(norms, norms, strict=True))),
        Layer(
            "Scale",
            "scale1",
            ("bn1",),
            ("scale1",),
            {"0": 6, "1": 1},
            weights(("scale_data", "scale_data"), ("bias_data", "shift")),
        ),
        Layer("ReLU", "relu1", ("scale1",), ("relu1",)),
        Layer("Pooling", "pool", ("relu1",), ("pool",), {"0": 1, "4": 1}),
        Layer(
            "InnerProduct",
            "fc",
            ("pool",),
            ("prob",),
            {"0": 4, "1": 1, "2": 24},
            weights(("weight_data", "fc"), ("bias_data", "fc_bias")),
        ),
    )
    path = folder / "caffe.param"
    ncnn.write(Graph(layers), path, path.with_suffix(".bin"))
    return path, arrays


def test_an_old_file_with_batchnorm_and_scale_of_their_own(tmp_path: Path) -> None:
    path, arrays = caffe_file(tmp_path)
    module = Classic().eval()
    shapes = {"data": (1, 3, 12, 12)}
    result = brought_back(path, module, shapes, tmp_path)
    assert (
        result.layers_compared > 3
    )  # the layers that keep apart what the module does not have no counterpart
    with torch.no_grad():
        x = torch.randn(1, 3, 12, 12)
        y = torch.nn.functional.conv2d(x, torch.from_numpy(arrays["weight_data"]))
        t = {
            name: torch.from_numpy(value).view(1, -1, 1, 1)
            for name, value in arrays.items()
            if value.ndim == 1
        }
        y = (y - t["mean_data"]) / torch.sqrt(t["var_data"]) * t["slope_data"] + t["bias_data"]
        y = torch.relu(y * t["scale_data"] + t["shift"]).mean((2, 3))
        wanted = y @ torch.from_numpy(arrays["fc"]).T + torch.from_numpy(arrays["fc_bias"])
        assert_close(module(x), wanted)


def test_other_networks_are_refused_with_the_differences(tmp_path: Path) -> None:
    original = nets.trained("preactivation", 1)
    shapes = type(original).inputs
    bundle = exported(original, tmp_path / "bundle", shapes)
    other = nets.trained("preactivation", 2)
    other.left = nn.Conv2d(4, 4, 5, padding=2)
    file = tmp_path / "weights.safetensors"
    with pytest.raises(StructuresDiffer) as caught:
        edgekit.weights(bundle, other.eval(), file, inputs=shapes)
    assert caught.value.exit_code == 1
    assert [(each.kind, each.right.name) for each in caught.value.report.differences] == [("kernel", "left")]
    assert not file.exists()


class Constant(nn.Module):
    """Multiplies by a constant that is no weight: nothing in its structure tells one from another."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("table", torch.rand(1, 4, 6, 6, generator=generator), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) * self.table


def test_a_module_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    shapes = {"x": (1, 3, 8, 8)}
    bundle = exported(Constant(1).eval(), tmp_path / "bundle", shapes)
    file = tmp_path / "weights.safetensors"
    with pytest.raises(NotRestored) as caught:
        edgekit.weights(bundle, Constant(2).eval(), file, inputs=shapes)
    assert caught.value.exit_code == 1
    assert not file.exists()


class Bank(nn.Module):
    """Weighs bands by a filter bank of its own making, which is in no state dict."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1)
        bank = torch.linspace(0, 1, 16 * 12).reshape(16, 12) ** 2
        self.register_buffer("bank", bank, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.nn.functional.linear(x, self.bank))


def test_a_constant_outside_the_state_dict_is_compared_as_the_binary_rounds_it(tmp_path: Path) -> None:
    shapes = {"x": (1, 2, 8, 12)}
    bundle = exported(Bank().eval(), tmp_path / "bundle", shapes, precision="fp16")
    result = brought_back(bundle, Bank().eval(), shapes, tmp_path)
    assert [note.partition(" ")[0] for note in result.notes] == ["'bank'"]
    assert "bank" not in safetensors.torch.load_file(tmp_path / "weights.safetensors")


def test_a_module_in_hand_is_left_as_it_is(tmp_path: Path) -> None:
    original, fresh = nets.trained("preactivation", 1), nets.trained("preactivation", 2)
    shapes = type(original).inputs
    bundle = exported(original, tmp_path / "bundle", shapes)
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    edgekit.weights(bundle, fresh, tmp_path / "w.safetensors", inputs=shapes)
    assert all(torch.equal(value, before[key]) for key, value in fresh.state_dict().items())


def test_what_cannot_be_brought_back(tmp_path: Path) -> None:
    bare = tmp_path / "bare.param"
    bare.write_text("7767517\n2 2\nInput x 0 1 x 0=8 1=8 2=3\nReLU r 1 1 x out0\n", encoding="ascii")
    path, _ = caffe_file(tmp_path)
    graph = ncnn.read(path, path.with_suffix(".bin"))
    int8 = replace(graph.layers[1].weights[0], data=np.ones((6, 3, 3, 3), np.int8), tag=None)
    layers = [replace(layer, weights=(int8,)) if layer.name == "conv1" else layer for layer in graph]
    ncnn.write(replace(graph, layers=tuple(layers)), tmp_path / "q.param", tmp_path / "q.bin")
    out = tmp_path / "w.safetensors"
    for ncnn_model, model, target, message in (
        (bare, "mobilenet_v2", out, "there is no .bin beside"),
        (tmp_path / "q.param", "mobilenet_v2", out, "has int8 weights"),
        (path, "mobilenet_v2", tmp_path / "w.pt", "does not end in .safetensors"),
        ("mobilenet_v2", "mobilenet_v2", out, "is no ncnn model"),
        (path, "mobilenet_v22", out, "names no model"),
    ):
        with pytest.raises(UserError, match=message):
            edgekit.weights(ncnn_model, model, target)


# Every network of the zoo, where it has arguments at the smallest size that has all its layers.
FAST = ("audio_encoder", "depthwise_separable", "gtconv_block")
SLOW = (
    "audio_face_unet:resolution=96",
    "cbam_resnet18:resolution=96",
    "digits",
    "gtcrn:frames=8",
    "gtcrn_stream",
    "hybridsn:bands=16,window=19",
    "mobilenet_v1:width=0.25,resolution=96",
    "mobilenet_v2:width=0.35,resolution=96",
    "mobilenet_v3_large:width=0.35,resolution=96",
    "mobilenet_v3_small:resolution=96",
    "mobilenet_v4_conv_large:resolution=96",
    "mobilenet_v4_conv_medium:resolution=96",
    "mobilenet_v4_conv_small:resolution=96",
    "mobilenet_v4_hybrid_large:resolution=96",
    "mobilenet_v4_hybrid_medium:resolution=96",
    "se_resnet18:resolution=96",
    "shufflenet_v1:resolution=96",
    "shufflenet_v2:width=0.5,resolution=96",
)
HALF = ("gtconv_block", "gtcrn:frames=8", "mobilenet_v2:width=0.35,resolution=96")


# Folding a BatchNorm rounds the weights once more, which is worth about one pass in fp32.
FLOORS = 4
ULPS = 16
HALF_ERROR = 3e-2


def zoo_round_trip(spec: str, folder: Path, precision: str) -> None:
    """Export with one seed, bring the weights back into a network of another, compare the outputs.

    The floor in fp32 is what fp32 itself does to the original network's outputs, against fp64.
    """
    edgekit.export(spec, folder / "bundle", seed=0, precision=precision)
    file = folder / "weights.safetensors"
    result = edgekit.weights(folder / "bundle", spec, file, seed=1)
    assert result.worst is not None and result.worst.passed
    assert result.layers_compared == result.layers
    original, fresh = registry.build(spec, 0), registry.build(spec, 1)
    inputs = [torch.from_numpy(value) for value in inputs_of(folder / "bundle")]
    with torch.no_grad():
        wanted, before = as_tuple(original(*inputs)), as_tuple(fresh(*inputs))
        fresh.load_state_dict(safetensors.torch.load_file(file))
        found = as_tuple(fresh(*inputs))
        exact = as_tuple(original.double()(*(value.double() for value in inputs)))
    for mine, theirs, other, true in zip(found, wanted, before, exact, strict=True):
        scale = torch.max(torch.abs(theirs))
        floor = FLOORS * torch.max(torch.abs(theirs - true)) + ULPS * torch.finfo().eps * scale
        allowed = floor if precision == "fp32" else HALF_ERROR * torch.std(theirs)
        assert torch.max(torch.abs(mine - theirs)) <= allowed
        assert torch.max(torch.abs(other - theirs)) > 10 * allowed


def inputs_of(bundle: Path) -> list[np.ndarray]:
    """Return inputs within the ranges of the model's, in order."""
    rng = np.random.default_rng(7)
    specs = open_bundle(bundle).manifest.inputs
    return [rng.uniform(*(spec.value_range or (-1, 1)), spec.shape).astype(np.float32) for spec in specs]


def as_tuple(outputs: torch.Tensor | tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return (outputs,) if isinstance(outputs, torch.Tensor) else tuple(outputs)


def test_the_whole_zoo_is_tried() -> None:
    assert {spec.partition(":")[0] for spec in (*FAST, *SLOW)} == set(registry.names())


@pytest.mark.parametrize("spec", FAST)
def test_round_trip(spec: str, tmp_path: Path) -> None:
    zoo_round_trip(spec, tmp_path, "fp32")


@pytest.mark.slow
@pytest.mark.parametrize("spec", SLOW)
def test_round_trip_of_the_whole_zoo(spec: str, tmp_path: Path) -> None:
    zoo_round_trip(spec, tmp_path, "fp32")


@pytest.mark.slow
@pytest.mark.parametrize("spec", HALF)
def test_round_trip_in_half_precision(spec: str, tmp_path: Path) -> None:
    zoo_round_trip(spec, tmp_path, "fp16")
