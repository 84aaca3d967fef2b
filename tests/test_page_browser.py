"""The page in headless Chromium, from files, with the network off: it works, it is silent, nothing is cut off."""

from __future__ import annotations

import shutil
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from report_rows import known, nothing_usual, rows
from test_page import BUDGETS, CERTIFICATE

from benchbox.report.page.content import slug
from benchbox.report.page.evidence import Picture
from benchbox.report.page.folder import write_site
from benchbox.report.page.site import Site

playwright = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium here: apt-get install chromium")

EVIL = "<img src=x onerror=alert(1)>&lt;script&gt;alert(2)</script>"
LONG = "a-sampler-with-a-name-that-is-longer-than-any-phone-is-wide-and-then-some-more"
PAGES = ("index.html", "rows.html", "samplers/heun.html", f"samplers/{slug(EVIL)}.html", "models/net.html")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def lines() -> Iterator[dict[str, Any]]:
    """Five samplers at four budgets, one of them with an evil name and one with a long one; some failures."""
    for i, sampler in enumerate(("heun", "ddim", "ancestral", EVIL, LONG)):
        for nfe in (5, 10, 20, 50):
            cost = {"nfe": float(nfe), "nfe_requested": nfe, "samples_per_s": 1000 / nfe / (1 + i)}
            yield {"sampler": sampler} | cost | known(4 + 3 * i + 40 / nfe, 0.05)
    yield {"sampler": "broken", "status": "failed", "reason": EVIL, "fid": None, "device": EVIL}
    yield {"sampler": "w2 only", "fid": None, "metric_options": '{"w2": {}}', "w2": 0.5, "model": "other"}


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


@dataclass
class Visit:
    """A page that is open, and everything that it said."""

    page: Any
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    picture = Picture("p.png", "Samples", "Line by line.", b64decode(PIXEL))
    write_site(Site(rows(*lines()), nothing_usual, [CERTIFICATE], [BUDGETS], [picture]), folder)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


