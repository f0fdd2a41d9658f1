"""What `adb shell am start` may ask for, and what is said of a mistake."""

from pathlib import Path

import pytest

from tests.android.toolbox import Jvm, need_java

pytestmark = need_java


def test_a_whole_command(plain_jvm: Jvm) -> None:
    given = ["command=bench", "bundle=net", "threads=1,4,1", "cluster=big", "mode=certified"]
    assert plain_jvm.run("none", "command", *given) == {
        "name": "bench",
        "threads": [1, 4],
        "mode": "certified",
        "file": "bench-net.json",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["command=test", "bundle=net"], "'test' is no command: verify or bench"),
        (["command=verify"], "no bundle is named: --es bundle NAME"),
        (["command=bench", "bundle=net", "threads=0"], "0 threads: from 1 to 64"),
        (["command=bench", "bundle=net", "threads=one"], "'one' is no list of threads as in 1,2,4"),
        (["command=bench", "bundle=net", "cluster=gold"], "'gold' names no CPUs"),
        (["command=bench", "bundle=net", "mode=long"], "'long' is no mode: quick or certified"),
        (["command=bench", "bundle=net", "treads=2"], "'treads' is not one of"),
    ],
)
def test_a_mistake_is_said(plain_jvm: Jvm, given: list[str], said: str) -> None:
    answer = plain_jvm.run("none", "command", *given)
    assert answer["exception"] == "java.lang.IllegalArgumentException"
    assert answer["message"].startswith(said)


@pytest.mark.parametrize(("longest_s", "stuck"), [(0, True), (600, False)])
def test_a_worker_that_does_not_get_on_is_told_with_its_step(
    plain_jvm: Jvm, tmp_path: Path, longest_s: int, stuck: bool
) -> None:
    (tmp_path / "progress").write_text("layer 'conv_1', blob 3")
    answer = plain_jvm.run("none", "watch", tmp_path, longest_s)
    assert answer["stuck"] is stuck
    assert answer["why"] == f"ncnn has been at one step for {longest_s} s (layer 'conv_1', blob 3)"
    empty = plain_jvm.run("none", "watch", tmp_path / "nowhere", longest_s)
    assert empty["why"].endswith("(start-up)")
