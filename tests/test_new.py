"""benchbox new: a package that installs, passes its tests and runs without an edit."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import Command
from environment import create

from benchbox.scaffold import USE

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("kind", USE)
def test_a_package_is_written_whole_and_clean(benchbox: Command, kind: str) -> None:
    done = benchbox("new", kind, f"my-{kind}")
    assert done.status == 0
    package = Path(f"my-{kind}")
    written = {str(p.relative_to(package)) for p in package.rglob("*") if p.is_file()}
    assert written == {
        "pyproject.toml", "README.md", "LICENSE", ".gitignore", ".github/workflows/test.yml", f"my_{kind}.py",
        f"tests/test_my_{kind}.py",
    }  # fmt: skip
    assert {f"wrote my-{kind}/{name}" for name in written} <= set(done.out.splitlines())
    assert (package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert 'pip install "$BENCHBOX_SOURCE" ".[test]"' in (package / ".github" / "workflows" / "test.yml").read_text()
    texts = [p.read_text().replace("$BENCHBOX_SOURCE", "") for p in package.rglob("*") if p.is_file()]
    assert not [text for text in texts if "$" in text]
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["benchbox"] == {f"my-{kind}": f"my_{kind}"}
    for check in (
        ["check", "--line-length", "120", "--select", "E,F,W,I,UP,B"],
        ["format", "--check", "--line-length", "120"],
    ):
        ruff = [sys.executable, "-m", "ruff", check[0], "--isolated", *check[1:], str(package)]
        assert subprocess.run(ruff, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("sampel x", "unknown kind 'sampel': did you mean sampler or"),
        ("sampler My_Sampler", "'My_Sampler' is not a valid package name: use a-z"),
        ("sampler ../x", "'../x' is not a valid package name"),
        (f"sampler {'x' * 300}", "at most 60 characters, as in my-sampler"),
        ("sampler heun", "sampler heun exists already in benchbox-diffusion"),
        ("sampler em", "sampler em exists already in benchbox-diffusion"),
        ("metric json", "'json' would shadow json or Json in Python: choose another name, as json-metric."),
        ("metric scipy", "scipy is installed and has a module scipy: uninstall it, or choose another name."),
        ("metric accumulator", "would shadow accumulator or Accumulator in Python"),
        ("model none", "would shadow none or None in Python"),
        ("model there", "there exists already: choose another name, or work in another folder."),
        ("model", "missing argument 'name'"),
    ],
)
def test_a_name_that_will_not_do_is_one_sentence(benchbox: Command, arguments: str, says: str) -> None:
    Path("there").mkdir()
    done = benchbox("new", *arguments.split())
    assert done.status == 2
    assert says in done.sentence
    assert [p.name for p in Path().iterdir()] == ["there"]


def test_a_folder_that_cannot_be_written_is_one_sentence(benchbox: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    assert "my-sampler cannot be written: Permission denied." in benchbox("new", "sampler", "my-sampler").sentence


def test_a_new_package_of_each_kind_installs_and_passes_its_tests(
    benchbox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they are; the pages that tests/test_docs.py runs go on from there."""
    environment = create(tmp_path)
    monkeypatch.chdir(environment.folder)
    for kind in USE:
        assert benchbox("new", kind, f"my-{kind}").status == 0
    packages = [f"./my-{kind}" for kind in USE]
    environment.succeeds(f"pip install {' '.join(packages)}")
    environment.succeeds(f"pytest {' '.join(packages)}")
    sources = json.loads(environment.succeeds("benchbox list plugins --json"))
    ours = {s["package"]: s for s in sources if s["package"].startswith("my-")}
    assert {package: s["offers"] for package, s in ours.items()} == {f"my-{k}": [f"{k} my-{k}"] for k in USE}
    assert not [s for s in ours.values() if s["problems"]]
