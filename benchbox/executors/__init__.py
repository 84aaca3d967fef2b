"""The built-in executors."""

from benchbox.executor import Executor
from benchbox.executors.local import Local
from benchbox.hookspecs import hookimpl


@hookimpl
def benchbox_executors() -> list[type[Executor]]:
    return [Local]
