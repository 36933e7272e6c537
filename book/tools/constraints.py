"""`pip freeze` in, constraints.txt out: exact versions, without local parts (+cpu) that hold on one kind of machine only."""

import re
import sys

HEAD = """\
# Exact versions of everything, as tested: pip install -c constraints.txt -e '.[book,dev]'
# Written by `make constraints`; edit the ranges in pyproject.toml instead.
"""

# What torch brings along on a Linux machine with CUDA only; pip chooses it to fit the torch it installs there.
CUDA = re.compile(r"^(nvidia-|cuda-|triton==)")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^+\s]+)(\+\S+)?$")


def strip(freeze: str) -> list[str]:
    """The pins of a `pip freeze`, sorted, local version parts cut off.

    Raises:
        ValueError: a line that is no plain pin (an address, an editable install), quoted.
    """
    pins = []
    for line in freeze.splitlines():
        if not line.strip() or line.startswith("#") or CUDA.match(line):
            continue
        found = PIN.match(line.strip())
        if not found:
            raise ValueError(f"not a pin: {line!r}; constraints take name==version only")
        pins.append(f"{found[1]}=={found[2]}")
    return sorted(pins, key=str.lower)


if __name__ == "__main__":
    sys.stdout.write(HEAD + "\n".join(strip(sys.stdin.read())) + "\n")
