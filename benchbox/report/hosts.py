"""Where a publication goes: a branch of a git repository, or a Hugging Face data set."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchbox.errors import UsageError

ROWS = "data/rows.parquet"


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

    def fetch_rows(self, folder: Path) -> None:
        """Write the rows that the branch holds into a folder, where it holds some."""
        if self.git("cat-file", "-t", f"{self.ref}:{ROWS}", check=False) == "blob":
            command = ["git", "-C", str(self.repository), "cat-file", "blob", f"{self.ref}:{ROWS}"]
            (folder / "rows.parquet").write_bytes(subprocess.run(command, capture_output=True, check=True).stdout)

    def commit(self, folder: Path, message: str) -> str:
        """Make a folder the branch's content, in a commit on top of it; its name, or "" where nothing changed."""
        parent = self.git("rev-parse", "-q", "--verify", f"{self.ref}^{{commit}}", check=False)
        with tempfile.TemporaryDirectory() as scratch:
            index = str(Path(scratch) / "index")
            self.git("add", "--all", "--force", ".", index=index, tree=folder)
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

    def fetch_rows(self, folder: Path) -> None:
        """Write the rows that the data set holds into a folder, where it holds some."""
        if self.call("repo_exists") and self.call("file_exists", filename=ROWS):
            found = Path(self.call("hf_hub_download", filename=ROWS))
            (folder / "rows.parquet").write_bytes(found.read_bytes())

    def upload(self, folder: Path, message: str) -> str:
        """Make a folder the data set's content; the address of the commit."""
        self.call("create_repo", exist_ok=True)
        return str(self.call("upload_folder", folder_path=str(folder), commit_message=message))
