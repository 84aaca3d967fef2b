"""A sweep's TOML and comma lists: what a shell would have made of the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command
from hypothesis import given
from hypothesis import strategies as st

from benchbox.cli.config import as_typed
from benchbox.commas import comma_list, quoted
from benchbox.errors import UsageError


@given(items=st.lists(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1), min_size=1))
def test_a_quoted_list_is_read_as_it_was_written(items: list[str]) -> None:
    wanted = [item.strip() for item in items]
    text = ",".join(quoted(item) for item in wanted)
    if all(wanted):
        assert comma_list(text) == wanted


def test_a_comma_in_the_name_of_a_file_that_is_there_belongs_to_it(tmp_path: Path) -> None:
    odd = tmp_path / "a, b,c.npz"
    odd.touch()
    assert comma_list(f"one.npz,{odd},two.npz") == ["one.npz", str(odd), "two.npz"]
    assert comma_list(f"torchscript:{odd},gaussian") == [f"torchscript:{odd}", "gaussian"]
    assert comma_list("heun, ddim") == ["heun", "ddim"]
    with pytest.raises(UsageError, match="is not a comma list"):
        comma_list('"heun,ddim')


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("nfe", [5, 7], "5,7"), ("samples", 8.5, "8.5"), ("force", True, "True"), ("model", ["a,b.json"], '"a,b.json"'),
        ("set", {"ddim": {"eta": [0.0, 0.5]}, "data": ["a,b.npz"]}, ["ddim.eta=0.0,0.5", 'data="a,b.npz"']),
        ("results", "~/r", str(Path("~/r").expanduser())),
    ],
)  # fmt: skip
def test_a_value_becomes_the_words_of_a_command(name: str, value: Any, text: Any) -> None:
    assert as_typed(name, value) == text


@pytest.mark.parametrize("value", [[[1]], {"a": 1}, [{}], None])
def test_a_value_that_no_option_takes_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"nfe = .* is not valid: use text, a number, true, false"):
        as_typed("nfe", value)


def test_a_config_of_windows_with_a_folder_of_the_user_is_read(
    benchbox: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "a,b").mkdir(parents=True)
    np.save(tmp_path / "home" / "a,b" / "mean.npy", np.arange(4.0))
    Path("sweep.toml").write_text(
        'sampler = "heun"\nnfe = 3\nmodel = "gaussian"\nmetric = "w2"\nsamples = 8\nresults = "~/r"\n'
        '[set]\nmean = "~/a,b/mean.npy"\n',
        encoding="utf-16",
    )
    done = benchbox("run", "--config", "sweep.toml")
    assert done.status == 0, done.err
    assert len(list((tmp_path / "home" / "r").glob("*.parquet"))) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"samples = 8.5", "invalid value for '--samples'"),
        (b"nfe = true", "--nfe"),
        ("sampler = 'größe'".encode("latin-1"), "sweep.toml is not a TOML file: 'utf-8' codec can't decode"),
        (b"", ""),
    ],
)
def test_a_value_of_the_wrong_type_or_encoding_is_one_sentence(benchbox: Command, content: bytes, says: str) -> None:
    Path("sweep.toml").write_bytes(content)
    done = benchbox("run", "--config", "sweep.toml", "--sampler", "heun", "--model", "gaussian", "--results", "r")
    assert done.status == 2
    assert says in done.sentence
