"""The step that a dying worker leaves behind can be read, and the rest is still asked."""

import inspect
import re

from edgekit.runtimes.survivors import crash_site


def test_the_workers_words_are_understood() -> None:
    from pathlib import Path

    import edgekit.worker

    text = (Path(inspect.getfile(edgekit.worker)).parent / "run.py").read_text()
    (words,) = re.findall(r'progress\.begin\(f"(layer .*?)"\)', text)
    step = words.replace("{layers.get(blob, '')}", "gemm_2").replace("{blob}", "32")
    step = step.replace("{case['id']}", "103.0")
    assert crash_site(step) == ("32", "103.0")
    assert crash_site("blob 32 of case 103.0") == ("32", "103.0")
    assert crash_site("loading the net") == ("", "")
