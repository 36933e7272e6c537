"""What the site adds to jupyter-book: one script for all widgets, honest chapters, no request to another host.

- writes `t2v/t2v.js` and `t2v/t2v.css` from `t2v_edu.widgets`, so that widgets live without a kernel;
- refuses chapters whose stored outputs are not those of their code (a warning, and `make book` has warnings as errors);
- shows a chapter's run time, measured by `make chapters`;
- drops what pages do not need: the state of notebook widgets, the loader of thebe;
- makes pages whole when read from a folder: icons travel inside their style sheet;
- writes the front door, `index.html`, and says that it has no icon: else a browser may ask the host's root for `/favicon.ico`;
- adds Colab and Binder buttons where `repository: url` is set in _config.yml.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util import logging

LOG = logging.getLogger(__name__)
FONT_PRELOAD = re.compile(r'<link rel="preload" as="font"[^>]*>\n?')
MATHJAX = Path(".cache/site/mathjax/tex-svg-full.js")


def fingerprint(notebook: dict[str, Any]) -> str:
    """A short name for the code of a notebook: the same as long as no code cell changes."""
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(cells).encode()).hexdigest()[:16]


def complaints(notebook: dict[str, Any]) -> list[str]:
    """Why a notebook's stored outputs cannot be shown as those of its code; empty where they can."""
    found = []
    for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), 1):
        if not "".join(cell["source"]).strip():
            continue
        if cell.get("execution_count") is None:
            found.append(f"code cell {number} has never been run")
        if "raises-exception" not in cell["metadata"].get("tags", []):
            found += [
                f"code cell {number} stores an error, {out['ename']}: {out['evalue']}"
                for out in cell.get("outputs", [])
                if out["output_type"] == "error"
            ]
    stored = notebook["metadata"].get("t2v", {}).get("code")
    if stored != fingerprint(notebook):
        found.append("its code is not the code that was run for its outputs")
    return found


def duration(minutes: int) -> str:
    """A run time in words.

    >>> duration(1)
    'about 1 minute'
    """
    return f"about {minutes} minute{'' if minutes == 1 else 's'}"


def add_static_files(app: Sphinx, config: Config) -> None:
    """Write the widgets' script and style sheet into a static folder of this build."""
    if not (Path(app.srcdir) / MATHJAX).is_file():
        raise ExtensionError(f"{MATHJAX} is missing; `make book` fetches it, or `make setup` alone")
    from t2v_edu.widgets import site_css, site_script

    folder = Path(app.doctreedir).parent / ".t2v_static"
    (folder / "t2v").mkdir(parents=True, exist_ok=True)
    (folder / "t2v" / "t2v.js").write_text(site_script(), encoding="utf-8")
    (folder / "t2v" / "t2v.css").write_text(site_css(), encoding="utf-8")
    config.html_static_path.append(str(folder))


def add_launch_buttons(app: Sphinx, config: Config) -> None:
    """Colab and Binder, where there is a public copy of the repository to launch."""
    options = config.html_theme_options
    options["launch_buttons"] = {}
    if options.get("repository_url"):
        options["launch_buttons"] = {
            "notebook_interface": "jupyterlab",
            "colab_url": "https://colab.research.google.com",
            "binderhub_url": "https://mybinder.org",
        }
        options["use_repository_button"] = True


def check_chapter(app: Sphinx, doctree: nodes.document) -> None:
    """Warn of a chapter that does not stand behind its outputs; say below its title how long it runs."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for complaint in complaints(notebook):
        LOG.warning("%s; `make chapters` runs it again", complaint, location=app.env.docname)
    minutes = notebook["metadata"].get("t2v", {}).get("minutes")
    section = next(iter(doctree.findall(nodes.section)), None)
    if minutes and section is not None:
        text = f"Run time: {duration(minutes)} on two cores, without a GPU or a network."
        section.insert(1, nodes.paragraph(text, text, classes=["t2v-runtime"]))


def drop_dead_weight(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None) -> None:
    """Take widget state and thebe's loader out of a page: the one is megabytes, the other asks other hosts."""
    context["script_files"][:] = [script for script in context.get("script_files", []) if not is_dead(script)]


def is_dead(script: Any) -> bool:
    """Whether a page of ours has no use for a script: widget state, thebe."""
    attributes = getattr(script, "attributes", {}) or {}
    text = f"{getattr(script, 'filename', script)} {attributes.get('body') or ''}".lower()
    return attributes.get("type") == "application/vnd.jupyter.widget-state+json" or "thebe" in text


def carry_icons(app: Sphinx, error: Exception | None) -> None:
    """Put the icon fonts into their style sheet: a page read from a folder may not load a font file."""
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    for sheet in static.glob("vendor/fontawesome/*/css/all.min.css"):
        text = sheet.read_text(encoding="utf-8")
        for name in ("fa-solid-900", "fa-regular-400"):
            font = base64.b64encode((sheet.parents[1] / "webfonts" / f"{name}.woff2").read_bytes()).decode()
            text = text.replace(f"../webfonts/{name}.woff2", f"data:font/woff2;base64,{font}")
        sheet.write_text(text, encoding="utf-8")
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(FONT_PRELOAD.sub("", text), encoding="utf-8")


def write_front_door(app: Sphinx, error: Exception | None) -> None:
    """Write the page that leads from the site's folder to its first page."""
    if error or app.builder.format != "html":
        return
    first = f"{app.config.root_doc}.html"
    (Path(app.outdir) / "index.html").write_text(
        f'''<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{app.config.html_title}</title>
<link rel="icon" href="data:,">
<meta http-equiv="refresh" content="0; url={first}">
<p><a href="{first}">{app.config.html_title}</a></p>
</html>
''',
        encoding="utf-8",
    )


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", add_static_files)
    app.connect("config-inited", add_launch_buttons)
    app.connect("doctree-read", check_chapter)
    app.connect("build-finished", carry_icons)
    app.connect("build-finished", write_front_door)
    app.connect("html-page-context", drop_dead_weight, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
