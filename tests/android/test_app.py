"""What can be known of the app without an SDK: resources link, every class compiles, nothing is too new."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from edgekit.devices.exchange import WORKER_FOLDER
from tests.android.toolbox import (
    APP,
    FAKES,
    FRAMEWORK,
    JSON_JAR,
    STUBS,
    Jvm,
    java_files,
    javac,
    need_aapt,
    need_java,
)

MAIN = APP / "app" / "src" / "main"
ANDROID = "{http://schemas.android.com/apk/res/android}"
PACKAGE = "org.edgekit.demo"


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with R.java and the APK that aapt2 makes of resources and manifest."""
    folder = tmp_path_factory.mktemp("linked")
    manifest = (MAIN / "AndroidManifest.xml").read_text()
    # what Gradle adds: the package of R, and the application's id
    manifest = manifest.replace("<manifest ", f'<manifest package="{PACKAGE}" ')
    (folder / "AndroidManifest.xml").write_text(manifest.replace("${applicationId}", PACKAGE))
    compiled = folder / "resources.zip"
    link = ["--min-sdk-version", "24", "--target-sdk-version", "36", "--java", folder / "gen"]
    for command in (
        ["aapt2", "compile", "--dir", MAIN / "res", "-o", compiled],
        [
            *("aapt2", "link", "-I", FRAMEWORK, "--manifest", folder / "AndroidManifest.xml"),
            *("-o", folder / "demo.apk", *link, compiled),
        ],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    return folder


@need_aapt
def test_the_manifest_links_and_says_what_a_phone_reads(linked: Path) -> None:
    done = subprocess.run(
        ["aapt2", "dump", "badging", linked / "demo.apk"], capture_output=True, text=True, check=True
    )
    assert f"package: name='{PACKAGE}'" in done.stdout
    assert "sdkVersion:'24'" in done.stdout
    assert f"launchable-activity: name='{PACKAGE}.MainActivity'" in done.stdout
    assert set(re.findall(r"uses-permission: name='([^']*)'", done.stdout)) == {
        "android.permission.RECORD_AUDIO"
    }


@pytest.fixture(scope="module")
def compiled(linked: Path) -> tuple[Path, Path]:
    """The stubs, and every class of the app compiled against them; a warning is an error.

    The stubs hold the signatures of Android that the app uses; R names every resource that exists.
    """
    stubs, app = linked / "stubs", linked / "app"
    javac(java_files(STUBS), stubs, [], strict=False)
    javac(java_files(APP / "app", APP / "logic", linked / "gen"), app, [stubs, JSON_JAR])
    return stubs, app


@need_aapt
@need_java
def test_every_class_compiles_against_android_and_the_resources(compiled: tuple[Path, Path]) -> None:
    folder = compiled[1] / PACKAGE.replace(".", "/")
    written = {path.stem for path in (MAIN / "java").rglob("*.java")}
    assert written | {"R"} <= {path.stem for path in folder.glob("*.class")}


@need_aapt
@need_java
@pytest.mark.slow
def test_the_screen_says_it_in_words(
    compiled: tuple[Path, Path], plain_jvm: Jvm, assets: Path, tmp_path: Path
) -> None:
    """The app's own words on the texts of its resources; only Android's Resources is a fake."""
    stubs, app = compiled
    fakes, show_classes = tmp_path / "fakes", tmp_path / "show"
    javac(java_files(FAKES / "android"), fakes, [stubs], strict=False)
    classpath = [fakes, app, *plain_jvm.classpath, stubs]
    javac(java_files(FAKES / "org"), show_classes, classpath, strict=False)
    classes = ":".join(map(str, [show_classes, *classpath]))
    show = ["java", f"-Djava.io.tmpdir={tmp_path}", "-cp", classes, f"{PACKAGE}.Show"]
    strings = MAIN / "res" / "values" / "strings.xml"
    worker = [sys.executable, str(WORKER_FOLDER)]
    command = [*show, strings, assets, "broken", *worker]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert said.startswith("FAIL: 1 of 75 layers is wrong\nlogits: fail, off by ")
    assert "Warning: model.ncnn.bin was changed after the export" in said
    assert re.search(
        r"^created 3 conv_2 \(Convolution\): entire \S+e[+-]\d+, single \S+, floor \S+$", said, re.M
    )
    assert "and 3 clean layers" in said
    assert "every layer: 75 lines" in said
    assert re.search(r"^1 thread\nmedian \S+ m?s \[.*\], p90 \S+ m?s, \d+ runs\nloaded in ", said, re.M)
    assert "1 thread\nno times: an emulator says nothing about a phone" in said
    assert said.endswith("Median latency 12.3 ms\nclass 1: 66.5 %\nclass 2: 24.5 %\n")


def test_every_class_in_the_manifest_exists() -> None:
    tree = ElementTree.parse(MAIN / "AndroidManifest.xml")
    named = [element.get(f"{ANDROID}name", "") for element in tree.iter() if element.get(f"{ANDROID}name")]
    own = [name for name in named if name.startswith(".")]
    assert sorted(own) == [".DemoApplication", ".MainActivity", ".WorkerService"]
    for name in own:
        assert (MAIN / "java" / PACKAGE.replace(".", "/") / f"{name[1:]}.java").is_file()


def test_only_the_launcher_activity_is_open_to_other_apps() -> None:
    tree = ElementTree.parse(MAIN / "AndroidManifest.xml")
    exported = {
        element.get(f"{ANDROID}name"): element.get(f"{ANDROID}exported")
        for kind in ("activity", "service", "provider", "receiver")
        for element in tree.iter(kind)
    }
    assert exported.pop(".MainActivity") == "true"
    assert set(exported.values()) == {"false"}


def _code(path: str) -> str:
    """The text of a Java file without its comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", Path(path).read_text(), flags=re.S)


def test_the_plain_java_knows_nothing_of_android() -> None:
    for path in java_files(APP / "logic"):
        assert re.search(r"\bandroidx?\.", _code(path)) is None, path


def test_no_java_is_newer_than_android_7() -> None:
    """java.nio.file and java.time came with API level 26, List.of and its like with 30."""
    newer = re.compile(r"\bjava\.(nio\.file|time)\b|\b(List|Map|Set)\.(of|copyOf)\(|\.readAllBytes\(")
    for path in java_files(APP / "app", APP / "logic"):
        assert newer.search(_code(path)) is None, path


def test_no_text_of_the_screen_stands_outside_the_resources() -> None:
    for path in (MAIN / "res").rglob("*.xml"):
        for element in ElementTree.parse(path).iter():
            for attribute in ("text", "title", "contentDescription", "hint", "label"):
                value = element.get(f"{ANDROID}{attribute}")
                assert value is None or value.startswith("@"), (path, value)


def _calls(code: str) -> list[tuple[str, int]]:
    """Every text that is formatted: its name, and how many arguments it gets."""
    found = []
    for match in re.finditer(r"get(Quantity)?String\(\s*R\.(?:string|plurals)\.(\w+)", code):
        depth, commas, at = 1, 0, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(code[at], 0)
            commas += code[at] == "," and depth == 1
            at += 1
        found.append((match[2], commas - (match[1] is not None)))  # the quantity is no argument of the text
    return found


def test_every_text_gets_the_arguments_that_it_shows() -> None:
    shown = {}
    for element in ElementTree.parse(MAIN / "res" / "values" / "strings.xml").getroot():
        texts = ["".join(each.itertext()) for each in element.findall("item")] or [
            "".join(element.itertext())
        ]
        for text in texts:
            shown[element.get("name")] = {int(number) for number in re.findall(r"%(\d)\$", text)}
    calls = [call for path in java_files(APP / "app") for call in _calls(_code(path))]
    assert len(calls) > 15
    for name, count in calls:
        assert shown[name] == set(range(1, count + 1)), name


def test_every_picture_and_choice_has_words_for_who_cannot_see_it() -> None:
    layout = ElementTree.parse(MAIN / "res" / "layout" / "main.xml")
    labelled = {element.get(f"{ANDROID}labelFor", "")[4:] for element in layout.iter("TextView")}
    for element in layout.iter():
        if element.tag == "ImageView":
            assert element.get(f"{ANDROID}contentDescription")
        if element.tag == "Spinner":
            assert element.get(f"{ANDROID}id", "")[5:] in labelled


def test_every_colour_has_a_night_side() -> None:
    def names(folder: str) -> set[str | None]:
        tree = ElementTree.parse(MAIN / "res" / folder / "colors.xml")
        return {element.get("name") for element in tree.iter("color")}

    assert names("values") == names("values-night")


def test_gradle_names_the_files_that_exist() -> None:
    build = (APP / "app" / "build.gradle.kts").read_text()
    (cmake,) = re.findall(r'path = file\("([^"]*)"\)', build)
    assert (APP / "app" / cmake).is_file()
    assert (APP / "app" / "proguard-rules.pro").is_file()
    for module in re.findall(r'include\(":(\w+)"\)', (APP / "settings.gradle.kts").read_text()):
        assert (APP / module / "build.gradle.kts").is_file()
    catalog = (APP / "gradle" / "libs.versions.toml").read_text()
    used = "\n".join(path.read_text() for path in APP.glob("**/build.gradle.kts"))
    for alias in re.findall(r"libs\.([\w.]+)", used):
        name = alias.removeprefix("plugins.").replace(".", "-")
        assert re.search(rf"^{name} = ", catalog, re.M), alias
    assert "minSdk = 24" in build and '"arm64-v8a", "x86_64"' in build
