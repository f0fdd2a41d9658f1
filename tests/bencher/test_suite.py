"""Suites become nets with the work that the papers give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekit.bencher.networks import scaled
from edgekit.bencher.suite import load_suite
from edgekit.bencher.targets import Target
from edgekit.errors import FormatError, UserError

SUITES = Path(__file__).parents[2] / "benchmarks" / "suites"
HEAD = 'schema = "edgekit.suite/1"\n'


def _load(text: str, folder: Path) -> tuple[Target, ...]:
    path = folder / "suite.toml"
    path.write_text(HEAD + text)
    return load_suite(path, folder)


@pytest.mark.parametrize("name", ["blocks", "multipliers"])
def test_committed_suites_load(name: str, tmp_path: Path) -> None:
    targets = load_suite(SUITES / f"{name}.toml", tmp_path)
    names = [target.name for target in targets]
    assert len(set(names)) == len(names) > 20
    assert all(target.bin is None and target.param.is_file() for target in targets)
    assert all(target.facts["macs"] > 0 for target in targets)
    baselines = [target.facts["baseline"] for target in targets if target.facts["baseline"]]
    assert set(baselines) <= set(names)


@pytest.mark.parametrize(
    ("name", "macs", "parameters"),
    [  # in millions, as the papers give them (convolutions and the last linear layer)
        ("mobilenet_v1 width 1.0 resolution 224", 569, 4.2),
        ("mobilenet_v1 width 0.5 resolution 224", 149, 1.3),
        ("mobilenet_v1 width 1.0 resolution 160", 290, 4.2),
        ("mobilenet_v2 width 1.0 resolution 224", 300, 3.4),
        ("mobilenet_v2 width 0.5 resolution 224", 97, 1.95),
    ],
)
def test_networks_are_those_of_the_papers(name: str, macs: float, parameters: float, tmp_path: Path) -> None:
    targets = {target.name: target for target in load_suite(SUITES / "multipliers.toml", tmp_path)}
    facts = targets[name].facts
    assert facts["macs"] / 1e6 == pytest.approx(macs, rel=0.02)
    assert facts["parameters"] / 1e6 == pytest.approx(parameters, rel=0.04)


def test_theory_of_separable_is_one_over_n_plus_one_over_k_squared(tmp_path: Path) -> None:
    targets = _load(
        '[[rows]]\nblock = "separable"\nbaseline = { block = "standard" }\nplanes = [[64, 14]]\nkernel = 5\n',
        tmp_path,
    )
    standard, separable = targets
    assert separable.facts["baseline"] == standard.name
    assert separable.facts["macs"] / standard.facts["macs"] == pytest.approx(1 / 64 + 1 / 25)


def test_lists_are_varied_and_equal_rows_are_one(tmp_path: Path) -> None:
    targets = _load(
        '[[rows]]\nblock = "depthwise"\nchannels = [8, 16]\nsize = 7\nkernel = [3, 5]\n'
        '[[rows]]\nblock = "depthwise"\nchannels = 8\nsize = 7\nkernel = 3\n',
        tmp_path,
    )
    assert [target.name for target in targets] == [
        "depthwise 8x7x7 kernel 3",
        "depthwise 8x7x7 kernel 5",
        "depthwise 16x7x7 kernel 3",
        "depthwise 16x7x7 kernel 5",
    ]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("rows = []", FormatError, "no rows"),
        ("[[rows]]\nchannels = 3", UserError, "a block or a network"),
        ('[[rows]]\nblock = "depthwize"', UserError, "row 1 .* no block 'depthwize'"),
        ('[[rows]]\nblock = "depthwise"\nplanes = [3]', UserError, "3 is no plane"),
        ('[[rows]]\nblock = "depthwise"\nkernel = []', UserError, "kernel is an empty list"),
        (
            f'[[rows]]\nblock = "depthwise"\nkernel = [3, 5]\nchannels = {[*range(999)]}',
            UserError,
            "1,998 nets",
        ),
        ('[[rows]]\nblock = "depthwise"\nbaseline = "standard"', UserError, "a baseline is a table"),
        ('[[rows]]\nnetwork = "resnet"', UserError, "no network 'resnet'"),
        ("[[rows", FormatError, "not TOML"),
    ],
)
def test_a_mistake_is_named(text: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        _load(text, tmp_path)


def test_the_suite_of_the_readme_loads(tmp_path: Path) -> None:
    text = (SUITES.parent / "README.md").read_text()
    path = tmp_path / "readme.toml"
    path.write_text(text.split("```toml\n")[1].split("```")[0])
    targets = load_suite(path, tmp_path)
    assert [target.facts["settings"]["kernel"] for target in targets] == [3, 5, 3, 5]


def test_a_file_without_schema_is_no_suite(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text("[tool]\n")
    with pytest.raises(FormatError, match="no suite"):
        load_suite(path, tmp_path)


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [(32, 1.0, 32), (32, 0.35, 16), (24, 0.5, 16), (1280, 1.4, 1792), (16, 0.25, 8)],
)
def test_widths_round_like_the_authors(channels: int, width: float, expected: int) -> None:
    assert scaled(channels, width, 8) == expected
