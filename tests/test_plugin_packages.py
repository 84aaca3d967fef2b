"""Every package in plugins/ builds a wheel, installs from it, is listed without a problem, and passes its tests."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from environment import Environment, create

PACKAGES = sorted(path.parent for path in (Path(__file__).parents[1] / "plugins").glob("*/pyproject.toml"))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """All wheels are built and installed at once; a test loads its own package."""
    environment = create(tmp_path_factory.mktemp("wheels"))
    folders = " ".join(map(str, PACKAGES))
    environment.succeeds(f"pip wheel --no-deps --wheel-dir dist {folders} && pip install --no-deps dist/*.whl")
    return environment


@pytest.fixture(scope="module")
def sources(environment: Environment) -> list[dict[str, Any]]:
    """The modules of plugins, each with the file that would be imported."""
    sources: list[dict[str, Any]] = json.loads(environment.succeeds("benchbox list plugins --json"))
    find = "import sys; from importlib.util import find_spec; print(*(find_spec(m).origin for m in sys.argv[1:]))"
    modules = [source["module"] for source in sources if not source["module"].startswith("benchbox.")]
    files = environment.succeeds(f"python -P -c '{find}' {' '.join(modules)}").split()
    origins = dict(zip(modules, files, strict=True))
    return [source | {"file": origins.get(source["module"])} for source in sources]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_a_package_works_from_its_wheel(package: Path, environment: Environment, sources: list[dict[str, Any]]) -> None:
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    ours = [source for source in sources if source["package"] == project["name"]]
    assert {source["module"] for source in ours} == set(project["entry-points"]["benchbox"].values())
    for source in ours:
        assert source["offers"]
        assert source["problems"] == []
        assert source["file"].startswith(str(environment.folder.parent / "venv")), "the wheel, not the source tree"
    environment.succeeds(f"BENCHBOX_PLUGINS={project['name']} pytest -q -p no:cacheprovider {package / 'tests'}")


def test_every_package_has_a_licence_a_readme_and_tests() -> None:
    for package in PACKAGES:
        assert (package / "LICENSE").is_file()
        assert (package / "README.md").is_file()
        assert list((package / "tests").glob("test_*.py"))
