"""A mistake shown on purpose keeps the cell's own lines and what was said, and names no file of the machine that ran it."""

import runpy

import nbformat
from building import ROOT

tidy = runpy.run_path(str(ROOT / "book" / "tools" / "execute.py"))["tidy"]


def test_frames_in_files_are_left_out():
    output = nbformat.v4.new_output("error", ename="ValueError", evalue="no such word", traceback=[
        "\x1b[31m----\x1b[39m", "\x1b[36mCell\x1b[39m In[1], line 1", "\x1b[36mFile \x1b[39m\x1b[32m/home/me/x.py:3\x1b[39m",
        "\x1b[31mValueError\x1b[39m: no such word"])
    kept = tidy(output, 1).traceback
    assert len(kept) == 3 and "/home/me" not in "".join(kept) and kept[-1].endswith("no such word")
