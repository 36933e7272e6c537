"""Chapter 18 · the loop around any model's step: devices, progress, samples, checkpoints, and an end that loses nothing."""

from __future__ import annotations

import ctypes
import math
import random
import signal
import sys
import threading
import time
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from t2v_edu.training.checkpoint import checkpoints, load_checkpoint, save_checkpoint
from t2v_edu.weights import write_text


class Plan(Protocol):
    """What the loop asks of a run's configuration; the rest is between it and the recipe. See `TrainConfig` for the meanings."""

    @property
    def steps(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def evaluate_every(self) -> int: ...
    @property
    def save_every(self) -> int: ...
    @property
    def keep(self) -> int: ...


# TensorBoard would import a whole TensorFlow where there is one; a module of this name tells it to use its own small stub.
sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))

B = TypeVar("B", covariant=True)
B_in = TypeVar("B_in", contravariant=True)
X = TypeVar("X")


class Feed(Protocol[B]):
    """What the loop asks of the data: a part for each process, and batches from any step on. See `datasets.Source`."""

    def shard(self, rank: int, world_size: int, /) -> Feed[B]: ...
    def batches(self, batch_size: int, /, *, seed: int, start: int = 0) -> Iterator[B]: ...


class Trainee(Protocol[B_in]):
    """What the loop asks of a recipe.

    Where two recipes train modules of the same names, each has its own name in `recipe`, and no run goes on as the other.
    """

    modules: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]

    def warm_up(self, source: Any, /) -> None:
        """What comes before step 0; not repeated when a run resumes."""

    def step(self, batch: B_in, step: int, /) -> dict[str, float]:
        """One update of everything; returns the losses to show."""

    def sample(self) -> NDArray[np.uint8]:
        """A film (T, H, W, 3) of what the model makes now."""

    def save(self, path: Path) -> None:
        """Write what `generate` needs."""


class Workers:
    """The processes of a run: which device each has, whether it computes in bf16, and means over all of them.

    Args:
        device: "auto" or "cpu".
        bf16: multiply in bfloat16 on a processor, too, which must have instructions for it; a GPU that has them always does.
    Raises:
        ValueError: bfloat16 on a processor that would have to imitate it, many times slower.
    """

    def __init__(self, device: str = "auto", *, bf16: bool = False) -> None:
        cpu = device == "cpu" or not torch.cuda.is_available()
        if cpu and bf16 and not has_bf16():
            raise ValueError("this processor has no instructions for bfloat16 (avx512_bf16 or amx_bf16); leave --bf16 out")
        self.bf16 = bf16 if cpu else torch.cuda.is_bf16_supported()
        self.accelerator = Accelerator(cpu=cpu)
        self.device = self.accelerator.device
        self.rank, self.count = self.accelerator.process_index, self.accelerator.num_processes

    def autocast(self) -> torch.autocast:
        """Where products are computed in bf16, if they are."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def generator(self, seed: int, step: int) -> torch.Generator:
        """The source of a step's noise: the same in every process, and again when a killed run repeats the step."""
        return torch.Generator().manual_seed(1_000_003 * seed + step)

    def noise(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """This process's (N, ...) part of one draw for all processes' batches."""
        return self.part(torch.randn(self.count * shape[0], *shape[1:], generator=generator))

    def part(self, whole: Tensor) -> Tensor:
        """This process's rows of a draw for all processes' batches."""
        rows = len(whole) // self.count
        return whole[self.rank * rows :][:rows].to(self.device)

    def mean_gradients(self, module: nn.Module) -> None:
        """Replace each gradient by its mean over processes: the gradient of the loss over the whole batch."""
        if self.count > 1:
            gradients = [p.grad for p in module.parameters() if p.grad is not None]
            mean: Any = self.accelerator.reduce(torch.cat([g.flatten() for g in gradients]), reduction="mean")
            for g, piece in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):
                g.copy_(piece.view_as(g))

    def share(self, module: nn.Module) -> None:
        """Give every process the weights of the first one."""
        if self.count > 1:
            for tensor in module.state_dict().values():
                tensor.copy_(broadcast(tensor.contiguous(), from_process=0))

    def mean_numbers(self, numbers: dict[str, float]) -> dict[str, float]:
        """Means of logged numbers over processes."""
        if self.count == 1:
            return numbers
        mean: Any = self.accelerator.reduce(torch.tensor(list(numbers.values()), device=self.device), reduction="mean")
        return dict(zip(numbers, mean.tolist(), strict=True))


