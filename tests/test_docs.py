"""The pages for authors of plugins: their commands and files work as they stand, their names are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from environment import create

import benchbox
from benchbox import hookspecs, testing

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("ship-your-sampler.md", "your-metric.md", "contract.md")
RUN = PAGES[:2]


def blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of the code blocks of a page."""
    return re.findall(r"```(\w+)\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


@pytest.mark.parametrize("page", RUN)
def test_a_page_works_line_by_line(page: str, tmp_path: Path) -> None:
    environment = create(tmp_path)
    for kind, text in blocks(page):
        if kind == "python":
            (name,) = re.findall(r"\A# (\S+)\n", text)
            assert (environment.folder / name).exists(), "the page edits a file that is there"
            (environment.folder / name).write_text(text)
            continue
        assert kind == "sh"
        for line in text.splitlines():
            said = environment.succeeds(line)
            if line.startswith("benchbox leaderboard"):
                assert "my-sampler" in said
    rows = benchbox.load_results(str(environment.folder / "results"))
    assert set(rows["status"]) == {"done"}
    assert {"my-sampler", "my_metric"} & {*rows["sampler"], *rows.columns}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (DOCS / page).read_text()):
        assert (DOCS / target).exists(), target


def test_the_contract_names_what_there_is() -> None:
    page = (DOCS / "contract.md").read_text()
    assert f"Version {hookspecs.CONTRACT} of the contract" in page
    hooks = {name for name in vars(hookspecs) if name.startswith("benchbox_")}
    assert set(re.findall(r"^\| `(benchbox_\w+)`", page, re.MULTILINE)) == hooks
    for listed, names in (("benchbox.__all__", benchbox.__all__), ("benchbox.testing.__all__", testing.__all__)):
        (said,) = re.findall(rf"`{re.escape(listed)}`\s*\(([^)]*)\)", page)
        assert set(re.findall(r"`(\w+)`", said)) == set(names)
    (stated,) = (text for kind, text in blocks("contract.md") if kind == "python")
    assert stated == f'benchbox_contract = ">={hookspecs.CONTRACT},<{hookspecs.CONTRACT + 1}"\n'
