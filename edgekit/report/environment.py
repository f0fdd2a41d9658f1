"""`edgekit doctor` as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edgekit.devices import DeviceInfo
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


def devices_text(devices: Sequence[Ability]) -> str:
    """Return the devices section alone."""
    return "\n".join(_section("devices", devices)).rstrip() + "\n"


def device_text(name: str, info: DeviceInfo) -> str:
    """Return what a device says of itself."""
    features = [feature for feature, present in info.features.items() if present]
    foreign = (
        "arm_" if info.arch.startswith(("x86", "i686")) else "x86_"
    )  # what another CPU's would be called
    lacking = [
        feature
        for feature, present in info.features.items()
        if not present and not feature.startswith(foreign)
    ]
    lines = [
        f"{name}: {info.arch}, {info.cpu}, {info.cores} cores",
        f"  system     {info.system}",
        f"  ncnn       {info.ncnn}",
        f"  dispatch   {', '.join(features) or 'no extensions'}",
        f"  without    {', '.join(lacking)}" if lacking else "",
        "  emulated: results are exact, times mean nothing and are never shown" if info.emulated else "",
    ]
    return "\n".join(line for line in lines if line) + "\n"


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
