"""The documentation as a site: python docs/site.py OUTPUT [RESULTS]

Builds every page with mkdocs-material (`pip install '.[docs]'`), as mkdocs.yml says, and a reference page for each kind
of plugin, from the plugins that are installed. With a results directory, its boards are in OUTPUT/board. The site needs
nothing from elsewhere: OUTPUT/index.html opens from disk, with its search. A link that leads nowhere is an error.
"""

from __future__ import annotations

import logging
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mkdocs.commands.build import build
from mkdocs.config import load_config

from benchbox.cli.info import plugin_facts
from benchbox.cli.list import plugin_values
from benchbox.cli.publish import Publication, to_folder
from benchbox.cli.rows import rows_in
from benchbox.plugin import BASES, Offer, paragraphs
from benchbox.registry import registry

ROOT = Path(__file__).parents[1]
PAGES = (
    "*.md", "CITATION.cff", "LICENSE", "docs/*", "docs/assets/*", "results/*.md", "results/*/*.md", "plugins/*.md",
    "plugins/*/*.md", "benchbox/report/page/assets/vendor/*.md",
)  # fmt: skip
"""What the site shows, or links to."""


def collect(folder: Path) -> None:
    """Copy the pages, each to its place in the repository, so that their links hold."""
    for path in sorted(path for pattern in PAGES for path in ROOT.glob(pattern) if path.is_file()):
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def reference(folder: Path) -> None:
    """Write the page of each kind of plugin."""
    (folder / "reference").mkdir()
    for kind in BASES:
        plugins = [plugin for name in registry().names(kind) for plugin in registry().offers(kind, name)[:1]]
        text = "\n".join([f"# {kind.capitalize()}s\n", *map(described, plugins)])
        (folder / "reference" / f"{kind}s.md").write_text(text, encoding="utf-8")


def described(plugin: Offer) -> str:
    """A plugin as `benchbox info` describes it, in Markdown."""
    aliases = f", also called {', '.join(plugin.listing.aliases)}" if plugin.listing.aliases else ""
    lines = [f"## {plugin.listing.name}\n", f"*{plugin.package} {plugin.version}{aliases}*\n"]
    lines += [f"{as_text(paragraph)}\n" for paragraph in paragraphs(plugin.cls)]
    options = plugin_values(plugin)["options"]
    if options:
        lines += ["| option | takes | default |", "|---|---|---|"]
        lines += [f"| `{o['name']}` | {as_text(o['takes'])} | {as_text(o['default'])} |" for o in options]
    facts = plugin_facts(plugin.listing.kind, plugin.cls)
    return "\n".join([*lines, "", *(f"- {key}: {as_text(value)}" for key, value in facts.items()), ""])


def as_text(value: Any) -> str:
    """Text as Markdown that shows it as it is."""
    text = "–" if value is None else str(value)
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|" else letter for letter in text)


def main(output: Path, results: Path | None = None) -> None:
    """Build the site in a folder, with the boards of a results directory."""
    with TemporaryDirectory() as name:
        pages = Path(name)
        collect(pages)
        reference(pages)
        config = load_config(str(ROOT / "mkdocs.yml"), docs_dir=name, site_dir=str(output.resolve()), strict=True)
        if results:
            config.nav[-1]["Results"].insert(1, {"Boards": "board/index.html"})
            config.validation.nav.not_found = logging.INFO  # it is written afterwards
        build(config)
    if results:
        print(to_folder(Publication(rows_in(results), {}, "last", [], []), str(output / "board"), ""))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(*map(Path, sys.argv[1:]))
