"""The documentation is a site: every page is in it, links lead somewhere, it opens from disk and is accessible."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from pages import PAGES, ROOT

from benchbox.plugin import BASES
from benchbox.registry import registry


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with boards, built strictly: a link or an anchor that leads nowhere is an error."""
    spec = spec_from_file_location("docs_site", ROOT / "docs" / "site.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    output = tmp_path_factory.mktemp("site")
    module.main(output, ROOT / "results" / "few-step")
    return output


def test_every_page_is_in_the_site_and_in_its_navigation(site: Path) -> None:
    navigation = re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    for page in PAGES:
        relative = page.relative_to(ROOT)
        assert (site / str(relative.with_suffix(".html")).replace("README", "index")).is_file()
        assert str(relative) in navigation or relative.parts[0] == "plugins", relative


def test_the_reference_describes_every_plugin(site: Path) -> None:
    for kind in BASES:
        page = (site / "reference" / f"{kind}s.html").read_text()
        for name in registry().names(kind):
            assert re.search(rf"<h2[^>]*>{re.escape(name)}<", page), name


def test_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="?https?:', page.read_text()), page


def test_the_boards_are_in_the_site(site: Path) -> None:
    page = (site / "docs" / "tutorial.html").read_text()
    assert 'href="../board/index.html"' in page
    tab = re.search(r'<a href="([^"]*)" class="md-tabs__link">\s*Results', page)
    assert tab
    assert tab[1] == "../results/leaderboard.html"
    for folder, root in (("", "../"), ("models/", "../../")):
        board = next((site / "board" / folder).glob("*.html"))
        assert f'<a href="{root}index.html">Documentation</a>' in board.read_text()
    assert "consistency" in (site / "board" / "index.html").read_text()


def test_a_place_for_the_site_is_asked_for() -> None:
    command = [sys.executable, str(ROOT / "docs" / "site.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("The documentation as a site: python docs/site.py OUTPUT")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def test_a_page_from_disk_is_searched(site: Path, browser: Any) -> None:
    page = browser.new_page(offline=True)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto((site / "docs" / "guidance.html").as_uri())
    page.locator("input.md-search__input").click()
    page.keyboard.type("churn")
    page.locator(".md-search-result__item").first.wait_for(timeout=120_000)
    assert messages == []
    page.close()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_are_accessible(site: Path, browser: Any, width: int, scheme: str) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
    page.set_default_timeout(120_000)
    for name in ("index.html", "docs/guidance.html", "reference/samplers.html"):
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        result = page.evaluate("axe.run({preload: false, runOnly: ['wcag2a', 'wcag2aa', 'wcag22aa']})")
        assert [(v["id"], v["nodes"][0]["html"]) for v in result["violations"]] == []
    page.close()


CUT = """() => [...document.querySelectorAll(".md-typeset__scrollwrap, pre > code")]
  .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.innerText.slice(0, 60))"""


@pytest.mark.parametrize(
    ("width", "pages"), [(1280, ("results/leaderboard", "docs/commands")), (390, ("docs/commands",))]
)
def test_tables_and_code_are_read_without_scrolling_sideways(
    site: Path, browser: Any, width: int, pages: tuple[str, ...]
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, offline=True)
    page.set_default_timeout(120_000)
    for name in pages:
        page.goto((site / f"{name}.html").as_uri())
        assert page.locator(".md-typeset__scrollwrap, pre > code").count() > 0
        assert page.evaluate(CUT) == []
    page.close()