def visit(browser: Any, path: Path, width: int = 1280, scheme: str = "light", **options: Any) -> Visit:
    context = browser.new_context(
        offline=True, color_scheme=scheme, viewport={"width": width, "height": 900}, reduced_motion="reduce", **options
    )
    context.set_default_timeout(600_000)
    context.add_init_script("addEventListener('error', (event) => console.error(event.message))")
    made = Visit(context.new_page())
    made.page.on("console", lambda message: made.said.append(message.text))
    made.page.on("pageerror", lambda error: made.said.append(str(error)))
    made.page.on("dialog", lambda dialog: (made.said.append(dialog.message), dialog.dismiss()))
    made.page.on("request", lambda r: made.said.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    made.page.goto(path.as_uri())
    return made


@pytest.fixture
def index(browser: Any, site: Path) -> Iterator[Any]:
    opened = visit(browser, site / "index.html")
    yield opened.page
    assert opened.said == []
    opened.page.context.close()


@pytest.fixture
def model(browser: Any, site: Path) -> Iterator[Any]:
    """The page of a model, with the table of its boards."""
    opened = visit(browser, site / "models" / "net.html")
    yield opened.page
    assert opened.said == []
    opened.page.context.close()


CUT = """() => [...document.querySelectorAll("main *, header *, footer *")].filter((e) => {
  const box = e.getBoundingClientRect();
  return box.width && !e.closest(".frame, .skip, .hidden, svg") && (box.right > innerWidth + 1 || box.left < -1);
}).map((e) => e.outerHTML.slice(0, 100))"""

OVERLAPPING = """() => {
  const boxes = [...document.querySelectorAll("h1, h2, main p, .answers > li, figure, .scroll, .names, nav, footer")]
    .filter((e) => e.getClientRects().length && !e.closest("dialog, details:not([open]) > :not(summary)"))
    .map((e) => [e, e.getBoundingClientRect()]);
  const found = [];
  for (const [a, p] of boxes) for (const [b, q] of boxes) {
    if (a === b || a.contains(b) || b.contains(a)) continue;
    const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    if (wide > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1)
      found.push(`${a.className || a.tagName} and ${b.className || b.tagName}`);
  }
  return found;
}"""


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_page_is_silent_whole_and_accessible(
    browser: Any, site: Path, page: str, width: int, scheme: str, tmp_path: Path
) -> None:
    # bypass_csp lets axe in; what the policy says of the page itself is seen by the other tests
    opened = visit(browser, site / page, width, scheme, bypass_csp=True)
    look = opened.page
    assert look.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert look.evaluate(CUT) == []
    assert look.evaluate(OVERLAPPING) == []
    look.screenshot(path=tmp_path / "page.png", full_page=True)
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    look.evaluate(axe)
    found = look.evaluate(f"axe.run({{preload: false, runOnly: {WCAG}}})")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
    assert len(found["passes"]) > 10
    assert opened.said == []
    look.context.close()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_keeps_its_own_policy_and_says_nothing(browser: Any, site: Path, page: str) -> None:
    opened = visit(browser, site / page, 390)
    opened.page.wait_for_timeout(100)
    assert opened.said == []
    assert opened.page.locator("table tbody tr").count() > 0
    opened.page.context.close()


def test_a_page_says_nothing_while_its_window_changes(index: Any) -> None:
    """The fixture looks at what it said. A drawing that changes its own frame would be told of by the browser."""
    for width in (900, 600, 390, 1280):
        index.set_viewport_size({"width": width, "height": 900})
        drawn = index.locator(".canvas > svg").first
        assert becomes(index, lambda drawn=drawn: drawn.evaluate("e => e.clientWidth === e.parentNode?.clientWidth"))


def texts(page: Any, column: int) -> list[str]:
    return [row.split("\t")[column] for row in page.locator("table.board tbody tr").all_inner_texts()]


def becomes(page: Any, told: Callable[[], bool]) -> bool:
    """Whether it is so within five seconds: tables are drawn a little after the key that asks for it."""
    for _ in range(100):
        if told():
            return True
        page.wait_for_timeout(50)
    return False


def test_a_table_is_sorted_by_mouse_and_by_keyboard(model: Any) -> None:
    def numbers() -> list[float]:
        return [float(t) for t in texts(model, 3) if t != "–"]

    head = model.locator("table.board th").nth(3)
    head.click()
    assert becomes(model, lambda: head.get_attribute("aria-sort") == "ascending")
    assert becomes(model, lambda: numbers() == sorted(numbers()))
    head.locator("[role=button]").focus()
    model.keyboard.press("Enter")
    assert becomes(model, lambda: head.get_attribute("aria-sort") == "descending")
    assert becomes(model, lambda: numbers() == sorted(numbers(), reverse=True))


def test_a_table_is_filtered_by_text_and_by_budget(model: Any) -> None:
    model.get_by_label("Search").first.fill("ancestral")
    assert becomes(model, lambda: {t.splitlines()[0] for t in texts(model, 2)} == {"ancestral"})
    model.get_by_label("Search").first.fill("")
    model.get_by_label("Budget").first.select_option("10")
    assert becomes(model, lambda: set(texts(model, 0)) == {"10"})
    assert EVIL in "".join(texts(model, 2))


def test_the_plot_answers_the_mouse_and_the_keyboard(index: Any) -> None:
    tip, points = index.locator(".tip"), index.locator(".point")
    assert points.count() == 20
    assert tip.is_hidden()
    points.nth(6).hover(force=True)
    by_mouse = tip.inner_text()
    assert "FID (mnist-cnn)" in by_mouse
    assert "95 %" in by_mouse
    index.mouse.move(2, 2)
    tip.wait_for(state="hidden")
    points.first.focus()
    first = tip.inner_text()
    index.keyboard.press("ArrowRight")
    second = tip.inner_text()
    assert first.splitlines()[0] == second.splitlines()[0]
    assert first != second
    index.keyboard.press("ArrowDown")
    assert tip.inner_text().splitlines()[0] != second.splitlines()[0]
    index.keyboard.press("Escape")
    tip.wait_for(state="hidden")


def test_the_plot_is_drawn_against_seconds_and_a_line_is_picked_by_its_name(
    index: Any,
) -> None:
    index.get_by_label("seconds", exact=True).check()
    assert index.locator(".canvas svg").get_attribute("data-cost") == "seconds"
    assert "seconds per 1,000 samples" in index.locator(".canvas svg").text_content()
    button = index.locator(".legend button").filter(has_text="heun")
    assert index.locator(".point.on, .line.on").count() == 0
    button.hover()
    assert index.locator(".point.on").count() == 4
    assert index.locator(".line.on .band").count() == 1
    button.click()
    index.mouse.move(2, 2)
    assert button.get_attribute("aria-pressed") == "true"
    assert index.locator(".picked .point.on").count() == 4
    assert float(index.locator(".point:not(.on)").first.evaluate("e => getComputedStyle(e).opacity")) < 0.5
    button.click()
    index.mouse.move(2, 2)
    assert index.locator(".picked").count() == 0


def test_published_figures_are_drawn_when_asked_for_and_say_what_they_are(index: Any) -> None:
    button = index.locator(".legend button").filter(has_text="published")
    assert button.get_attribute("aria-pressed") == "false"
    front = index.locator(".canvas svg path.front").get_attribute("d")
    caption = index.locator("figcaption").first
    assert "Hollow" not in caption.inner_text()
    button.click()
    assert "Hollow: as published" in caption.inner_text()
    assert index.locator(".point").count() == 29
    hollow = index.locator(".point.published .mark").first
    assert hollow.evaluate("e => getComputedStyle(e).fill") == "none"
    assert index.locator(".canvas svg path.front").get_attribute("d").count("V") == front.count("V")
    index.locator(".point.published").first.focus()
    said = index.locator(".tip").inner_text()
    for part in ("not measured here", "gls-DDPM README", "FID"):
        assert part in said


def test_the_page_of_a_certified_sampler_shows_its_order_and_its_error_budget(browser: Any, site: Path) -> None:
    opened = visit(browser, site / "samplers" / "heun.html")
    page = opened.page
    orders, budget = page.locator("figure.chart").all()
    assert "slope 2.00" in orders.text_content()
    assert orders.locator(".point").count() == 4
    orders.locator(".point").first.focus()
    assert "8 intervals" in orders.locator(".tip").inner_text()
    assert budget.locator(".point.whole").count() == 2
    assert budget.locator(".legend button").all_inner_texts() == ["truncation", "score", "together"]
    assert opened.said == []
    page.context.close()


def names_are_apart(page: Any) -> bool:
    """Whether no name in the plot, of which there are several, lies over another."""
    boxes = [name.bounding_box() for name in page.locator(".canvas svg .corner").all()]
    return len(boxes) > 1 and all(
        a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
        or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
        for a, b in combinations(boxes, 2)
    )  # fmt: skip


@pytest.mark.parametrize("width", [1280, 390])
def test_a_small_board_has_whole_evaluations_and_readable_names(browser: Any, tmp_path: Path, width: int) -> None:
    real = {"fid_reference": "mnist train 60000 741c9888", "nfe_requested": 20}
    pair = (
        {"sampler": "heun", "nfe": 19.0} | known(3.044, 0.5) | real,
        {"sampler": "my-euler", "nfe": 20.0} | known(2.458, 0.8) | real,
    )
    write_site(Site(rows(*pair), nothing_usual), tmp_path)
    opened = visit(browser, tmp_path / "index.html", width)
    assert "real test images: 2.97" in opened.page.locator(".guide").first.text_content()
    assert names_are_apart(opened.page)
    ticks = opened.page.locator(".grid text[text-anchor=middle]:not(.label)").all_text_contents()
    assert ticks == ["19", "20"]
    assert opened.said == []
    opened.page.context.close()


def test_of_many_lines_the_best_are_bright_and_no_name_lies_over_another(browser: Any, tmp_path: Path) -> None:
    busy = {"timing_valid": False, "wall_s": 7.25}
    many = [
        {"sampler": f"quite-a-long-name-{i}", "nfe_requested": n, "nfe": float(n)} | busy
        | known(90 / n + abs(i - n) + 1000 * (i == 19), 0.1) for i in range(20) for n in (5, 6, 7, 10, 11, 18)
    ]  # fmt: skip
    write_site(Site(rows(*many), nothing_usual), tmp_path)
    opened = visit(browser, tmp_path / "index.html")
    page = opened.page
    assert names_are_apart(page)
    pale = page.locator("details .legend")
    assert not pale.is_visible()
    page.get_by_text("13 others, grey").click()
    assert pale.is_visible()
    assert page.locator(".line.faint").count() == 13
    assert (shown := page.locator(".point").count()) < 120
    page.get_by_text("points outside").click()
    assert page.locator(".point").count() == 120 > shown
    page.goto((tmp_path / "models" / "net.html").as_uri())
    assert "Seconds" not in page.locator("table.board thead").inner_text()
    page.goto((tmp_path / "rows.html").as_uri())
    assert "7.25" not in page.locator("table.rows tbody").inner_text()
    assert opened.said == []
    page.context.close()


def test_the_legend_counts_the_other_lines_that_are_drawn(browser: Any, tmp_path: Path) -> None:
    some = [
        {"sampler": f"s{i}", "nfe_requested": n, "nfe": float(n), "timing_valid": i < 8, "samples_per_s": 100.0 + n}
        | known(4.0 + i, 0.1) for i in range(9) for n in (5, 8)
    ]  # fmt: skip
    write_site(Site(rows(*some), nothing_usual), tmp_path)
    opened = visit(browser, tmp_path / "index.html")
    page, others = opened.page, opened.page.locator(".legend summary")
    assert others.inner_text() == "2 others, grey"
    assert page.locator(".grid text[text-anchor=middle]:not(.label)").all_text_contents() == ["5", "8"]
    page.get_by_label("seconds", exact=True).check()
    assert others.inner_text() == "1 other, grey"
    assert "Left out: 2 without seconds" in page.locator("figcaption").inner_text()
    assert opened.said == []
    page.context.close()


def test_the_plot_is_above_the_fold_and_the_matrix_under_it(browser: Any, site: Path) -> None:
    for width, height in ((1280, 800), (390, 844)):
        opened = visit(browser, site / "index.html", width)
        page = opened.page
        page.set_viewport_size({"width": width, "height": height})
        page.locator(".canvas svg").wait_for()
        plot, table = (page.locator(css).first.bounding_box() for css in (".canvas svg", "table.matrix"))
        assert plot["y"] + plot["height"] <= height
        assert plot["y"] + plot["height"] < table["y"] < page.locator(".answers").bounding_box()["y"]
        for card in page.locator(".answers > li").all():
            assert card.bounding_box()["height"] < height / 2
        page.context.close()


def test_without_javascript_the_matrix_the_answers_and_the_commands_are_there(browser: Any, site: Path) -> None:
    page = visit(browser, site / "index.html", java_script_enabled=False).page
    assert page.locator("table.matrix tbody tr").count() == 6
    page.locator(".answers summary").first.click()
    assert "benchbox run --sampler heun --nfe 5" in page.locator(".answers code").first.inner_text()
    assert "The plot needs JavaScript" in page.locator("figure.chart").first.inner_text()
    page.context.close()


def test_a_picture_is_loaded(index: Any) -> None:
    assert index.locator("figure.picture img").evaluate("e => e.complete && e.naturalWidth") == 1


def test_the_details_of_a_line_open_and_close(model: Any) -> None:
    more = model.locator("table.board .more").first
    more.click()
    assert "benchbox run --sampler heun --nfe 5" in model.locator("dialog code").inner_text()
    model.keyboard.press("Escape")
    model.locator("dialog").wait_for(state="detached")  # the browser tells of the closing a little later
    assert more.evaluate("e => e === document.activeElement")


def test_the_index_says_what_to_use_at_ten_evaluations(index: Any) -> None:
    card = index.locator(".answers li").filter(has_text="10 evaluations").first
    said = card.inner_text()
    for text in ("heun", "FID 8.000 ± 0.098", "Significantly better than all 4 others", "s per 1,000"):
        assert text in said
    assert "benchbox run" not in said
    card.get_by_text("Command").click()
    assert "benchbox run --sampler heun --nfe 10" in " ".join(card.inner_text().split())


def test_a_plot_of_its_own_is_a_page_that_works(browser: Any, tmp_path: Path) -> None:
    from benchbox.report.page.single import write_charts
    from benchbox.report.plots.quality import quality_chart, series
    from benchbox.report.ranking import boards

    group = series(boards(rows(*lines())))[0]
    costs = ("nfe", "seconds")
    write_charts({c: quality_chart(group, c, nothing_usual) for c in costs}, tmp_path / "plot.html")  # type: ignore[misc, arg-type]
    opened = visit(browser, tmp_path / "plot.html", 390, "dark")
    opened.page.locator(".point").first.focus()
    opened.page.locator(".tip").wait_for(state="visible")
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.said == []
    opened.page.context.close()
