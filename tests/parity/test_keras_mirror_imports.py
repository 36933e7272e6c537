"""TensorFlow is loaded by who asks for it and by nobody else; and the mirror is no PyTorch in disguise."""

import subprocess
import sys
from pathlib import Path

import t2v_edu.paths


def loaded(code):
    """Which of the two frameworks a fresh interpreter has loaded after some code."""
    ask = f"import sys; {code}; print(*sorted({{'tensorflow', 'keras', 'torch'}} & set(sys.modules)))"
    return subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split()


def test_the_package_loads_no_tensorflow():
    everything = "import t2v_edu, t2v_edu.cli, t2v_edu.pipeline, t2v_edu.models.next_frames, t2v_edu.figures"
    assert loaded(everything) == ["torch"]


def test_the_mirror_loads_no_torch():
    names = sorted(p.stem for p in (Path(t2v_edu.paths.__file__).parent / "keras_mirror").glob("[!_]*.py"))
    assert {"next_frames", "text", "weights"} <= set(names)
    assert loaded("; ".join(f"import t2v_edu.keras_mirror.{name}" for name in names)) == ["keras", "tensorflow"]
