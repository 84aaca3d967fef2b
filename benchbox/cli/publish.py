"""benchbox publish: the results as a site, with their rows, for everybody."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from benchbox.cli.common import console
from benchbox.cli.rows import rows_in
from benchbox.cli.site import site_of
from benchbox.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from benchbox.report.hosts import Branch, DataSet
    from benchbox.report.page.site import Site


def publish(
    directory: Annotated[Path, typer.Argument(help="A results directory, or a published folder.")] = Path("results"),
    to: Annotated[Literal["folder", "git", "hf"], typer.Option("--to", help="Where to.")] = "folder",
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="The folder, the git repository [default: .] or the data set OWNER/NAME."),
    ] = None,
    branch: Annotated[str, typer.Option(help="--to git: the branch that is written.")] = "gh-pages",
    merge: Annotated[list[str] | None, typer.Option(help="Rows of somebody else.", metavar="NAME=DIRECTORY")] = None,
    keep: Annotated[
        Literal["last", "all"], typer.Option(help="Of a cell measured several times: the last one, or all.")
    ] = "last",
    certificate: Annotated[list[Path] | None, typer.Option(help="JSON of benchbox check [--budget] --json.")] = None,
    picture: Annotated[list[Path] | None, typer.Option(help="A .png of benchbox plot.")] = None,
) -> None:
    """Check the rows, merge them with those published before and those of others, and publish them with their page."""
    if output is None and to != "git":
        raise UsageError(f"publish --to {to} needs --output: {'a folder' if to == 'folder' else 'OWNER/NAME'}.")
    where, others = output or ".", dict(_name_and_path(text) for text in merge or [])
    publication = Publication(rows_in(directory), others, keep, certificate or [], picture or [])
    console.print(
        {"folder": folder, "git": git, "hf": hub}[to](publication, where, branch), markup=False, soft_wrap=True
    )


class Publication:
    """The rows to publish, and what goes with them."""

    def __init__(
        self, own: pd.DataFrame, others: dict[str, Path], keep: Literal["last", "all"], checks: list[Path],
        pictures: list[Path],
    ) -> None:  # fmt: skip
        self.own, self.keep, self.checks, self.pictures = own, keep, checks, pictures
        self.others = {name: rows_in(place) for name, place in others.items()}

    def site(self, before: Path) -> Site:
        """Its site, with the rows of the one before, in a folder. UsageError for rows that are not whole or honest."""
        import pandas as pd

        from benchbox.report.publish import check_publishable, merged_rows

        earlier = [rows_in(before / "data")] if any(before.glob("data/*.parquet")) else []
        rows = merged_rows(pd.concat([*earlier, self.own], ignore_index=True), self.others, self.keep)
        check_publishable(rows)
        return site_of(rows, self.checks, self.pictures)


def _name_and_path(text: str) -> tuple[str, Path]:
    name, equals, place = text.partition("=")
    if not (name and equals and Path(place).is_dir()):
        raise UsageError(f"--merge {text!r} is not valid: give NAME=DIRECTORY, where NAME says who measured.")
    return name, Path(place)


def folder(publication: Publication, where: str, branch: str) -> str:
    from benchbox.report.publish import write_folder

    site = publication.site(Path(where))
    write_folder(site, Path(where))
    return f"{len(site.rows):,} rows in {where}: open {Path(where) / 'index.html'}"


def git(publication: Publication, where: str, branch: str) -> str:
    from benchbox.report.hosts import Branch

    target = Branch(Path(where), branch)
    with staged(publication, target) as (site, made, gone):
        commit = target.commit(made, f"Results: {len(site.rows):,} rows", gone)
    if not commit:
        return f"branch {branch} has these {len(site.rows):,} rows already"
    return f"{len(site.rows):,} rows on branch {branch} as {commit[:10]}: git push origin {branch}"


def hub(publication: Publication, where: str, branch: str) -> str:
    from benchbox.report.hosts import DataSet

    target = DataSet(where)
    with staged(publication, target) as (site, made, gone):
        return f"{len(site.rows):,} rows: {target.upload(made, f'Results: {len(site.rows):,} rows', gone)}"


@contextmanager
def staged(publication: Publication, target: Branch | DataSet) -> Iterator[tuple[Site, Path, list[str]]]:
    """The site for a target, the folder in which it was made, and the files of the one before that are gone."""
    from benchbox.report.page import manifest
    from benchbox.report.publish import write_folder

    with tempfile.TemporaryDirectory() as before, tempfile.TemporaryDirectory() as made:
        target.fetch(Path(before))
        site = publication.site(Path(before))
        write_folder(site, Path(made))
        yield site, Path(made), manifest.gone(manifest.read_manifest(Path(before)), manifest.read_manifest(Path(made)))
