"""The benchmark of the app: its document is one that `edgekit bench --import` reads, grades and renders."""

import json
import sys
from pathlib import Path

import pytest

from edgekit.bencher import load_report
from edgekit.cli.main import main
from edgekit.devices.exchange import WORKER_FOLDER
from tests.android.toolbox import Jvm, need_java

pytestmark = [need_java, pytest.mark.slow]
PYTHON = [sys.executable, str(WORKER_FOLDER)]


def test_the_document_is_imported_graded_and_shown(
    jvm: Jvm, assets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Java's statistics are those of the samples, or the import would refuse the file."""
    document = jvm.run("jni", "bench", assets, "picture", "fp32", "2,1", "")
    path = tmp_path / "bench-picture.json"
    path.write_text(json.dumps(document))
    report = load_report(path)
    assert [result.threads for result in report.results] == [2, 1]
    for result in report.results:
        assert result.latency is not None and len(result.latency.rounds) == 3
        assert result.validity.grade in "ABCD"
        assert result.memory is not None and result.memory.blob_peak_bytes > 0
        assert result.input_values == "reference"
        low, high = document["results"][report.results.index(result)]["latency_s"]["ci95"]
        assert low <= result.latency.median_s <= high
    assert report.device.kind == "android"
    assert report.device.system.startswith("Test phone, Android 0, Linux")

    page, again = tmp_path / "page.html", tmp_path / "again.json"
    argv = ["bench", "--import", str(path), "--html", str(page), "--json", str(again)]
    assert main([*argv, "--against", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "picture" in shown and "nothing got slower" in shown and "android" in shown
    assert load_report(again).results == report.results


def test_the_model_is_known_again(jvm: Jvm, assets: Path, bundles: Path) -> None:
    """Its digest is that of `edgekit bench`, so that reports of both are known to be of one net."""
    from edgekit.bencher.targets import resolve

    document = jvm.run(PYTHON, "bench", assets, "picture", "fp32", "1", "all", "emulated")
    (result,) = document["results"]
    assert result["model_sha256"] == resolve(str(bundles / "picture"), {}).sha256()


def test_an_emulator_has_no_times(jvm: Jvm, assets: Path, tmp_path: Path) -> None:
    document = jvm.run(PYTHON, "bench", assets, "picture", "fp32", "1", "all", "emulated")
    (result,) = document["results"]
    assert [result[key] for key in ("latency_s", "load_s", "first_s", "cpu_s")] == [None] * 4
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(document))
    (imported,) = load_report(path).results
    assert imported.latency is None
    assert "emulated-memory" in {caveat.code for caveat in imported.validity.warnings}


@pytest.mark.parametrize(
    ("cluster", "said"),
    [("large", "names no CPUs"), ("0-", "names no CPUs"), ("4000", "4000")],
)
def test_cpus_that_do_not_exist(jvm: Jvm, assets: Path, cluster: str, said: str) -> None:
    assert said in jvm.run("jni", "bench", assets, "picture", "fp32", "1", cluster)["message"]
