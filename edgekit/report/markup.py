"""HTML and SVG as text in which everything is escaped unless it says that it is markup already."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from importlib import resources

from edgekit import schema

Attribute = str | int | float | bool | None

_VOID = frozenset(("br", "input", "link", "meta"))


class Markup(str):
    """Text that is markup already and is not escaped again."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: Attribute) -> Markup:
    """Return `<name attributes>children</name>`.

    An attribute `class_` is class, `data_x` is data-x; one that is False or None is left out.
    """
    shown = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{shown}>")
    return Markup(f"<{name}{shown}>{joined(children)}</{name}>")


def joined(children: Iterable[str | None]) -> Markup:
    """Return the children one after the other, plain text among them escaped, None left out."""
    return Markup("".join(_escaped(child) for child in children if child is not None))


def _escaped(text: str) -> str:
    return text if isinstance(text, Markup) else html.escape(text)


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'


def embedded_json(identifier: str, value: object) -> Markup:
    """Return a script element that holds `value` as JSON, in which no `<` can end the element."""
    text = json.dumps(schema.to_json(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{identifier}">{text}</script>')


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def page(title: str, body: Markup, *, styles: Iterable[str], scripts: Iterable[str]) -> str:
    """Return one self-contained document; `styles` and `scripts` name files of `assets`.

    Its content security policy forbids every request to a network.
    """
    style = Markup("".join(_asset(name) for name in styles))
    script = Markup('(() => {\n"use strict";\n' + "".join(_asset(name) for name in scripts) + "})();\n")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("title", title),
        tag("style", style),
    )
    document = tag("html", head, tag("body", body, tag("script", script)), lang="en")
    return f"<!doctype html>\n{document}\n"


def _asset(name: str) -> str:
    return resources.files("edgekit.report").joinpath("assets", name).read_text("utf-8")
