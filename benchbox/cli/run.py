"""benchbox run: samplers against each other, measured."""

from __future__ import annotations

import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from benchbox.cli.common import console, counted, devices, errors, say
from benchbox.errors import UsageError, unknown

if TYPE_CHECKING:
    from benchbox.bench.saving import Saver
    from benchbox.bench.sweep import Request
    from benchbox.executor import Executor


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """A sweep.toml gives defaults under the names of the options; the command line wins."""
    if path is None:
        return None
    try:
        values = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"--config {path} cannot be read: {error}.") from None
    names = {p.name.rstrip("_"): p.name for p in context.command.params if p.name}
    for name in values:
        if name.replace("-", "_") not in names:
            raise unknown(f"option in {path}", name, [n.replace("_", "-") for n in names])
    context.default_map = {names[k.replace("-", "_")]: flat(k, v) for k, v in values.items()}
    return path


def flat(name: str, value: Any) -> Any:
    """Lists as the command line writes them: commas, but --set is given once per item."""
    if name == "set":
        return list(settings(value)) if isinstance(value, dict) else [value] if isinstance(value, str) else value
    return ",".join(map(str, value)) if isinstance(value, list) else value


def settings(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """OPTION=V,… of a table; TOML reads ddim.eta = 1 as a table ddim in it."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from settings(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={flat(key, value)}"


def run(
    sampler: Annotated[str, typer.Option(help="Samplers: a comma list of names (benchbox list samplers).")],
    nfe: Annotated[
        str | None, typer.Option(help="Budgets: 18,35,50 or a range 18-50:8, evaluations per sample.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Models, a card (.json), torchscript:FILE or py:MODULE:FUNCTION.")
    ] = "mnist-edm",
    schedule: Annotated[str | None, typer.Option(help="Noise schedules [default: the model's own].")] = None,
    grid: Annotated[
        str | None, typer.Option(help="Grids [default: the sampler's recommended one, else the model's].")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="Metrics, or none [default: the model's].")] = None,
    samples: Annotated[int, typer.Option(min=1, help="Samples per cell.")] = 1000,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    seed: Annotated[str, typer.Option(help="Seeds: 0,1,2 or a range 0-4.")] = "0",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 … or auto.")] = "auto",
    dtype: Annotated[
        Literal["float32", "float64", "bfloat16", "float16"], typer.Option(help="What the network computes in.")
    ] = "float32",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="[PLUGIN.]OPTION=V[,V…], repeatable; values make a product.")
    ] = None,
    nfe_policy: Annotated[
        Literal["floor", "exact", "skip"],
        typer.Option(help="A budget that cannot be met exactly: spend less, refuse, or skip."),
    ] = "floor",
    final: Annotated[Literal["denoise", "none"], typer.Option(help="The last step to σ = 0.")] = "denoise",
    executor: Annotated[str, typer.Option(help="Where the work runs: local or ray.")] = "local",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that work at once (local) [default: 1].")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each (local) [default: all, shared out].")
    ] = None,
    isolate: Annotated[
        bool | None,
        typer.Option(
            "--isolate/--no-isolate", help="Cells in a process of their own [default: those with plugins of others]."
        ),
    ] = None,
    address: Annotated[str | None, typer.Option(help="The Ray cluster [default: one started here].")] = None,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="No other cell on a timed cell's device.")] = False,
    shards: Annotated[int, typer.Option(min=1, help="Parts of a cell; a killed run loses one at most.")] = 8,
    config: Annotated[
        Path | None,
        typer.Option(callback=read_config, is_eager=True, help="A .toml with these options; the command line wins."),
    ] = None,
    results: Annotated[Path, typer.Option(help="Directory of the rows.")] = Path("results"),
    save_samples: Annotated[
        Path | None, typer.Option(help="A folder for the samples: in it one for each cell's, by their numbers.")
    ] = None,
    save_format: Annotated[
        Literal["npz", "png"], typer.Option(help="Samples in an .npz for each shard, or a PNG for each.")
    ] = "npz",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Measure again what is already done.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0, help="Longest time of one cell in seconds.")] = None,
    noise_block: Annotated[int, typer.Option(min=1, help="Samples that share a noise generator.")] = 16,
    noise_device: Annotated[str | None, typer.Option(help="Where noise is drawn [default: the device].")] = None,
) -> None:
    """Run samplers at NFE budgets and record quality, time and memory, one parquet row per cell."""
    from benchbox.bench.saving import Saver
    from benchbox.bench.settings import parse
    from benchbox.bench.sweep import Request, integers, one_executor

    request = Request(
        samplers=names(sampler, "--sampler"), nfe=integers(nfe, "--nfe", 1) if nfe else [],
        models=names(model, "--model"), schedules=names(schedule, "--schedule"), grids=names(grid, "--grid"),
        metrics=None if metric is None else chosen(metric), n_samples=samples, batch_size=batch_size,
        seeds=integers(seed, "--seed", 0), device=devices(device), dtype=dtype, settings=parse(set_ or []),
        nfe_policy=nfe_policy, final=final, noise_block=noise_block,
        noise_device=devices(noise_device) if noise_device else None,
        command=shlex.join(["benchbox", *sys.argv[1:]]),
    )  # fmt: skip
    given = {"workers": workers, "threads": threads, "isolate": isolate, "address": address}
    place = one_executor(executor, request.settings, {k: v for k, v in given.items() if v is not None})
    saver = Saver(save_samples.resolve(), save_format) if save_samples else None
    sweep(request, place, results, dry_run, force, saver, timeout=timeout, count=shards, exclusive=exclusive)


def sweep(
    request: Request, place: Executor, results: Path, dry_run: bool, force: bool, saver: Saver | None = None, **how: Any
) -> None:
    """Show the plan, run it, show the rows. Exit status 1 where a cell failed, that of the signal where one came."""
    from benchbox.bench import interrupt
    from benchbox.bench.configuration import resolved, save
    from benchbox.bench.runner import load, run_sweep
    from benchbox.bench.sweep import expand, unmeasured
    from benchbox.cli.watch import Progress, plan_table, result_table
    from benchbox.store.store import Store

    cells, store = expand(request), Store(results)
    if saver is not None:
        cells = [replace(cell, save=saver) for cell in cells]
        for model in {cell.model for cell in cells}:
            saver.check(model)
    for problem in () if request.metrics is not None else unmeasured(cells):
        say(problem)
    plan = plan_table(cells, store, force, costs=dry_run)
    store.inspect()
    for problem in store.problems:
        say(problem)
    said = len(store.problems)
    if dry_run:
        console.print(plan.table)
        say(plan.costs)
        raise SystemExit(0)
    store.prepare()
    if saver is not None:
        saver.prepare()
    with store.writing():
        sweep_id = save(resolved(request, cells), results)
    cells = [replace(cell, sweep=sweep_id) for cell in cells]
    rows: list[dict[str, Any]] = []
    again = shlex.join(word for word in shlex.split(request.command) if word != "--force")
    told = partial(say, "stopping after the current batch; once more stops at once.")
    try:
        with interrupt.stoppable(told) as stop:
            load(plan.to_do, place, how["timeout"])
            if plan.to_do:
                errors.print(plan.table)
            else:
                console.print(
                    f"nothing to do: {counted(len(cells), 'cell')} measured already, in {results} (--force repeats)."
                )
            with Progress(plan.to_do) as watcher:
                for row in run_sweep(cells, store, place, watcher, force, **how):
                    rows.append(row)
    except (interrupt.Interrupted, KeyboardInterrupt):
        say(f"stopped: {len(rows)} of {len(cells)} cells are in {results}; this goes on from there: {again}")
        raise SystemExit(128 + stop.number) from None
    finally:
        place.shutdown()
    for problem in store.problems[said:]:
        say(problem)
    console.print(result_table(rows))
    raise SystemExit(0 if all(r["status"] in {"done", "skipped"} for r in rows) else 1)


def chosen(metrics: str) -> list[str]:
    """The metrics of a comma list, or none."""
    return [] if metrics.strip() == "none" else names(metrics, "--metric")


def names(text: str | None, what: str) -> list[str]:
    """A comma list. UsageError for an empty item."""
    if text is None:
        return []
    parts = [p.strip() for p in text.split(",")]
    if not all(parts):
        raise UsageError(f"{what} {text!r} has an empty name: write a comma list such as heun,ddim.")
    return list(dict.fromkeys(parts))
