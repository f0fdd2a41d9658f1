"""What was put into an app's assets, as text."""

from __future__ import annotations

from edgekit.packager import Packed
from edgekit.packager.model import ROOMY_BYTES
from edgekit.report.table import text_table
from edgekit.units import format_bytes

_GIVEN = {"image": "a photograph", "spectrum": "sound", None: "its reference inputs"}


def android_text(packed: Packed) -> str:
    """Return the bundles with their sizes, and what to mind."""
    rows = [
        [bundle.name, bundle.model, str(bundle.layers), format_bytes(bundle.bytes), _GIVEN[bundle.media]]
        for bundle in packed.bundles
    ]
    lines = [
        *text_table(("bundle", "model", "layers", "size", "runs on"), rows, left=(0, 1, 4), indent=""),
        "",
    ]
    lines.append(f"{packed.folder}: {format_bytes(packed.bytes)} of assets")
    for bundle in packed.bundles:
        lines += [f"warning: {bundle.name}: {warning}" for warning in bundle.warnings]
    if packed.bytes > ROOMY_BYTES:
        lines.append(
            "warning: that is a lot for one app; most of it are references: pack fewer bundles at a time"
        )
    return "\n".join(lines) + "\n"
