"""The share of one-token mutants of samplers that the rules of `benchbox check` reject.

    python benchmarks/mutants.py --generic ddim heun     # without the published formulas of the built-ins
    python benchmarks/mutants.py --sample 24 --seed 3    # a random sample of the mutants of each built-in sampler

The rates in docs/certificates.md come from this script. All mutants of all built-ins take about an hour on one core.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from benchbox import get
from benchbox.exact.mutation_score import MutationScore, mutation_score
from benchbox.registry import DISTRIBUTION, registry


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0], epilog="`benchbox list samplers` shows the names of samplers."
    )
    parser.add_argument("names", nargs="*", metavar="SAMPLER", help="installed samplers [default: the built-ins]")
    parser.add_argument("--generic", action="store_true", help="without the published formulas of the built-ins")
    parser.add_argument("--sample", type=int, metavar="N", help="N random mutants of each sampler [default: all]")
    parser.add_argument("--seed", type=int, default=0, help="seed of --sample [default: 0]")
    return parser.parse_args()


def built_ins() -> list[str]:
    return [n for n in registry().names("sampler") if registry().find("sampler", n).package == DISTRIBUTION]


def show(score: MutationScore) -> None:
    print(score)
    for mutant in score.survivors:
        print(f"  survives  {mutant}")
    for name, count in Counter(fault.name for _, fault in score.rejected).most_common():
        print(f"{count:5d}  first rejected by {name}")


def main() -> None:
    options = arguments()
    for name in options.names or built_ins():
        start = time.process_time()
        score = mutation_score(
            get("sampler", name), options.sample, options.seed, options.generic,
            tick=lambda done, total: print(f"\r{done}/{total} ", end="", file=sys.stderr, flush=True),
        )  # fmt: skip
        print("\r", end="", file=sys.stderr)
        show(score)
        print(f"  {time.process_time() - start:.0f} s of CPU\n", flush=True)


if __name__ == "__main__":
    main()
