"""Write the repaired bundle: the masked files, what was known of the model, and an honest manifest."""

from __future__ import annotations

import difflib
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgekit.alignment import store
from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import BIN_FILE, LOG_FILE, MANIFEST_FILE, PARAM_FILE, Bundle, file_sha256
from edgekit.formats import ncnn
from edgekit.formats.ncnn.param import dump_param
from edgekit.graph import Graph
from edgekit.repairer.model import Repair
from edgekit.schema import to_json, write_json
from edgekit.staging import staged_folder


def write_bundle(
    target: str | os.PathLike[str],
    source: Bundle,
    graph: Graph,
    known: tuple[Alignment, Sequence[Sample], str],
    repair: Repair,
) -> Path:
    """Write the bundle whole or not at all; `known` is alignment, samples and the trace's fingerprint.

    Raises:
        UserError: the place cannot be written, or holds something that is not a bundle.
    """
    with staged_folder(target, MANIFEST_FILE) as folder:
        ncnn.write(graph, folder / PARAM_FILE, folder / BIN_FILE)
        store.write(folder, known[0], known[1], known[2])
        if (source.path / LOG_FILE).is_file():
            shutil.copyfile(source.path / LOG_FILE, folder / LOG_FILE)
        repaired = {
            "from": {name: source.manifest.files.get(name) for name in (PARAM_FILE, BIN_FILE)},
            "for": repair.precision,
            "kept": [{"layer": each.name, "type": each.type, "mask": int(each.keep)} for each in repair.kept],
            "rescaled": [
                {"layer": each.name, "exponent": -each.exponent, "then": each.consumers}
                for each in repair.rescaled
            ],
        }
        manifest = replace(
            source.manifest,
            files={path.name: file_sha256(path) for path in sorted(folder.iterdir())},
            extra={**source.manifest.extra, "repaired": to_json(repaired)},
        )
        write_json(manifest.to_json(), folder / MANIFEST_FILE)
    return Path(target)


def param_diff(before: Graph, after: Graph) -> tuple[str, ...]:
    """Return the changed lines of the `.param`, each with - or + before it, without context."""
    old, new = dump_param(before), dump_param(after)
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), "before", "after", lineterm="", n=0)
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))
