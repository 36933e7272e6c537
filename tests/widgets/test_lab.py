"""The scene builder in JupyterLab itself: alive, from the keyboard too, and Python sees what the menus say."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
pytestmark = pytest.mark.slow
CELLS = ["from t2v_edu.widgets import SceneBuilder\nbuilder = SceneBuilder('a large red star spins')\nbuilder",
         "print(builder.scene.actors[0].kind, builder.caption('zh'), builder.frame)"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a notebook of two cells in a JupyterLab of our own."""
    root = tmp_path_factory.mktemp("lab")
    cells = [{"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": s}
             for i, s in enumerate(CELLS)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}
    (root / "w.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {f"JUPYTER_{name}_DIR": str(root / name) for name in ("CONFIG", "RUNTIME", "DATA")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=",
               "--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}", "--LabApp.news_url=None",
               "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    environment = {**os.environ, **settings}
    environment.pop("T2V_STATIC", None)
    with open(root / "log", "w", encoding="utf-8") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=root)
    try:
        await_server(f"http://127.0.0.1:{port}/api", server, root / "log")
        yield f"http://127.0.0.1:{port}/lab/tree/w.ipynb?reset"
    finally:
        server.terminate()
        server.wait(20)


def await_server(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text(encoding="utf-8")
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.3)
    pytest.fail(f"JupyterLab did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def test_the_builder_lives_in_jupyterlab(lab: str, chromium: Any) -> None:
    page = chromium.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(60_000)
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(lab)
    idle = page.get_by_text("Python 3 (ipykernel) | Idle")
    idle.wait_for()  # a key before that is lost
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    caption = page.locator(".t2v-caption p").first
    caption.wait_for()
    assert caption.text_content() == "a large red star spins clockwise"
    page.get_by_role("combobox", name="Actor", exact=True).select_option("heart")
    page.wait_for_function("document.querySelector('.t2v-caption p').textContent.includes('heart')")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(500)  # the kernel repeats to the page where it paused; that must not come between the two keys
    idle.wait_for()
    page.get_by_role("slider", name="Frame of the film").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.press("Shift+Enter")
    said = page.locator(".jp-OutputArea-output pre").last
    said.wait_for()
    if shots := os.environ.get("T2V_SHOTS"):  # a picture to look at
        page.screenshot(path=f"{shots}/lab.png")
    assert said.text_content() == "heart 一颗红色的大爱心顺时针旋转 1\n"
    assert {url for url in asked if not url.startswith((lab.split("/lab")[0], "data:", "blob:"))} == set()
