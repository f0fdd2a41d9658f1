"""Whatever goes wrong below Java becomes a Java exception with words for a person."""

import json
import shutil
from pathlib import Path

import pytest

from tests.android.toolbox import Jvm, need_java

pytestmark = [need_java, pytest.mark.slow]


@pytest.fixture
def spoilt(assets: Path, tmp_path: Path) -> Path:
    """A copy of the assets, to be spoilt."""
    copy = tmp_path / "assets"
    shutil.copytree(assets, copy)
    return copy


def test_no_place_for_the_result_is_an_io_exception(jvm: Jvm, tmp_path: Path) -> None:
    answer = jvm.run("jni", "serve", tmp_path, tmp_path / "nowhere")
    assert answer["exception"] == "java.io.IOException"
    assert "nowhere" in answer["message"]


def test_a_null_path_is_an_illegal_argument(jvm: Jvm) -> None:
    answer = jvm.run("jni", "null")
    assert answer == {"exception": "java.lang.IllegalArgumentException", "message": "a path is null"}


def test_the_version_is_that_of_ncnn(jvm: Jvm) -> None:
    from edgekit.devices.setup import ncnn_source

    assert jvm.run("jni", "version")["ncnn"].endswith(ncnn_source.VERSION.rpartition(".")[2])


def test_a_path_that_is_no_ascii_arrives(jvm: Jvm, tmp_path: Path) -> None:
    """JNI's own encoding of \U0001f4f1 is not that of a file system."""
    folder = tmp_path / "zelená \U0001f4f1"
    folder.mkdir()
    (folder / "message.json").write_text("{")
    assert jvm.run("jni", "serve", folder, folder) == {}
    assert "error" in json.loads((folder / "message.json").read_text())
    answer = jvm.run("jni", "serve", folder, folder / "ničeho")
    assert answer["exception"] == "java.io.IOException"
    assert "\U0001f4f1/ničeho" in answer["message"]


def test_what_ncnn_refuses_is_said_with_the_step(jvm: Jvm, spoilt: Path) -> None:
    param = spoilt / "picture" / "model.ncnn.param"
    param.write_text(param.read_text().replace("Convolution", "Convalution", 1))
    answer = jvm.run("jni", "verify", spoilt, "picture", "fp32", 1)
    assert answer["exception"] == "org.edgekit.worker.WorkerException"
    assert answer["step"] == "loading the net"
    assert answer["crashed"] is False
    assert "load_param" in answer["message"]


def test_a_process_that_dies_is_an_exception_with_the_step(jvm: Jvm, spoilt: Path, tmp_path: Path) -> None:
    script = tmp_path / "dies"
    script.write_text('#!/bin/sh\nprintf "layer \'conv_7\'" > "$2/progress"; kill -SEGV $$\n')
    script.chmod(0o755)
    answer = jvm.run([str(script)], "verify", spoilt, "picture", "fp32", 1)
    assert answer["exception"] == "org.edgekit.worker.WorkerException"
    assert answer["crashed"] is True
    assert answer["message"] == "ncnn died (layer 'conv_7')"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("selftest.json", "{", "selftest.json is damaged"),
        ("selftest.json", '{"schema": "edgekit.selftest/2"}', "is of schema edgekit.selftest/2"),
        ("selftest/message.json", '{"protocol": 2}', "worker protocol 2, expected 1"),
        ("selftest/tensors.bin", "", "lies outside tensors.bin"),
    ],
)
def test_damaged_files_are_io_exceptions(jvm: Jvm, spoilt: Path, file: str, text: str, said: str) -> None:
    (spoilt / "picture" / file).write_text(text)
    answer = jvm.run("jni", "verify", spoilt, "picture", "fp32", 1)
    assert answer["exception"] == "java.io.IOException"
    assert said in answer["message"]


def test_a_name_that_is_not_in_the_index(jvm: Jvm, assets: Path) -> None:
    answer = jvm.run("jni", "verify", assets, "pictur", "fp32", 1)
    assert answer["message"] == "no bundle 'pictur' in this app; it has [picture, sound, broken, faint]"
