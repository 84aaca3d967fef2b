"""Where a publication goes: a branch of a git repository, or a Hugging Face data set."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError
from benchbox.report.page.manifest import MANIFEST_FILE, ROWS_FILE

KNOWN_FILES = (ROWS_FILE, MANIFEST_FILE)
"""What is read before a site is replaced."""


class Branch:
    """A branch of a git repository, written without touching its working tree, its index or what is checked out."""

    def __init__(self, repository: Path, branch: str) -> None:
        self.repository, self.branch = repository, branch
        self.ref = f"refs/heads/{branch}"
        self.git("rev-parse", "--git-dir")
        self.git("check-ref-format", self.ref)
        if self.git("symbolic-ref", "-q", "HEAD", check=False) == self.ref:
            raise UsageError(f"branch {branch} is checked out in {repository}: publish to another one.")

    def git(self, *words: str, index: str = "", tree: Path | None = None, check: bool = True) -> str:
        """What git says. UsageError where it fails, with its own words."""
        extra = {"GIT_INDEX_FILE": index} if index else {}
        where = [f"--work-tree={tree}"] if tree else []
        try:
            done = subprocess.run(
                ["git", "-C", self.repository, *where, *words], env=os.environ | extra, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
        except OSError as error:
            raise UsageError(f"git cannot be run: {error.strerror}.") from None
        if check and done.returncode:
            said = (done.stderr.strip().splitlines() or ["it failed"])[-1].removeprefix("fatal: ")
            raise UsageError(f"git {words[0]} in {self.repository}: {said.rstrip('.')}.")
        return done.stdout.strip()

    def fetch(self, folder: Path) -> None:
        """Write what the next site has to know into a folder: the rows and the manifest of the branch."""
        for name in KNOWN_FILES:
            if self.git("cat-file", "-t", f"{self.ref}:{name}", check=False) == "blob":
                command = ["git", "-C", str(self.repository), "cat-file", "blob", f"{self.ref}:{name}"]
                copied(folder, name, subprocess.run(command, capture_output=True, check=True).stdout)

    def commit(self, folder: Path, message: str, gone: Sequence[str] = ()) -> str:
        """Put a folder on the branch, without the files that are gone, in a commit on top of it.

        Its name, or "" where nothing changed. Other files of the branch stay.
        """
        parent = self.git("rev-parse", "-q", "--verify", f"{self.ref}^{{commit}}", check=False)
        with tempfile.TemporaryDirectory() as scratch:
            index = str(Path(scratch) / "index")
            if parent:
                self.git("read-tree", parent, index=index)
            if gone:
                self.git("update-index", "--force-remove", "--", *gone, index=index, tree=folder)
            self.git("add", "--ignore-removal", "--force", ".", index=index, tree=folder)
            tree = self.git("write-tree", index=index)
        if parent and self.git("rev-parse", f"{parent}^{{tree}}") == tree:
            return ""
        commit = self.git("commit-tree", tree, "-m", message, *(["-p", parent] if parent else []))
        self.git("update-ref", "-m", message, self.ref, commit, parent or "0" * len(commit))
        return commit


class DataSet:
    """A data set on the Hugging Face hub; who publishes is logged in with its own tools."""

    def __init__(self, name: str) -> None:
        try:
            import huggingface_hub
        except ImportError:
            raise UsageError(
                "publishing to a hub needs huggingface_hub: install benchbox-diffusion[publish]."
            ) from None
        self.name, self.hub = name, huggingface_hub

    def call(self, what: str, **arguments: Any) -> Any:
        """A call of the hub's client. UsageError where it refuses, with its own words."""
        try:
            return getattr(self.hub.HfApi(), what)(repo_id=self.name, repo_type="dataset", **arguments)
        except Exception as error:
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(f"the hub refused {what} for {self.name}: {said.rstrip('.')}.") from error

    def fetch(self, folder: Path) -> None:
        """Write what the next site has to know into a folder: the rows and the manifest of the data set."""
        for name in KNOWN_FILES if self.call("repo_exists") else ():
            if self.call("file_exists", filename=name):
                copied(folder, name, Path(self.call("hf_hub_download", filename=name)).read_bytes())

    def upload(self, folder: Path, message: str, gone: Sequence[str] = ()) -> str:
        """Put a folder into the data set, and remove the files that are gone; the address of the commit."""
        self.call("create_repo", exist_ok=True)
        told = {"folder_path": str(folder), "commit_message": message, "delete_patterns": list(gone)}
        return str(self.call("upload_folder", **told))


def copied(folder: Path, name: str, content: bytes) -> None:
    """Write a file into a folder, at its place there."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
