"""The built-in executors."""

from benchbox.executor import Executor
from benchbox.executors.local import Local
from benchbox.executors.on_ray import Ray
from benchbox.hookspecs import hookimpl


@hookimpl
def benchbox_executors() -> list[type[Executor]]:
    return [Local, Ray]
