"""How every command of the package tells a user what went wrong."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def friendly(command: Callable[P, R]) -> Callable[P, R]:
    """What a user can mend is said in a few words, without a traceback, and ends in exit code 2."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (ValueError, OSError) as error:
            from rich.console import Console
            from rich.panel import Panel
            from rich.text import Text

            message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            if isinstance(error, OSError) and error.filename is not None:
                message += f": {str(error.filename)!r}"
            Console(stderr=True).print(Panel(Text(message), title="Error", title_align="left", border_style="red"))
            raise SystemExit(2) from None

    return guarded
