"""The files and functions of benchbox that one small run passes: `python benchmarks/profile_run.py [--list]`.

Counted are the functions and methods of `benchbox/` that are called, imports included, from the command line to the end
of the command; lambdas, comprehensions and the bodies of modules and classes are not.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections import Counter, defaultdict
from inspect import CO_OPTIMIZED
from pathlib import Path
from types import FrameType
from typing import Any

from benchbox.cli.main import main

COMMAND = "run --sampler heun --nfe 18 --samples 16 --model gaussian --results"
ROOT = Path(sys.modules["benchbox"].__file__ or "").parent


def calls_of(arguments: list[str]) -> Counter[tuple[str, str]]:
    """How often the command calls each function, by file and name."""
    calls: Counter[tuple[str, str]] = Counter()

    def count(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        named = code.co_flags & CO_OPTIMIZED and not code.co_name.startswith("<")
        if event == "call" and named and code.co_filename.startswith(str(ROOT)):
            calls[str(Path(code.co_filename).relative_to(ROOT)), code.co_qualname] += 1

    sys.argv[1:] = arguments
    threading.setprofile(count)
    sys.setprofile(count)
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]  # None is documented
    return calls


if __name__ == "__main__":
    every = "--list" in sys.argv
    with tempfile.TemporaryDirectory() as directory:
        calls = calls_of([*COMMAND.split(), str(Path(directory, "results"))])
    by_file = defaultdict(list)
    for (file, name), n in sorted(calls.items()):
        by_file[file].append(f"{name} ×{n}")
    for file, names in by_file.items() if every else ():
        print(file, *names, sep="\n    ")
    print(f"benchbox {COMMAND} DIR: {len(by_file)} files, {len(calls)} functions, {calls.total()} calls")
