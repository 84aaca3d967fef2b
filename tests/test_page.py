"""The page: what it says is what was ranked, and text from rows does nothing."""

from __future__ import annotations

import hashlib
import html.parser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st
from report_rows import known, nothing_usual, rows

import benchbox as package
from benchbox.cli.rows import sampler_description
from benchbox.errors import UsageError
from benchbox.report.page.content import View, views
from benchbox.report.page.evidence import checks_in, picture
from benchbox.report.page.folder import write_site
from benchbox.report.page.names import breakable, listed, papers, slug
from benchbox.report.page.single import hashes, write_charts
from benchbox.report.page.site import Site
from benchbox.report.page.table import encoded_rows, with_commands
from benchbox.report.plots.quality import series
from benchbox.report.ranking import boards
from benchbox.report.real_images import of_real_images
from benchbox.report.rows import write_rows

EVIL = "</script><script>alert(1)</script>\u2028\x1b[31m<img src=x onerror=alert(2)>"


class Tags(html.parser.HTMLParser):
    """The tags of a page, with their attributes, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.data: list[Any] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = tag == "script" and dict(attrs).get("type") == "application/json"

    def handle_data(self, data: str) -> None:
        if self._script:
            self.data.append(json.loads(data))
            self._script = False


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose every text is evil."""
    folder = tmp_path_factory.mktemp("site")
    texts = [f"sampler{part}" for part in ("", "_package", "_version")]
    texts += ["model", "dataset", "device", "command", "schedule", "grid"]
    lines = [dict.fromkeys(texts, EVIL) | known(4 + i, 0.1) | {"nfe_requested": 10 * i, "host": EVIL} for i in (1, 2)]
    failed = dict.fromkeys(texts, EVIL) | {"status": "failed", "reason": EVIL, "fid": None, "guidance": EVIL}
    options = {"sampler_options": json.dumps({EVIL: EVIL}), "model_options": json.dumps({"a": EVIL})}
    certificate = {"name": EVIL, "passed": False, "options": {EVIL: EVIL}, "checks": [
        {"name": EVIL, "passed": False, "measured": EVIL, "expected": EVIL}]}  # fmt: skip
    write_site(Site(rows(*lines, failed, lines[0] | options), nothing_usual, [certificate]), folder)
    return folder


