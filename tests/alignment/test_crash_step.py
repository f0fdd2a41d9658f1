"""The step that a dying worker leaves behind is one that the aligner can read."""

import inspect
import re

from edgekit.alignment.observe import _STEP


def test_the_workers_words_are_understood() -> None:
    from pathlib import Path

    import edgekit.worker

    text = (Path(inspect.getfile(edgekit.worker)).parent / "run.py").read_text()
    (words,) = re.findall(r'progress\.begin\(f"(layer .*?)"\)', text)
    step = words.replace("{layers.get(blob, '')}", "gemm_2").replace("{blob}", "32")
    step = step.replace("{case['id']}", "103.0")
    match = _STEP.fullmatch(step)
    assert match is not None
    assert (match["blob"], match["case"]) == ("32", "103.0")
    assert _STEP.fullmatch("blob 32 of case 103.0") is not None
