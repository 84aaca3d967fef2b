"""A pool of worker processes; each is kept for later tasks that may share it."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from benchbox.bench.shard_result import ShardResult
from benchbox.executor import Executable, Lost
from benchbox.workers.ending import STOPPED
from benchbox.workers.memory import available
from benchbox.workers.process import GIB, Worker
from benchbox.workers.wire import TaskMessage

SHARE = 0.9
"""The share of the available memory that all workers together may use."""


class Pool:
    """Runs tasks in at most `workers` processes, each on `threads` threads and within `memory_gb` GiB.

    Default: the threads of this process divided among them, and 90 % of the available memory.
    """

    def __init__(self, workers: int, threads: int | None, memory_gb: float | None) -> None:
        self.workers, self.memory_gb = workers, memory_gb
        self.threads = threads or max(own_threads() // workers, 1)
        self.drivers = ThreadPoolExecutor(workers, thread_name_prefix="benchbox-worker")
        self.lock, self.closed = threading.Lock(), False
        self.idle: list[Worker] = []
        self.busy: set[Worker] = set()

    def submit(self, task: Executable, shard: Any) -> Future[ShardResult]:
        return self.drivers.submit(self._run, task, shard)

    def _run(self, task: Executable, shard: Any) -> ShardResult:
        message = TaskMessage.of(task, shard)
        worker = self._take(message)
        try:
            return worker.run(message, task.tick)
        finally:
            self._give_back(worker)

    def _take(self, message: TaskMessage) -> Worker:
        """An idle worker that may run the task; otherwise a new one, which replaces idle ones that may not."""
        gone: list[Worker] = []
        try:
            with self.lock:
                if self.closed:
                    raise Lost(*STOPPED)
                fitting = next((worker for worker in self.idle if worker.usable and worker.fits(message)), None)
                if fitting:
                    self.idle.remove(fitting)
                while not fitting and self.idle and len(self.idle) + len(self.busy) >= self.workers:
                    gone.append(self.idle.pop(0))
                taken = fitting or Worker(message.packages, self.threads, self._memory())
                self.busy.add(taken)
                return taken
        finally:
            for worker in gone:
                worker.close()

    def _memory(self) -> int:
        if self.memory_gb is not None:
            return int(self.memory_gb * GIB)
        return int(SHARE * available() / self.workers)

    def _give_back(self, worker: Worker) -> None:
        with self.lock:
            self.busy.remove(worker)
            if again := worker.usable and not self.closed:
                self.idle.append(worker)
        if not again:
            worker.close()

    def shutdown(self) -> None:
        """End all workers; the futures of running tasks raise Lost."""
        with self.lock:
            self.closed = True
            for worker in self.busy:
                worker.stop()
            idle, self.idle = self.idle, []
        for worker in idle:
            worker.close()
        self.drivers.shutdown(cancel_futures=True)


def own_threads() -> int:
    """The number of torch's threads in this process, or of cores if torch is not loaded."""
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch else os.cpu_count() or 1