def has_bf16() -> bool:
    """Whether the processor has instructions of its own for products in bfloat16."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch: for initial weights, nowhere else."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - for libraries that read the global state
    torch.manual_seed(seed)


def keep_freed_memory() -> None:
    """Let the C library reuse freed blocks instead of returning them: large CPU tensors then cost no page faults (Linux only)."""
    if sys.platform == "linux":
        libc = ctypes.CDLL("libc.so.6")
        for option, value in ((-3, 1 << 30), (-1, 2**31 - 1), (-2, 1 << 28)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD
            libc.mallopt(option, value)


def run(
    trainee: Trainee[X], source: Feed[X], config: Plan, out: Path, workers: Workers, *, resume: bool = False
) -> dict[str, list[float]]:
    """Train to `config.steps`, from the newest checkpoint if asked to.

    Returns:
        every logged number, one value a step of this call.
    Raises:
        ValueError: a loss or a weight that is not finite; the run stops and the last good checkpoint stays.
        KeyboardInterrupt: Ctrl-C, after the step under way was finished and a checkpoint written that `--resume` goes on from.
    """
    out.mkdir(parents=True, exist_ok=True)
    part = source.shard(workers.rank, workers.count)
    first = _start(trainee, part, config, out, workers, resume)
    batches = part.batches(config.batch, seed=config.seed, start=first)
    history: dict[str, list[float]] = {}
    stop = False
    with _Interrupt() as interrupt, _Log(out, config.steps, first, workers.rank == 0) as log:
        for step in range(first, config.steps):
            numbers = workers.mean_numbers(trainee.step(next(batches), step) | {"stop": float(interrupt.asked)})
            stop = numbers.pop("stop") > 0  # in one process of many: all of them end after the same step
            _refuse_nan(numbers, step, out)
            log(step, numbers)
            for name, value in numbers.items():
                history.setdefault(name, []).append(value)
            if workers.rank == 0:
                _milestones(trainee, config, out, step + 1, log, stop)
            if stop:
                break
    if stop:
        if workers.rank == 0:
            print(f"\nstopped after step {step + 1}; everything is saved in {out}. Go on with the same command and --resume")
        raise KeyboardInterrupt
    return history


class _Interrupt:
    """Ctrl-C asks for an end after the step under way, so that what is saved is whole; a second Ctrl-C does not wait."""

    asked = False

    def __enter__(self) -> _Interrupt:
        self.listening = threading.current_thread() is threading.main_thread()  # no other thread gets to hear of it
        if self.listening:
            self.before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self.listening:
            signal.signal(signal.SIGINT, self.before)

    def _ask(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _start(trainee: Trainee[X], source: Feed[X], config: Plan, out: Path, workers: Workers, resume: bool) -> int:
    found, told, recipe = checkpoints(out), out / "recipe.txt", getattr(trainee, "recipe", "")
    if resume and found:
        began = told.read_text(encoding="utf-8") if told.is_file() else recipe
        if began != recipe:
            raise ValueError(f"{out} holds a run of another kind ({began}, not {recipe}); go on with the options that began it")
        return load_checkpoint(found[-1], trainee.modules, trainee.optimizers)
    if found:
        raise ValueError(f"{out} already holds a run; add --resume to go on with it, or choose another folder")
    trainee.warm_up(source)
    for module in trainee.modules.values():
        workers.share(module)
    if workers.rank == 0:
        if recipe:
            write_text(recipe, told)
        _keep(trainee, config, out, 0)
    return 0


def _milestones(trainee: Trainee[X], config: Plan, out: Path, done: int, log: _Log, stop: bool) -> None:
    last = done == config.steps
    if last or done % config.evaluate_every == 0:
        log.film(done, trainee.sample())
    if last or stop or done % config.save_every == 0:
        log.flush()  # what was logged before a checkpoint is not logged again after it
        _keep(trainee, config, out, done)


def _keep(trainee: Trainee[X], config: Plan, out: Path, done: int) -> None:
    """Save the model, then the checkpoint: a run killed between the two writes both again when it resumes."""
    for name, module in trainee.modules.items():
        if not all(bool(p.isfinite().all()) for p in module.parameters()):
            _stop_at(f"after step {done}: weights of {name} are not finite numbers", out)
    trainee.save(out / "model")
    save_checkpoint(out, done, trainee.modules, trainee.optimizers, config.keep)


def _refuse_nan(numbers: Mapping[str, float], step: int, out: Path) -> None:
    bad = [name for name, value in numbers.items() if not math.isfinite(value)]
    if bad:
        _stop_at(f"step {step}: {', '.join(bad)} is not a finite number", out)


def _stop_at(problem: str, out: Path) -> NoReturn:
    found = checkpoints(out)
    kept = f"the last good checkpoint is {found[-1]}" if found else "no checkpoint had been written yet"
    raise ValueError(f"{problem}, the run is stopped; {kept}; try a smaller --lr")


class _Log:
    """A progress bar with the losses, TensorBoard, and the sample films of a run."""

    def __init__(self, out: Path, steps: int, first: int, active: bool) -> None:
        self.out, self.active, self.began, self.first = out, active, time.monotonic(), first
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.progress = Progress(*columns, disable=not active, refresh_per_second=2)
        self.task = self.progress.add_task("training", total=steps, completed=first)
        self.writer: Any = None

    def __enter__(self) -> _Log:
        if self.active:
            from torch.utils.tensorboard import SummaryWriter  # slow to import, so only for a run

            self.writer = SummaryWriter(str(self.out / "log"), purge_step=self.first)  # a killed run had logged more
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()
        if self.writer is not None:
            self.writer.close()

    def __call__(self, step: int, numbers: Mapping[str, float]) -> None:
        if not self.active:
            return
        shown = "  ".join(f"{name} {value:.3g}" for name, value in numbers.items())
        self.progress.update(self.task, completed=step + 1, description=shown)
        for name, value in numbers.items():
            self.writer.add_scalar(name, value, step)
        if (step + 1) % 100 == 0 and not self.progress.console.is_terminal:
            print(f"step {step + 1}  {time.monotonic() - self.began:.0f} s  {shown}", flush=True)

    def flush(self) -> None:
        """Write out what was logged so far."""
        if self.active:
            self.writer.flush()

    def film(self, step: int, frames: NDArray[np.uint8]) -> None:
        from t2v_edu.film.mux import write_film

        (self.out / "samples").mkdir(exist_ok=True)
        write_film(frames, self.out / "samples" / f"step-{step:08d}.mp4", fps=8)


def read_scalars(folder: Path) -> Iterator[tuple[str, int, float]]:
    """(name, step, value) of everything a run logged, for figures."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events: Any = EventAccumulator(str(folder / "log"))
    events.Reload()
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            yield tag, event.step, event.value
