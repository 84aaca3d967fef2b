"""The documentation is a site: every page is in it, every link leads somewhere, nothing comes from elsewhere."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from pages import PAGES, ROOT

from benchbox.plugin import BASES
from benchbox.registry import registry


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a link or an anchor that leads nowhere is an error."""
    spec = spec_from_file_location("docs_site", ROOT / "docs" / "site.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    output = tmp_path_factory.mktemp("site")
    module.main(output)
    return output


def test_every_page_is_in_the_site_and_in_its_navigation(site: Path) -> None:
    start = (site / "index.html").read_text()
    for page in PAGES:
        relative = page.relative_to(ROOT)
        name = str(relative.with_suffix(".html")).replace("README", "index")
        assert (site / name).is_file()
        if relative.parts[0] == "docs":
            assert f'href="{name}"' in start, name


def test_the_reference_describes_every_plugin(site: Path) -> None:
    for kind in BASES:
        page = (site / "reference" / f"{kind}s.html").read_text()
        for name in registry().names(kind):
            assert re.search(rf"<h2[^>]*>{re.escape(name)}<", page), name


def test_the_site_loads_nothing_from_elsewhere_and_can_be_searched(site: Path) -> None:
    for page in site.rglob("*.html"):
        assert not re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="?https?:', page.read_text()), page
    assert "guidance" in (site / "search" / "search_index.json").read_text()