def test_text_of_rows_makes_no_tag_and_no_script(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        found = Tags(page.read_text(encoding="utf-8"))
        scripts = [a for tag, a in found.tags if tag == "script"]
        assert all(a.get("src", "").endswith(".js") or a.get("type") == "application/json" for a in scripts), page  # type: ignore[union-attr]
        assert not any(tag == "img" for tag, _ in found.tags)
        assert not any(name.startswith("on") or name == "style" for _, a in found.tags for name in a)
        assert len(found.data) == 1
        assert "\x1b" not in page.read_text(encoding="utf-8")


def test_a_page_asks_for_nothing_from_anywhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        found = Tags(page.read_text(encoding="utf-8"))
        policy = next(a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
        assert policy is not None
        assert policy.startswith("default-src 'none'; script-src 'self' file:;")
        for _, attributes in found.tags:
            for name in ("src", "href"):
                link = attributes.get(name)
                if link and not link.startswith(("#", "data:,")):
                    assert (page.parent / link.split("#")[0]).is_file(), (page, link)
    assert "http" not in re.sub(r"http://www.w3.org/\S+", "", (site / "assets" / "benchbox.js").read_text())


def test_the_download_is_the_rows(site: Path) -> None:
    back = package.load_results(str(site / "data"))
    assert len(back) == 4
    assert set(back["sampler"]) == {EVIL}
    assert back["fid"].notna().sum() == 3


@given(st.lists(st.text(min_size=1, max_size=80), unique=True, max_size=8))
def test_file_names_are_safe_and_distinct(names: list[str]) -> None:
    slugs = [slug(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]{1,70}", s) for s in slugs)


# what it says


def view_of(*lines: dict[str, Any]) -> View:
    """The only view of some rows."""
    (made,) = views(boards(rows(*lines)), nothing_usual)
    return made


def answers(*lines: dict[str, Any], **more: Any) -> dict[str, str]:
    (answer,) = view_of(*(line | more for line in lines)).answers
    return vars(answer)


BEST = {"sampler": "heun", "samples_per_s": 100.0} | known(4.0, 0.05)


def test_the_best_is_said_with_its_interval_its_cost_and_its_command() -> None:
    said = answers(BEST, {"sampler": "ddim"} | known(6.0, 0.05), nfe_requested=10, nfe=9.0)
    assert (said["budget"], said["use"], said["href"]) == ("10 evaluations", "heun", "samplers/heun.html")
    assert said["quality"] == "FID 4.000 ± 0.098"
    assert said["ties"] == "Significantly better than the other one."
    assert said["cost"] == "10 s per 1,000 samples on CPU"
    assert said["command"].startswith("benchbox run --sampler heun --nfe 10 --model net")


def test_a_tie_is_said_and_the_faster_one_named() -> None:
    tied = {"sampler": "ddim", "samples_per_s": 200.0} | known(4.05, 0.05)
    assert answers(BEST, tied)["ties"] == "Ties with ddim. Fastest: ddim."
    assert answers(BEST, tied | {"samples_per_s": 100.0})["ties"] == "Ties with ddim."


def test_what_is_not_known_is_not_said_to_be_sure() -> None:
    alone = {"fid": 4.0}
    assert answers(BEST)["ties"] == "The only one that was measured."
    unknown = answers(alone, {"sampler": "ddim", "fid": 9.0})
    assert (unknown["quality"], unknown["ties"]) == (
        "FID 4", "Its standard error is unknown: one seed, and no interval.",
    )  # fmt: skip


def test_what_failed_or_cheated_stands_in_the_table_with_its_reason_and_without_a_rank() -> None:
    bad = {"sampler": "cheat", "status": "dishonest", "reason": "12 of 10", "fid": 1.0}
    made = view_of(BEST, bad, bad | {"seed": 1})
    assert [a.use for a in made.answers] == ["heun"]
    assert [(li["name"], li["rank"], li["status"], li["seeds"]) for li in made.lines] == [
        ("heun", "1", "", "0"), ("cheat", "–", "dishonest: 12 of 10", "0, 1"),
    ]  # fmt: skip
    assert "cheat" not in [line["name"] for line in made.charts["nfe"]["lines"]]


def test_of_many_budgets_the_usual_ones_are_answered() -> None:
    lines = [BEST | {"nfe_requested": n} for n in range(4, 120)]
    assert [a.budget.split()[0] for a in view_of(*lines).answers] == ["5", "10", "20", "50", "100"]


def test_names_in_a_sentence() -> None:
    assert [listed(list("abcdef")[:n]) for n in (1, 2, 3, 6)] == ["a", "a and b", "a, b and c", "a, b, c, d and 2 more"]


def test_a_name_breaks_before_capitals_and_after_signs_and_is_escaped() -> None:
    assert breakable("diffusers:DPMSolver<b>") == "diffusers:<wbr>DPMSolver&lt;b&gt;"
    assert breakable("dpm-solverMulti") == "dpm-<wbr>solver<wbr>Multi"


def test_a_card_names_the_package_that_its_sampler_needs() -> None:
    assert answers(BEST)["needs"] == "benchbox-diffusion 0.1.0"
    assert answers(BEST | {"sampler_package": "mine", "sampler_version": "2"})["needs"] == "mine 2"


def test_of_a_plugin_that_is_not_here_names_leave_out_what_all_its_rows_share() -> None:
    command = "benchbox run --sampler theirs --nfe 10 --set order=2,3"
    lines = [{"sampler_options": json.dumps({"gain": 1, "order": n})} for n in (2, 3)]
    frame = rows(*(line | {"sampler": "theirs", "command": command} for line in lines), BEST)
    (found,) = Site(frame, nothing_usual).views
    assert {line["name"] for line in found.lines} == {"theirs order=2", "theirs order=3", "heun"}


# the matrix, papers, real images

AT_20 = {"nfe_requested": 20, "nfe": 20.0}
TIED = {"sampler": "ddim"} | known(4.05, 0.05)
WORSE = {"sampler": "euler"} | known(9.0, 0.05)


def test_the_matrix_is_sorted_by_mean_rank_and_says_which_samplers_tie_with_the_best() -> None:
    failed = {"sampler": "broken", "status": "failed", "fid": None}
    late = {"sampler": "late"} | AT_20 | known(7.0, 0.05)
    made = view_of(failed, WORSE, TIED, BEST, BEST | AT_20, WORSE | AT_20 | known(4.02, 0.05), late)
    assert made.columns == ("10", "20")
    assert [row.name for row in made.matrix] == ["heun", "ddim", "euler", "late", "broken"]
    cells = {row.name: [(c.value, c.rank, c.note, c.shade) for c in row.cells] for row in made.matrix}
    assert cells["heun"] == [("4.00", "1–2", "tie", 0), ("4.00", "1–2", "tie", 0)]
    assert cells["ddim"] == [("4.05", "1–2", "tie", 0), ("–", "", "", None)]
    assert cells["euler"] == [("9.00", "3", "", 4), ("4.02", "1–2", "tie", 0)]
    assert cells["broken"] == [("–", "", "failed", None), ("–", "", "", None)]


def test_a_rank_that_is_only_a_position_is_no_tie_with_the_best() -> None:
    made = view_of({"fid": 4.0}, {"sampler": "ddim", "fid": 9.0})
    assert [row.cells[0].note for row in made.matrix] == ["", ""]


def test_the_page_has_the_matrix_and_the_glossary_as_text_and_the_commands_folded(tmp_path: Path) -> None:
    write_site(Site(rows(BEST, TIED, WORSE), nothing_usual), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    for text in ('<td class="s0">4.05<small>1–2 <b>tie</b></small></td>', '<td class="s4">9.00<small>3</small></td>'):
        assert text in page
    assert "FID (mnist-cnn) and rank at each budget (NFE), the most evaluations that a sampler may spend. " in page
    assert re.search(r"<details><summary>Command<.*?benchbox</span> <span>run</span>.*?</details>", page, re.DOTALL)
    for term in ("NFE, evaluations", "FID", "Rank, tie", "Schedule", "Grid", "Recommended levels"):
        assert f"<dt>{term}</dt>" in page


def test_series_of_one_task_have_headings_that_begin_with_their_levels(tmp_path: Path) -> None:
    chosen = {"command": "benchbox run --grid uniform", "grid": "uniform"}
    leading = {"sampler": "ddim", "grid": "leading"} | known(4.05, 0.05)
    write_site(
        Site(rows(BEST, leading, BEST | chosen, TIED | chosen, BEST | {"model": "other"}), nothing_usual), tmp_path
    )
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<h2[^>]*>([^<]*: [^<]*)<small>", page) == [
        "Each at its recommended levels: net, FID (mnist-cnn) of 1,000 samples",
        "All on uniform: net, FID (mnist-cnn) of 1,000 samples", "other: FID (mnist-cnn) of 1,000 samples",
    ]  # fmt: skip


def test_a_cell_that_was_not_measured_is_not_shaded_as_a_rank(tmp_path: Path) -> None:
    write_site(Site(rows(BEST, WORSE, BEST | AT_20), nothing_usual), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<td class="(none|s\d)">([^<]*)', page) == [
        ("s0", "4.00"), ("s0", "4.00"), ("s4", "9.00"), ("none", "–"),
    ]  # fmt: skip


def test_papers_are_linked_from_the_description_of_the_sampler(tmp_path: Path) -> None:
    assert papers(" ".join(sampler_description("heun"))) == ["2206.00364"]
    assert sampler_description("not installed") == ()
    texts = {"heun": ["A method.", "Heun <b> (Karras et al. 2022, arXiv:2206.00364, algorithm 2)."]}
    write_site(Site(rows(BEST, TIED), nothing_usual, description=lambda name: texts.get(name, [])), tmp_path)
    link = '<a href="https://arxiv.org/abs/2206.00364">arXiv:2206.00364</a>'
    assert (tmp_path / "index.html").read_text().count(link) == 1
    assert (
        f"<p>Heun &lt;b&gt; (Karras et al. 2022, {link}, algorithm 2)."
        in (tmp_path / "samplers" / "heun.html").read_text()
    )
    assert "arxiv.org" not in (tmp_path / "samplers" / "ddim.html").read_text()


def test_a_page_says_where_a_package_is_only_if_it_is_one_of_the_project(tmp_path: Path) -> None:
    theirs = {"sampler": "theirs", "sampler_package": "theirs-diffusion"}
    unipc = {"sampler": "unipc", "sampler_package": "benchbox-solvers"}
    write_site(Site(rows(BEST, TIED | theirs, TIED | unipc), nothing_usual), tmp_path)
    pages = {name: (tmp_path / "samplers" / f"{name}.html").read_text() for name in ("theirs", "unipc")}
    assert "<p>theirs-diffusion 0.1.0</p>" in pages["theirs"]
    assert "<p>benchbox-solvers 0.1.0, in plugins/benchbox-solvers of the benchbox repository</p>" in pages["unipc"]


def test_a_site_of_samplers_that_are_not_installed_says_so_once(benchbox: Command, tmp_path: Path) -> None:
    unipc = {"sampler": "unipc", "sampler_package": "benchbox-solvers"}
    (tmp_path / "rows").mkdir()
    unnamed = [TIED | {"sampler": name, "sampler_package": None} for name in ("no-such-a", "no-such-b")]
    write_rows(rows(BEST, TIED | unipc, *unnamed), tmp_path / "rows" / "rows.parquet")
    done = benchbox("leaderboard", tmp_path / "rows", "--format", "html", "--output", tmp_path / "site")
    assert [line for line in done.err.splitlines() if "not installed" in line] == [
        "benchbox: 2 samplers are not installed here: no description, no paper.",
        "benchbox: 1 sampler is not installed here (benchbox-solvers): no description, no paper.",
    ]


REAL = {"fid_reference": "mnist train 60000 741c9888"}


def test_the_value_of_as_many_real_images_is_a_line_of_the_chart() -> None:
    def guides(n_samples: int) -> list[str]:
        lines = view_of(*(line | REAL | {"n_samples": n_samples} for line in (BEST, WORSE))).charts["nfe"]["lines"]
        return [line["name"] for line in lines if line["role"] == "guide"]

    assert guides(10_000) == ["real test images: 0.402"]
    assert guides(1234) == []


def test_the_value_of_ten_thousand_real_images_is_that_of_the_bundled_moments() -> None:
    from benchbox.metrics.frechet import frechet_distance
    from benchbox.metrics.reference import REFERENCE_FOLDER

    test, train = (np.load(REFERENCE_FOLDER / f"mnist-cnn-mnist-{split}.npz") for split in ("test", "train"))
    distance = frechet_distance(test["mu"], test["sigma"], train["mu"], train["sigma"])
    (group,) = series(boards(rows(BEST | REAL | {"n_samples": 10_000})))
    assert of_real_images(group[0].task) == pytest.approx(distance, rel=2e-3)


# beside rows


ORDER = {
    "kind": "weak", "schedule": "edm", "options": "", "claimed": 2, "measured": 2.0, "asymptotic": [16, 64],
    "intervals": [8, 16, 32, 64], "errors": [0.04, 0.01, 0.0025, 0.000625],
}  # fmt: skip
CERTIFICATE = {"kind": "sampler", "name": "heun", "options": {}, "passed": True, "checks": [], "orders": [ORDER]}
BUDGETS = {"sampler": "heun", "score_error": 0.01, "budgets": [
    {"nfe": n, "steps": n, "w2": {"truncation": 0.0, "score": 0.1, "together": 1 / n}} for n in (9, 17)]}  # fmt: skip


def test_a_certificate_and_an_error_budget_become_charts_of_their_samplers_page(tmp_path: Path) -> None:
    exact = ORDER | {"schedule": "vp", "errors": [0.0] * 4}
    certificate = CERTIFICATE | {"orders": [ORDER, exact, ORDER | {"kind": "strong"}, ORDER | {"options": "eta=1"}]}
    write_site(Site(rows(BEST, BEST | {"sampler": "ddim"}), nothing_usual, [certificate], [BUDGETS]), tmp_path)
    (told,) = Tags((tmp_path / "samplers" / "heun.html").read_text()).data
    assert told["views"].keys() == {"orders-0", "budget-0"}
    charts = told["views"]["orders-0"]["charts"]
    assert charts.keys() == {"weak, edm", "strong, edm"}
    assert [line["name"] for line in charts["weak, edm"]["lines"]] == ["heun: order 2.00 (claims 2)", "slope 2.00"]
    (budget,) = told["views"]["budget-0"]["charts"].values()
    assert [line["role"] for line in budget["lines"]] == ["line", "line", "whole"]
    (other,) = Tags((tmp_path / "samplers" / "ddim.html").read_text()).data
    assert other["views"] == {}


def test_a_picture_says_what_it_shows_and_what_is_none_is_one_sentence(tmp_path: Path) -> None:
    from benchbox.report.plots.gallery import Panel, draw_gallery

    path = tmp_path / "My Samples.png"
    draw_gallery([("heun", [Panel("NFE 5", np.zeros((4, 1, 8, 8)))])], path, "Samples: <b>")
    shown = picture(path)
    assert (shown.title, shown.says) == ("Samples: <b>", "Line by line: heun: NFE 5.")
    write_site(Site(rows(BEST), nothing_usual, pictures=[shown]), tmp_path / "site")
    (image,) = [a for tag, a in Tags((tmp_path / "site" / "index.html").read_text()).tags if tag == "img"]
    assert image["alt"] == "Samples: <b>. Line by line: heun: NFE 5."
    assert (tmp_path / "site" / str(image["src"])).read_bytes() == path.read_bytes()
    (tmp_path / "bad.png").write_text("<script>")
    with pytest.raises(UsageError, match=r"bad\.png is not a PNG from benchbox plot --output FILE\.png"):
        picture(tmp_path / "bad.png")
    with pytest.raises(UsageError, match=r"there is no file .*none\.png"):
        picture(tmp_path / "none.png")


# rows


def test_rows_come_back_from_their_columns() -> None:
    frame = rows({"fid": 4.5, "sampler": "a"}, {"fid": None, "sampler": "b", "timing_valid": False})
    told = json.loads(json.dumps(encoded_rows(frame), allow_nan=False))
    columns = told["columns"]
    assert told["n"] == 2
    assert columns["fid"]["values"] == [4.5, None]
    assert columns["timing_valid"]["values"] == [True, False]
    assert [columns["sampler"]["values"][i] for i in columns["sampler"]["index"]] == ["a", "b"]
    assert columns["guidance"] == {"values": [], "index": [-1, -1]}


def test_the_command_of_a_row_measures_that_row(benchbox: Command) -> None:
    from benchbox.registry import registry

    benchbox(
        "run", "--sampler", "ddim,ode", "--nfe", 5, "--model", "mixture", "--samples", 16, "--seed", 3,
        "--grid", "uniform", "--set", "eta=0.5", "--set", "ode.rtol=0.01", "--set", "uniform.sigma_max=40",
    )  # fmt: skip
    found = with_commands(package.load_results("results"), registry().defaults)
    assert len(found) == 2
    for command in found["reproduce"]:
        said = benchbox(*shlex.split(command)[1:])
        assert said.status == 0, said.err
    assert set(package.load_results("results")["cell"]) == set(found["cell"])


# the whole


def many(n: int) -> Any:
    rng = np.random.default_rng(0)
    return rows(*(
        {"sampler": f"sampler-{i % 40}", "nfe_requested": 5 + i // 40 % 25 * 4, "seed": i // 1000}
        | known(4 + rng.random(), 0.1) for i in range(n)
    ))  # fmt: skip


def test_five_thousand_rows_are_a_site_of_a_few_megabytes(tmp_path: Path) -> None:
    """`pytest benchmarks/test_site.py --benchmark-enable` says how long it takes."""
    write_site(Site(many(5000), nothing_usual), tmp_path)
    assert len(list((tmp_path / "samplers").iterdir())) == 40
    assert (tmp_path / "rows.html").stat().st_size < 5e6


def test_a_site_from_the_command_line(benchbox: Command, tmp_path: Path) -> None:
    benchbox("run", "--sampler", "ddim", "--nfe", 5, "--model", "mixture", "--samples", 16)
    (tmp_path / "c.json").write_text(json.dumps([
        {"kind": "sampler", "name": "ddim", "options": {"eta": 0.0}, "passed": True, "orders": [], "errors": [],
         "checks": [{"name": "law", "passed": True, "measured": "W2 of 0.01", "expected": "little"}]},
    ]))  # fmt: skip
    (tmp_path / "b.json").write_text(json.dumps([BUDGETS | {"sampler": "ddim"}]))
    benchbox("plot", "--kind", "samples", "--model", "mixture", "--sampler", "ddim", "--nfe", 5, "--output", "s.png")
    files = ("--certificate", "c.json", "--certificate", "b.json", "--picture", "s.png")
    assert benchbox("leaderboard", "--format", "html", "--output", "site/", *files).status == 0
    assert 'src="pictures/s.png"' in (tmp_path / "site" / "index.html").read_text()
    assert "budget-0" in (tmp_path / "site" / "samplers" / "ddim.html").read_text()
    page = (tmp_path / "site" / "samplers" / "ddim.html").read_text()
    for text in (
        "Passed",
        "eta=0.0",
        "W2 of 0.01",
        ", benchbox itself</p>",
        "Rank and metric value on every board",
    ):
        assert text in page
    assert "pip" not in page
    assert "Documentation" not in page
    assert "ddim" in benchbox("leaderboard", "site").out
    said = benchbox("leaderboard", "--format", "html", "--output", "site", "--model", "mixture")
    assert "a site shows everything" in said.sentence
    (tmp_path / "file").touch()
    assert "cannot be written" in benchbox("leaderboard", "--format", "html", "--output", "file/site").sentence


CHECK = {"name": "law", "passed": True, "measured": "W2 of 0.01", "expected": "little"}


@pytest.mark.parametrize(
    "damaged",
    [
        "x", [1], [{}], [CERTIFICATE | {"orders": 3}], [CERTIFICATE | {"orders": [{}]}],
        [CERTIFICATE | {"options": "x"}], [CERTIFICATE | {"orders": [ORDER | {"errors": ["x"] * 4}]}],
        [CERTIFICATE | {"orders": [ORDER | {"errors": []}]}], [CERTIFICATE | {"orders": [ORDER | {"measured": "2"}]}],
        [CERTIFICATE | {"checks": [{"name": "law"}]}], [CERTIFICATE | {"checks": None}], [CERTIFICATE | {"name": 5}],
        [BUDGETS | {"budgets": []}], [BUDGETS | {"budgets": [{"nfe": 5, "w2": {"score": 0.1}}, 3]}],
        [BUDGETS | {"score_error": None}], [BUDGETS | {"sampler": {}}],
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_certificate_is_one_sentence(tmp_path: Path, damaged: object) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps([CERTIFICATE | {"checks": [CHECK]}, BUDGETS]))
    assert len(checks_in([path])) == 2
    path.write_text(json.dumps(damaged))
    with pytest.raises(
        UsageError, match=r"c.json is not a file of certificates \(benchbox check SAMPLER --json > c.json makes them\)"
    ):
        checks_in([path])


def test_a_plot_is_a_page_of_its_own_whose_scripts_are_known_by_their_hash(tmp_path: Path) -> None:
    from benchbox.report.plots.quality import quality_chart

    (group,) = series(boards(rows(BEST | {"sampler": EVIL})))
    write_charts({"nfe": quality_chart(group, "nfe", nothing_usual)}, tmp_path / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 2
    assert f"script-src {hashes(scripts)};" in text.replace("&#39;", "'").replace("&#43;", "+")
    assert "src=x onerror" not in text.split("<main")[0]


def test_a_site_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"file cannot be written: File exists"):
        write_site(Site(rows(BEST), nothing_usual), tmp_path / "file")


def test_the_libraries_are_those_that_their_table_names() -> None:
    vendor = Path(package.__file__).parent / "report" / "page" / "assets" / "vendor"
    told = re.findall(r"^\| (\S+) \|.*`(\w{64})`", (vendor / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in told} == {p.name for p in vendor.glob("*.js")}
    for name, digest in told:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
        assert (vendor / f"{name.split('.')[0]}.LICENSE").is_file()
