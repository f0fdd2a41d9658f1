"""`edgekit doctor` as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edgekit.toolchain.environment import Ability, Environment

_MARKS = {True: "ok", False: "--"}


def environment_text(environment: Environment) -> str:
    """Return jobs, devices and packages as aligned lines, each missing thing with its remedy below it."""
    versions = [f"{package.name} {package.version or '(missing)'}" for package in environment.packages]
    lines = [
        f"edgekit {environment.edgekit}, Python {environment.python}, {environment.system}",
        "",
        *_section("jobs", environment.jobs),
        *_section("devices", environment.devices),
        "packages",
        textwrap.fill(", ".join(versions), 100, initial_indent="  ", subsequent_indent="  "),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, abilities: Sequence[Ability]) -> list[str]:
    width = max(len(ability.name) for ability in abilities)
    lines = [title]
    shown_remedy = None
    for ability in abilities:
        lines.append(f"  {_MARKS[ability.usable]}  {ability.name:<{width}}  {ability.detail}")
        if ability.remedy and ability.remedy != shown_remedy:
            lines.append(f"      {'':<{width}}  -> {ability.remedy}")
        shown_remedy = ability.remedy
    return [*lines, ""]
