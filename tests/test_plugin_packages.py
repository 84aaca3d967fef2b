"""Every package in plugins/ builds a wheel, installs from it, is listed without a problem, and passes its tests."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from environment import create

PACKAGES = sorted(path.parent for path in (Path(__file__).parents[1] / "plugins").glob("*/pyproject.toml"))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_works_from_its_wheel(package: Path, tmp_path: Path) -> None:
    environment = create(tmp_path)
    environment.succeeds(f"pip wheel --no-deps --wheel-dir dist {package} && pip install --no-deps dist/*.whl")
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    sources = json.loads(environment.succeeds("benchbox list plugins --json"))
    ours = [source for source in sources if source["package"] == project["name"]]
    assert {source["module"] for source in ours} == set(project["entry-points"]["benchbox"].values())
    assert all(source["offers"] for source in ours)
    assert [source["problems"] for source in ours if source["problems"]] == []
    find = "import sys; from importlib.util import find_spec; print(*(find_spec(m).origin for m in sys.argv[1:]))"
    for file in environment.succeeds(f"python -P -c '{find}' {' '.join(s['module'] for s in ours)}").split():
        assert file.startswith(str(tmp_path / "venv")), "the wheel, not the source tree"
    environment.succeeds(f"pytest -q -p no:cacheprovider {package / 'tests'}")


def test_every_package_has_a_licence_a_readme_and_tests() -> None:
    for package in PACKAGES:
        assert (package / "LICENSE").is_file()
        assert (package / "README.md").is_file()
        assert list((package / "tests").glob("test_*.py"))
