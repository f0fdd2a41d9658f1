"""The HTML page as text: self-contained, nothing unescaped, its data whole."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgekit.report.markup import Markup, embedded_json, joined, tag
from edgekit.report.verify.html import verify_html
from edgekit.runtimes.trace import Source
from edgekit.verifier import Status, VerifyReport
from tests.report.hostile import HOSTILE, hostile


class Page(HTMLParser):
    """Tags, text by tag, and the attributes of every element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._script = tag == "script"
        if self._script:
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self._script:
            self.scripts[-1] += data

    def handle_endtag(self, tag: str) -> None:
        self._script = False


def data_of(text: str) -> dict[str, list[dict[str, object]]]:
    page = Page(text)
    attributes = [attributes for tag, attributes in page.elements if tag == "script"]
    (number,) = (number for number, each in enumerate(attributes) if each.get("id") == "data")
    found: dict[str, list[dict[str, object]]] = json.loads(page.scripts[number])
    return found


def test_the_page_needs_nothing_else(failing: VerifyReport) -> None:
    text = verify_html(failing)
    page = Page(text)
    for name, attributes in page.elements:
        assert "src" not in attributes, name
        assert "href" not in attributes, name
        assert name not in ("link", "iframe", "object", "base")
    assert set(re.findall(r"https?://[^\"'\s]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert "url(#hatch)" in text
    assert "@import" not in text
    policies = [each for name, each in page.elements if each.get("http-equiv") == "Content-Security-Policy"]
    assert policies[0]["content"].startswith("default-src 'none'")


def test_names_stay_text(failing: VerifyReport) -> None:
    text = verify_html(hostile(failing))
    page = Page(text)
    plain = Page(verify_html(failing))
    assert not [name for name, _ in page.elements if name == "img"]
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("onerror")]
    assert len(page.scripts) == len(plain.scripts) == 2
    assert page.scripts[1] == plain.scripts[1], "the page's own code holds no name"
    layers = data_of(text)["layers"]
    assert all(str(layer["name"]).endswith(HOSTILE) for layer in layers)


def test_the_data_hold_every_layer(failing: VerifyReport) -> None:
    layers = data_of(verify_html(failing))["layers"]
    assert [layer["name"] for layer in layers] == [layer.name for layer in failing.layers]
    (guilty,) = (layer for layer in layers if layer["failed"])
    assert guilty["name"] == failing.culprits[0]
    assert "times what rounding explains" in str(guilty["text"])
    assert guilty["before"] == [int(str(guilty["before"]).strip("[]"))]
    histogram = guilty["histogram"]
    assert isinstance(histogram, dict)
    assert sum(histogram["reference"]) == sum(histogram["actual"]) > 0


def test_the_verdict_stands_before_everything_else(failing: VerifyReport, passing: VerifyReport) -> None:
    for report, word in ((failing, "FAIL"), (passing, "PASS")):
        text = verify_html(report)
        body = text[text.index("<body>") :]
        assert body.index(word) < body.index("<svg")
        title = f"<title>{'FAIL' if word == 'FAIL' else 'pass'}: {report.target}: "
        assert title in text
    assert failing.culprits[0] in verify_html(failing).split("<svg")[0]


def test_the_ladder_has_its_place(passing: VerifyReport) -> None:
    rungs = [
        {"rung": "torch", "status": "pass", "max_abs": 0.0, "note": None},
        {"rung": "ncnn fp16", "status": "fail", "max_abs": 0.25, "note": "the first that breaks"},
    ]
    assert 'class="ladder"' not in verify_html(passing)
    extra = {"ladder": rungs, "ladder_sentence": "the first stage that breaks is ncnn fp16"}
    text = verify_html(replace(passing, extra=extra))
    assert "<p>The first stage that breaks is ncnn fp16.</p>" in text
    assert text.count('<li class="rung') == 2
    assert '<li class="rung fail"><b>ncnn fp16</b>' in text


def test_a_report_of_nothing_is_still_a_page(passing: VerifyReport) -> None:
    empty = replace(passing, layers=(), outputs=(), samples=(), verdict=Status.FAIL, warnings=("nothing",))
    assert data_of(verify_html(empty))["layers"] == []


def test_paths_are_relative_to_the_given_folder(failing: VerifyReport, tmp_path: Path) -> None:
    source = Source("a", "b", str(tmp_path / "net.py"), 7)
    layers = tuple(replace(layer, source=source) for layer in failing.layers)
    text = verify_html(replace(failing, layers=layers, target="net"), tmp_path)
    assert "net.py:7" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize("value", ["<", "</script>", "<!--", "&amp;", "\u2028", '"', {"a": [1.5, None]}])
def test_embedded_json_survives(value: object) -> None:
    markup = embedded_json("x", {"value": value})
    inner = markup.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
    assert "<" not in inner
    assert json.loads(inner) == {"value": value}


def test_markup_escapes_what_is_not_markup() -> None:
    assert tag("b", "<i>", Markup("<i>"), None, class_='a"b', data_x=1.5, hidden=True, title=None) == (
        '<b class="a&quot;b" data-x="1.5" hidden>&lt;i&gt;<i></b>'
    )
    assert tag("input", id="x") == '<input id="x">'
    assert joined(["<", Markup("<")]) == "&lt;<"
