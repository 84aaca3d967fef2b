"""benchbox run: measure samplers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from benchbox.cli.common import command_line, console, say
from benchbox.cli.config import read_config

if TYPE_CHECKING:
    from benchbox.bench.request import Request
    from benchbox.executor import Executor


def run(
    sampler: Annotated[str, typer.Option(help="Samplers: a comma list of names (benchbox list samplers).")],
    nfe: Annotated[
        str | None, typer.Option(help="Budgets in network evaluations per sample: 18,35,50 or a range 18-50:8.")
    ] = None,
    model: Annotated[
        str, typer.Option(help="Models: names, a card (.json), torchscript:FILE or py:MODULE:FUNCTION.")
    ] = "mnist-edm",
    schedule: Annotated[str | None, typer.Option(help="Noise schedules [default: the model's own].")] = None,
    grid: Annotated[str | None, typer.Option(help="Grids [default: the sampler's, else the model's].")] = None,
    metric: Annotated[str | None, typer.Option(help="Metrics, or none [default: the model's].")] = None,
    guidance: Annotated[
        str | None, typer.Option(help="Guidances, a comma list (benchbox list guidances) [default: none].")
    ] = None,
    problem: Annotated[
        str | None, typer.Option(help="Inverse problems, a comma list (benchbox list problems) [default: none].")
    ] = None,
    measurements: Annotated[
        int, typer.Option(min=1, help="Measurements of a problem: sample i belongs to number i mod this.")
    ] = 1,
    samples: Annotated[int, typer.Option(min=1, help="Samples per cell.")] = 1000,
    batch_size: Annotated[int, typer.Option(min=1)] = 64,
    seed: Annotated[str, typer.Option(help="Seeds: 0,1,2 or a range 0-4.")] = "0",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 … or auto.")] = "auto",
    dtype: Annotated[
        Literal["float32", "float64", "bfloat16", "float16"],
        typer.Option(help="What the network computes in, and its weights where the model allows it."),
    ] = "float32",
    compile_: Annotated[
        bool, typer.Option("--compile", help="Compile the network (torch.compile; with CUDA graphs on a GPU).")
    ] = False,
    channels_last: Annotated[
        bool, typer.Option("--channels-last", help="Keep images channels-last in memory inside the network.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="[PLUGIN.]OPTION=V[,V…], repeatable; several values are all combined."),
    ] = None,
    nfe_policy: Annotated[
        Literal["floor", "exact", "skip"],
        typer.Option(help="If a budget cannot be met exactly: spend less (floor), fail (exact) or skip."),
    ] = "floor",
    nfe_of: Annotated[
        Literal["network", "denoiser"],
        typer.Option(help="What --nfe counts: evaluations of the network, or of the guided denoiser, as papers do."),
    ] = "network",
    final: Annotated[
        Literal["denoise", "none"], typer.Option(help="Final step to σ = 0: denoise or none.")
    ] = "denoise",
    executor: Annotated[str, typer.Option(help="Where cells run: local or ray.")] = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes (local) [default: 1].")] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads per worker (local) [default: all cores, divided among the workers]."),
    ] = None,
    isolate: Annotated[
        bool | None,
        typer.Option(
            "--isolate/--no-isolate", help="Run each cell in its own process [default: cells with third-party plugins]."
        ),
    ] = None,
    address: Annotated[str | None, typer.Option(help="Address of the Ray cluster [default: start one here].")] = None,
    exclusive: Annotated[
        bool, typer.Option("--exclusive", help="Run no other cell on the device of a timed cell.")
    ] = False,
    shards: Annotated[int, typer.Option(min=1, help="Shards per cell; a killed run loses at most one.")] = 8,
    config: Annotated[
        Path | None,
        typer.Option(
            callback=read_config, is_eager=True, help="A .toml with these options; the command line takes precedence."
        ),
    ] = None,
    results: Annotated[Path, typer.Option(help="Results directory.")] = Path("results"),
    save_samples: Annotated[
        Path | None, typer.Option(help="Save the samples in this folder, in one subfolder per cell.")
    ] = None,
    save_format: Annotated[
        Literal["npz", "png"], typer.Option(help="One .npz per shard, or one PNG per sample.")
    ] = "npz",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Repeat cells that are already done.")] = False,
    timeout: Annotated[float | None, typer.Option(min=0, help="Time limit per cell, in seconds.")] = None,
    noise_block: Annotated[int, typer.Option(min=1, help="Samples that share a noise generator.")] = 16,
    noise_device: Annotated[
        str | None, typer.Option(help="Device of the noise generators [default: --device].")
    ] = None,
) -> None:
    """Run samplers at NFE budgets and record quality, time and memory, one parquet row per cell."""
    from benchbox.bench.hardware import usable
    from benchbox.bench.request import Request
    from benchbox.bench.saver import Saver
    from benchbox.bench.settings import one_executor, parse_settings
    from benchbox.commas import integers, metric_names, name_list

    request = Request(
        samplers=name_list(sampler, "--sampler"), nfe=integers(nfe, "--nfe", 1) if nfe else [],
        models=name_list(model, "--model"), schedules=name_list(schedule, "--schedule"),
        grids=name_list(grid, "--grid"), metrics=None if metric is None else metric_names(metric),
        n_samples=samples, batch_size=batch_size, seeds=integers(seed, "--seed", 0), device=usable(device), dtype=dtype,
        settings=parse_settings(set_ or []), nfe_policy=nfe_policy, final=final, noise_block=noise_block,
        noise_device=usable(noise_device) if noise_device else None,
        save=Saver(save_samples.resolve(), save_format) if save_samples else None,
        guidances=name_list(guidance, "--guidance"), nfe_of=nfe_of, compile=compile_, channels_last=channels_last,
        problems=name_list(problem, "--problem"), measurements=measurements,
    )  # fmt: skip
    options = {"workers": workers, "threads": threads, "isolate": isolate, "address": address}
    chosen = one_executor(executor, request.settings, {k: v for k, v in options.items() if v is not None})
    sweep(request, chosen, results, dry_run, force, timeout=timeout, count=shards, exclusive=exclusive)


def sweep(request: Request, executor: Executor, results: Path, dry_run: bool, force: bool, **options: Any) -> None:
    """Show the plan, execute it, show the rows. Exit status 1 if a cell failed."""
    from benchbox.bench.plan import plan_sweep
    from benchbox.bench.request import resolved
    from benchbox.bench.sweep import expand, unmeasured
    from benchbox.cli.tables import result_table
    from benchbox.cli.watch import execute, resume_message, show_costs
    from benchbox.store.store import Store
    from benchbox.store.verify import inspect_files

    cells, store = expand(request), Store(results)
    origin = {"command": command_line(), "configuration": resolved(request, cells)}
    plan = plan_sweep(cells, store, executor, force, costs=dry_run, **origin)
    if results.exists():
        inspect_files(store)
    for remark in [*(() if request.metrics is not None else unmeasured(cells)), *store.problems]:
        say(remark)
    if dry_run:
        show_costs(plan)
        raise SystemExit(0)
    rows = execute(plan, store, executor, lambda rows: resume_message(len(rows), len(cells), results), **options)
    console.print(result_table(rows))
    raise SystemExit(0 if all(r["status"] in {"done", "skipped"} for r in rows) else 1)
