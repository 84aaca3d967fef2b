"""benchbox publish: publish the rows with a site made from them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from benchbox.cli.common import console
from benchbox.cli.rows import rows_in, site_of
from benchbox.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from benchbox.report.hosts import Branch, DataSet
    from benchbox.report.page.site import Site


def publish(
    directory: Annotated[Path, typer.Argument(help="A results directory, or a published folder.")] = Path("results"),
    to: Annotated[Literal["folder", "git", "hf"], typer.Option("--to", help="Kind of target.")] = "folder",
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", help="The folder, the git repository [default: .] or the hub's data set OWNER/NAME."
        ),
    ] = None,
    branch: Annotated[str, typer.Option(help="--to git: the branch to write.")] = "gh-pages",
    merge: Annotated[
        list[str] | None, typer.Option(help="Also publish the rows of somebody else.", metavar="NAME=DIRECTORY")
    ] = None,
    keep: Annotated[
        Literal["last", "all"], typer.Option(help="If a cell was measured several times: keep the last row, or all.")
    ] = "last",
    certificate: Annotated[list[Path] | None, typer.Option(help="Output of benchbox check [--budget] --json.")] = None,
    picture: Annotated[list[Path] | None, typer.Option(help="A .png from benchbox plot.")] = None,
) -> None:
    """Check the rows, merge them with those already published and those of others, and publish them with a site."""
    if output is None and to != "git":
        raise UsageError(f"publish --to {to} needs --output: {'a folder' if to == 'folder' else 'OWNER/NAME'}.")
    target, others = output or ".", dict(_name_and_path(text) for text in merge or [])
    publication = Publication(rows_in(directory), others, keep, certificate or [], picture or [])
    message = {"folder": to_folder, "git": to_git, "hf": to_hub}[to](publication, target, branch)
    console.print(message, markup=False, soft_wrap=True)


class Publication:
    """The rows to publish, and what goes with them."""

    def __init__(
        self, rows: pd.DataFrame, others: dict[str, Path], keep: Literal["last", "all"], checks: list[Path],
        pictures: list[Path],
    ) -> None:  # fmt: skip
        self.rows, self.keep, self.checks, self.pictures = rows, keep, checks, pictures
        self.others = {name: rows_in(directory) for name, directory in others.items()}

    def site(self, previous: Path) -> Site:
        """The site, with the rows of the previous site in a folder. UsageError for incomplete or dishonest rows."""
        import pandas as pd

        from benchbox.report.publish import check_publishable, merged_rows

        earlier = [rows_in(previous / "data")] if any(previous.glob("data/*.parquet")) else []
        rows = merged_rows(pd.concat([*earlier, self.rows], ignore_index=True), self.others, self.keep)
        check_publishable(rows)
        return site_of(rows, self.checks, self.pictures)


def _name_and_path(text: str) -> tuple[str, Path]:
    name, equals, directory = text.partition("=")
    if not (name and equals and Path(directory).is_dir()):
        raise UsageError(f"--merge {text!r} is not valid: give NAME=DIRECTORY, where NAME is the source of the rows.")
    return name, Path(directory)


def to_folder(publication: Publication, target: str, branch: str) -> str:
    from benchbox.report.publish import write_folder

    folder = Path(target)
    site = publication.site(folder)
    write_folder(site, folder)
    return f"{len(site.rows):,} rows in {folder}: open {folder / 'index.html'}"


def to_git(publication: Publication, target: str, branch: str) -> str:
    from benchbox.report.hosts import Branch
    from benchbox.report.publish import write_workflow

    repository = Branch(Path(target), branch)
    with staged(publication, repository) as (site, folder, gone):
        write_workflow(folder)
        commit = repository.commit(folder, f"Results: {len(site.rows):,} rows", gone)
    if not commit:
        return f"branch {branch} already has these {len(site.rows):,} rows"
    return f"{len(site.rows):,} rows on branch {branch} as {commit[:10]}: git push origin {branch}"


def to_hub(publication: Publication, target: str, branch: str) -> str:
    from benchbox.report.hosts import DataSet

    data_set = DataSet(target)
    with staged(publication, data_set) as (site, folder, gone):
        return f"{len(site.rows):,} rows: {data_set.upload(folder, f'Results: {len(site.rows):,} rows', gone)}"


@contextmanager
def staged(publication: Publication, target: Branch | DataSet) -> Iterator[tuple[Site, Path, list[str]]]:
    """The site for a target, the folder that contains it, and the files of the previous site that it no longer has."""
    from benchbox.report.hosts import keep_files
    from benchbox.report.page import manifest
    from benchbox.report.page.folder import refuse_other_site
    from benchbox.report.publish import write_folder

    with tempfile.TemporaryDirectory() as scratch:
        previous, folder = Path(scratch) / "previous", Path(scratch) / "site"
        previous.mkdir()
        target.fetch(previous)
        refuse_other_site(previous, "choose another branch or data set")
        site = publication.site(previous)
        keep_files(previous, folder)
        write_folder(site, folder)
        gone = manifest.gone(manifest.read_manifest(previous), manifest.read_manifest(folder))
        yield site, folder, [name for name in gone if not (folder / name).exists()]
