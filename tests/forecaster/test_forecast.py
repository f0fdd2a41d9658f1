"""What is forecast on this host happens on the emulated core: the same layers, the same errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import edgekit
from benchmarks.half_forecast import Row, observe
from edgekit.alignment import store
from edgekit.bundle import open_bundle
from edgekit.cli.main import main
from edgekit.devices import QemuDevice
from edgekit.forecaster import Forecast, Kernel, Risk, State, forecast
from edgekit.formats import ncnn
from edgekit.verifier import Artefact, VerifyReport
from edgekit.verifier.verify import judge_artefact
from tests.repairer import nets
from tests.repairer.nets import Exported

AT_RISK = {
    "in_the_middle": ["middle", "back"],
    "attention": ["", ""],
    "large_gates": ["gru"],
    "large_sums": ["stem", "norm"],
    "bare_softmax": ["", "", ""],
    "two_branches": ["left", "left_back", "right"],
    "odd_depthwise": [],  # ncnn's kernel is wrong there, the arithmetic is not
    "inside_winograd": ["middle"],
    "large_window": [""],
    "large_cell": ["lstm"],
    "vanishing": [""],
    "heads": ["attention"],
    "scaled_late": [""],
    "honest": [],
    "stem": [],
    "quiet_sums": [],
}


@pytest.mark.parametrize("name", sorted(AT_RISK))
def test_the_layers_at_risk_are_named(name: str, exported: Exported) -> None:
    found = forecast(exported(name), "fp16")
    assert [layer.source.module if layer.source else None for layer in found.at_risk] == AT_RISK[name]
    assert found.holds == (not AT_RISK[name])
    assert not found.untold


@pytest.mark.parametrize("name", sorted(AT_RISK))
def test_bf16_has_the_range_for_all_of_them(name: str, exported: Exported) -> None:
    assert all(layer.alone is State.FINITE for layer in forecast(exported(name), "bf16").layers)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("in_the_middle", "what it writes (2.86e+05)"),
        ("large_gates", "a sum inside it"),
        ("inside_winograd", "a sum inside it"),
        ("two_branches", "a weight ("),
        ("large_window", "a sum inside it"),
        ("large_cell", "a weight ("),
        ("vanishing", "what it reads ("),
        ("heads", "a sum inside it"),
        ("scaled_late", "a sum inside it"),
    ],
)
def test_the_forecast_says_where_the_range_is_left(name: str, where: str, exported: Exported) -> None:
    first = forecast(exported(name), "fp16").at_risk[0]
    assert first.where is not None and first.where.startswith(where)


def test_what_stays_in_float32_is_told_from_what_is_only_stored(exported: Exported) -> None:
    kernels = {layer.type: layer.kernel for layer in forecast(exported("bare_softmax"), "fp16").layers}
    assert kernels["Reduction"] is Kernel.WIDE
    assert kernels["Split"] is Kernel.MOVED
    assert kernels["Convolution"] is kernels["UnaryOp"] is Kernel.HALF
    norm = {layer.type: layer.kernel for layer in forecast(exported("large_sums"), "fp16").layers}
    assert norm["GroupNorm"] is Kernel.STORED
    stored = forecast(exported("large_sums"), "bf16").layers
    assert all(layer.kernel is not Kernel.HALF for layer in stored)


def judged(bundle: Path) -> VerifyReport:
    """What `verify` finds on the emulated core, without looking for the causes."""
    opened = open_bundle(bundle)
    graph = ncnn.read(opened.param, opened.bin)
    alignment, samples, _ = store.read(bundle)
    artefact = Artefact(graph, opened.param, opened.bin, QemuDevice("cortex-a76"), "fp16")
    return judge_artefact(bundle.name, artefact, alignment, samples, {})


def by_name(found: Forecast, report: VerifyReport) -> None:
    """What is forecast to be lost in the whole run is lost there, and nothing else is."""
    lost = {layer.name for layer in found.broken}
    seen = {layer.name for layer in report.layers if layer.propagated is None}
    assert lost == seen


@pytest.mark.slow
@pytest.mark.usefixtures("qemu")
@pytest.mark.parametrize("name", sorted(nets.BROKEN))
def test_the_emulated_core_does_what_was_forecast(name: str, exported: Exported) -> None:
    rows = observe(name, exported(name), QemuDevice("cortex-a76"), "fp16")
    check(rows)
    report = judged(exported(name))
    by_name(forecast(exported(name), "fp16"), report)
    if name != "odd_depthwise":  # a kernel's own fault: seen, not forecast
        assert list(report.culprits) == [layer.name for layer in forecast(exported(name), "fp16").at_risk]


@pytest.mark.usefixtures("qemu")
@pytest.mark.parametrize(
    ("name", "precision"), [("quiet_sums", "fp16"), ("stem", "fp16"), ("inside_winograd", "bf16")]
)
def test_errors_are_forecast_within_a_factor_of_4(name: str, precision: str, exported: Exported) -> None:
    check(observe(name, exported(name), QemuDevice("cortex-a76"), precision))


def check(rows: list[Row]) -> None:
    counted = [row for row in rows if row.kernel != Kernel.WIDE and not row.fault]
    assert counted
    assert not [row for row in counted if row.missed]
    assert not [row for row in counted if not row.told]


def test_the_command_forecasts_and_fails(exported: Exported, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = str(exported("in_the_middle"))
    assert main(["verify", bundle, "--forecast", "fp16", "--forecast", "bf16"]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("FAIL in fp16 on an ARM core, forecast here: 2 of 5 layers will be wrong: ")
    assert "PASS in fp32, run here: all 5 layers" in text
    assert "from middle, aten.relu" in text and "nets.py:" in text
    assert f"to do: edgekit verify {bundle} --repair fp16 -o NEW_BUNDLE" in text
    assert "PASS in bf16 on an ARM core, forecast here: all 5 layers stay within rounding" in text


def test_json_and_page_have_a_column_per_precision(exported: Exported, tmp_path: Path) -> None:
    import json

    files = ["--json", str(tmp_path / "a.json"), "--html", str(tmp_path / "a.html")]
    assert main(["verify", str(exported("honest")), "--forecast", "fp16", "--forecast", "bf16", *files]) == 0
    told = json.loads((tmp_path / "a.json").read_text())["forecast"]
    assert list(told) == ["fp16", "bf16"]
    assert told["fp16"]["holds"] and len(told["fp16"]["layers"]) == 3
    assert all(0 < layer["error"] < layer["floor"] for layer in told["fp16"]["layers"])
    page = (tmp_path / "a.html").read_text()
    assert "forecast fp16" in page and "forecast bf16" in page


def test_a_param_of_other_make_has_no_captures_to_forecast_from(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(exported("honest") / "model.ncnn.param"), "--forecast", "fp16"]) == 2
    assert "--forecast needs a bundle" in capsys.readouterr().err


def test_small_numbers_become_zero(tmp_path: Path) -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False)).eval()
    with torch.no_grad():
        net[2].weight.mul_(1e-8)
    edgekit.export(net, tmp_path / "b", inputs={"input": (1, 3, 8, 8)})
    last = forecast(tmp_path / "b", "fp16").layers[-1]
    assert last.risk is Risk.UNDERFLOW and last.lost > 0.5
    assert np.isfinite(last.error or 0.0)
