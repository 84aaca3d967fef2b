"""Features of images on a GPU: what the host does with them runs while the next batch is made."""

from __future__ import annotations

from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
from images import RANGE, blobs, fake_extractor
from torch import Tensor

from benchbox.metrics import chunks
from benchbox.metrics.chunks import MOST_PENDING, Chunks


@pytest.fixture
def as_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "on_gpu", lambda images: True)


def fed_to(take: Any, images: Tensor, batch_size: int = 64) -> Chunks:
    made = Chunks(fake_extractor(), "fid", RANGE, take)
    for batch, index in zip(images.split(batch_size), torch.arange(len(images)).split(batch_size), strict=True):
        made.update(batch, index)
    return made


def test_the_host_works_on_features_while_the_next_batch_is_made(as_on_gpu: None) -> None:
    sampling, taken = Event(), list[int]()

    def take(features: Any, index: Any) -> None:
        assert sampling.wait(timeout=60)  # were it called in the sampling thread, nothing would end this wait
        taken.extend(index)

    made = fed_to(take, blobs(128, 1))
    assert not taken
    sampling.set()
    made.flush()
    assert taken == list(range(128))


def test_features_are_taken_in_order_and_are_those_of_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []
    for gpu in (False, True):
        monkeypatch.setattr(chunks, "on_gpu", lambda images, gpu=gpu: gpu)
        taken: list[tuple[Any, Any]] = []
        fed_to(lambda *both, taken=taken: taken.append(both), blobs(300, 2), 7).flush()
        runs.append([np.concatenate(arrays) for arrays in zip(*taken, strict=True)])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_error_in_the_thread_is_an_error_of_the_metric(as_on_gpu: None) -> None:
    def take(features: Any, index: Any) -> None:
        raise ValueError("wrong dimension")

    made = fed_to(take, blobs(64, 1))
    with pytest.raises(ValueError, match="wrong dimension"):
        made.flush()


def test_the_features_that_wait_are_bounded(as_on_gpu: None) -> None:
    made = fed_to(lambda features, index: None, blobs(64 * (MOST_PENDING + 3), 1))
    assert len(made.pending) <= MOST_PENDING
