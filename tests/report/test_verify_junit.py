"""JUnit XML: what a continuous integration server sees."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from edgekit.report.verify.junit import verify_junit
from edgekit.verifier import Status, VerifyReport


def suite_of(report: VerifyReport, folder: Path | None = None) -> ElementTree.Element:
    root = ElementTree.fromstring(verify_junit(report, folder).encode())
    assert root.tag == "testsuites"
    (suite,) = root
    return suite


def test_every_layer_and_output_is_a_case(passing: VerifyReport) -> None:
    suite = suite_of(passing)
    cases = suite.findall("testcase")
    assert len(cases) == len(passing.layers) + len(passing.outputs) + 1
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)
    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": str(len(cases)),
        "failures": "0",
        "errors": "0",
        "skipped": "0",
    }


def test_failures_carry_place_and_message(failing: VerifyReport) -> None:
    suite = suite_of(failing, Path(__file__).parent)
    failed = [case for case in suite.findall("testcase") if case.find("failure") is not None]
    assert [case.get("classname", "").rpartition(".")[2] for case in failed] == [
        "layers",
        "outputs",
        "outputs",
        "verdict",
    ]
    assert suite.get("failures") == "4"
    assert failed[0].get("file", "").endswith("conftest.py")
    assert failed[0].get("line", "").isdigit()
    failure = failed[0].find("failure")
    assert failure is not None
    assert "times what rounding explains" in failure.get("message", "")
    assert "In the whole run out0 is off by" in (failure.text or "")


def test_layers_without_a_counterpart_are_skipped_with_the_reason(passing: VerifyReport) -> None:
    first, *others = passing.layers
    layers = (replace(first, status=Status.UNMATCHED, reason="because <it> is & so"), *others)
    (skipped,) = suite_of(replace(passing, layers=layers)).iter("skipped")
    assert skipped.get("message") == "because <it> is & so"


def test_a_failed_verdict_without_a_failed_layer_is_not_green(passing: VerifyReport) -> None:
    report = replace(passing, verdict=Status.FAIL, warnings=("no layer could be compared",))
    assert suite_of(report).get("failures") == "1"


def test_names_that_xml_cannot_hold(passing: VerifyReport) -> None:
    nasty = 'a<b>&"\x00\x1b\ud800\N{SNOWMAN}'
    layers = tuple(replace(layer, name=nasty) for layer in passing.layers)
    case = suite_of(replace(passing, layers=layers, target=nasty)).findall("testcase")[1]
    assert case.get("name", "").startswith('1 a<b>&"\N{REPLACEMENT CHARACTER}')
    assert "\N{SNOWMAN}" in case.get("name", "")
