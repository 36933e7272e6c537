"""Chapter 11 · the cases: which program, what it is in the list of common mistakes, and how its mend and its guard are shown."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

Program = Callable[..., Any]
_HEAVY = re.compile(r"^ +(?:import|from) (?:keras|tensorflow|cv2|numpy|PIL)\b.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A program that is wrong, the same made right, and the test that tells them apart.

    Args:
        programs: their names in `wrong` and `mended` (or `wrong_keras` and `mended_keras`); the guard has the first one's.
        about: the mistake in a few words.
        keras: whether it is written in Keras.
    """

    programs: tuple[str, ...]
    about: str
    keras: bool = False

    def _module(self, name: str) -> Any:
        return import_module(f"t2v_edu.clinic.{name}{'_keras' * self.keras}")

    @property
    def wrong(self) -> tuple[Program, ...]:
        """The programs as they are copied."""
        return tuple(getattr(self._module("wrong"), name) for name in self.programs)

    @property
    def mended(self) -> tuple[Program, ...]:
        """The programs made right."""
        return tuple(getattr(self._module("mended"), name) for name in self.programs)

    @property
    def guard(self) -> Program:
        """The test: takes the programs, raises AssertionError where they are wrong."""
        guard: Program = getattr(self._module("guards"), self.programs[0])
        return guard

    def verdict(self, programs: tuple[Program, ...]) -> str:
        """What the guard says to some programs: "passes", or what it complains of. The same every time."""
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(0)
            if self.keras:
                import keras

                keras.utils.set_random_seed(0)
            try:
                self.guard(*programs)
            except AssertionError as error:
                return f"AssertionError: {str(error).splitlines()[0]}"
        return "passes"


CASES: dict[str, Case] = {
    case.programs[0] + "_keras" * case.keras: case
    for case in (
        Case(("captioned_clips",), "data that contradict their captions"),
        Case(("save_film", "load_film"), "a film saved in the wrong range, colours and order"),
        Case(("vocabulary",), "a vocabulary in the order of a set"),
        Case(("text_model",), "word vectors outside the model", keras=True),
        Case(("channels_first",), "reshape where permute is meant"),
        Case(("clip_features",), "a reshape until it runs: the width as channels", keras=True),
        Case(("block",), "a momentum that arrives as epsilon"),
        Case(("critic_block",), "a ReLU before the leaky ReLU", keras=True),
        Case(("Residual",), "a zero initialisation that is overwritten"),
        Case(("class_loss",), "softmax twice"),
        Case(("frame_classifier",), "softmax twice, with a layer between", keras=True),
        Case(("vae_loss",), "a mean beside a sum"),
        Case(("draw_code",), "a log-variance used as a deviation", keras=True),
        Case(("captioned_step",), "backward in the wrong branch"),
        Case(("players",), "two optimizers over all weights"),
        Case(("gan_step",), "two losses through one graph"),
        Case(("turns",), "a discriminator frozen for ever", keras=True),
        Case(("judge_loss", "pupil_loss"), "a judge that never sees the caption"),
        Case(("generator",), "no noise", keras=True),
        Case(("film_noise", "judge_film"), "single frames in place of a film"),
        Case(("flow_loss",), "guidance without dropped captions"),
        Case(("path", "euler"), "time that runs the other way in the sampler"),
    )
}


def listing(program: Program) -> str:
    """A program's source as chapter 11 shows it: without annotations, docstrings and imports inside it."""
    source = textwrap.dedent(inspect.getsource(program))
    cuts: list[tuple[int, int, bytes]] = []
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line.encode()))

    def at(row: int, col: int) -> int:
        return lines[row - 1] + col

    def end_of(node: ast.expr | ast.arg) -> int:
        return at(node.end_lineno or node.lineno, node.end_col_offset or 0)

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None and len(node.body) > 1:
            said = node.body[0]
            cuts.append((at(said.lineno, 0), at((said.end_lineno or said.lineno) + 1, 0), b""))
        if isinstance(node, ast.FunctionDef):
            args, more = node.args.posonlyargs + node.args.args, node.args.kwonlyargs
            defaults = [None] * (len(args) - len(node.args.defaults)) + node.args.defaults + node.args.kw_defaults
            for arg, default in zip(args + more, defaults, strict=True):
                start = at(arg.lineno, arg.col_offset) + len(arg.arg.encode())
                cuts.append((start, at(default.lineno, default.col_offset), b"=") if default else (start, end_of(arg), b""))
            if node.returns is not None:
                start = source.encode().rindex(b"->", 0, at(node.returns.lineno, node.returns.col_offset))
                cuts.append((start - 1, end_of(node.returns), b""))
        if isinstance(node, ast.AnnAssign):
            cuts.append((end_of(node.target), end_of(node.annotation), b""))
    raw = source.encode()
    for start, end, put in sorted(cuts, reverse=True):
        raw = raw[:start] + put + raw[end:]
    text = _HEAVY.sub("", re.sub(r"  # (?:type: ignore|noqa)[^\n]*", "", raw.decode()))
    return re.sub(r"\n{2,}(?= )", "\n\n", re.sub(r"(:\n)\n+", r"\1", text)).strip("\n")


@dataclass(frozen=True)
class Mend:
    """What chapter 11 shows when a case is solved: the difference, the guard, and what the guard says to both."""

    case: Case

    def difference(self) -> str:
        """The lines that changed, marked − and +, with their neighbours."""
        wrong, mended = ("\n\n\n".join(map(listing, programs)).splitlines() for programs in (self.case.wrong, self.case.mended))
        lines = list(difflib.unified_diff(wrong, mended, n=2, lineterm=""))[2:]
        return "\n".join("  ⋮" if line.startswith("@@") else line for line in lines[1:]).rstrip()

    def _repr_markdown_(self) -> str:
        name = self.case.programs[0]
        guard = listing(self.case.guard)
        verdicts = "\n".join(f"{form:6} → {self.case.verdict(programs)}"
                             for form, programs in (("wrong", self.case.wrong), ("mended", self.case.mended)))
        return (f"**The mend**\n\n```diff\n{self.difference()}\n```\n\n"
                f"**The test that would have caught it** (`guards{'_keras' * self.case.keras}.{name}`)\n\n"
                f"```python\n{guard}\n```\n\n```text\n{verdicts}\n```\n")

    def __repr__(self) -> str:
        return f"Mend({self.case.about})"


def mend(name: str) -> Mend:
    """The mend of a case, to be shown as the output of a cell.

    Raises:
        ValueError: no case of that name.
    """
    if name not in CASES:
        raise ValueError(f"no case {name!r}; there are {', '.join(CASES)}")
    return Mend(CASES[name])
