"""From trials to figures: how many faults were named exactly, and what the usual checks make of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

SCHEMA = "edgekit.faults/1"
_ROWS = (
    ("single", "after", "one fault, more than 0.001 of its layer's spread"),
    ("subtle", "after", "one fault, less than that"),
    ("fp16", "after", "one layer's weights rounded to fp16"),
    ("unreached", "after", "a bound or slope that the input never reaches"),
    ("double", "after", "two faults at once"),
    ("single", "before", "one fault, there before alignment"),
    ("subtle", "before", "one fault, less than that, there before alignment"),
    ("fp16", "before", "one layer's weights rounded to fp16, before alignment"),
    ("unreached", "before", "an unreached bound, there before alignment"),
    ("double", "before", "two faults, there before alignment"),
)
_BRIEF = {
    "single": "one of more than 0.001 of its layer's spread",
    "subtle": "one of less",
    "fp16": "one layer's weights rounded to fp16",
    "unreached": "a bound that no value reaches",
    "double": "two at once",
}
_BRIEF_HEADS = (
    "fault",
    "named exactly",
    "in an artefact faulty when first seen",
    "`allclose` passes it",
    "cosine > 0.999 passes it",
)
_HEADS = (
    "fault",
    "trials",
    "named exactly",
    "`allclose` passes it",
    "cosine > 0.999 passes it",
    "first differing layer is right",
)
_UNCOUNTED = ("none", "rounding", "subtle_double")
Entry = Mapping[str, Any]


def summary(entries: Sequence[Entry]) -> dict[str, Any]:
    """Count what the trials gave; misses are kept one by one."""
    faults = [entry for entry in entries if entry.get("what") == "fault"]
    rows = [_row(faults, group, when, title) for group, when, title in _ROWS]
    clean = [entry for entry in entries if entry.get("what") == "clean"]
    return {
        "schema": SCHEMA,
        "models": len({entry["model"] for entry in faults}),
        "kinds": dict(sorted(Counter(site["kind"] for entry in faults for site in entry["faults"]).items())),
        "rows": rows,
        "not_counted": {
            "changes nothing": sum(entry["group"] == "none" for entry in faults),
            "within rounding": sum(entry["group"] == "rounding" for entry in faults),
            "undone by the next layers, before alignment": sum(_is_undone(entry) for entry in faults),
        },
        "clean": {
            "bundles": len(clean),
            "seeds": len({entry["seed"] for entry in clean}),
            "layers": sum(entry["layers"] for entry in clean),
            "alarms": [
                {"model": entry["model"], "seed": entry["seed"], "alarms": entry["alarms"]}
                for entry in clean
                if entry["alarms"]
            ],
        },
        "misses": [
            {
                key: entry[key]
                for key in ("model", "faults", "types", "group", "when", "size", "culprits", "error")
            }
            for entry in faults
            if not entry["exact"] and entry["group"] not in _UNCOUNTED and not _is_undone(entry)
        ],
    }


def _is_undone(entry: Entry) -> bool:
    """Whether an artefact with this fault, seen for the first time, computes what the model computes."""
    return entry["when"] == "before" and entry["group"] in ("single", "double") and bool(entry["absorbed"])


def _row(faults: Sequence[Entry], group: str, when: str, title: str) -> dict[str, Any]:
    mine = [
        entry
        for entry in faults
        if entry["group"] == group and entry["when"] == when and not _is_undone(entry)
    ]
    row: dict[str, Any] = {"group": group, "when": when, "title": title, "trials": len(mine)}
    row["exact"] = sum(entry["exact"] for entry in mine)
    for check in ("allclose", "cosine", "first_differing"):
        told = [entry[check] for entry in mine if entry[check] is not None]
        row[check] = sum(told) if told else None
    return row


def table(results: Mapping[str, Any]) -> str:
    """Return the figures as a table in markdown."""
    lines = [f"| {' | '.join(_HEADS)} |", "| --- |" + " ---: |" * (len(_HEADS) - 1)]
    for row in results["rows"]:
        if row["trials"]:
            cells = [_share(row["exact"], row["trials"])]
            cells += [
                _share(row[check], row["trials"]) for check in ("allclose", "cosine", "first_differing")
            ]
            lines.append(f"| {row['title']} | {row['trials']} | " + " | ".join(cells) + " |")
    clean = results["clean"]
    lines.append("")
    lines.append(
        f"Clean models: {len(clean['alarms'])} false alarms in {clean['bundles']} bundles "
        f"({clean['seeds']} seeds, {clean['layers']:,} layers compared)."
    )
    return "\n".join(lines) + "\n"


def brief(results: Mapping[str, Any]) -> str:
    """Return the main figures as a table in markdown, with the kinds of faults summed up."""
    lines = [
        f"| {' | '.join(_BRIEF_HEADS)} |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    rows = {(row["group"], row["when"]): row for row in results["rows"]}
    for group, title in _BRIEF.items():
        after, before = rows[group, "after"], rows[group, "before"]
        cells = [f"{row['exact']} of {row['trials']}" for row in (after, before)]
        cells += [
            f"{100 * (after[check] or 0) / max(after['trials'], 1):.0f} %" for check in ("allclose", "cosine")
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    clean = results["clean"]
    count = f"{results['models']} models, {clean['seeds']} seeds, {clean['layers']:,} layers"
    lines += ["", f"False alarms on {clean['bundles']:,} clean bundles ({count}): {len(clean['alarms'])}."]
    return "\n".join(lines) + "\n"


def _share(count: int | None, of: int) -> str:
    if count is None:
        return ""
    return f"{count} ({100 * count / of:.0f} %)" if count < of else f"{count} (100 %)"
