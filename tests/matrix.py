"""Run the suite on each stack that people have: ``make test-matrix``, or ``python tests/matrix.py NAME…`` for some.

Stacks that are large, or whose libraries seldom change anything, run by name only: ``make test-matrix STACKS=torch``.
Each stack gets a virtual environment of its own under ``.matrix``, which takes some 2.5 GB: it is removed when the suite
has passed, and stays for a look when it has not. A stack whose interpreter is missing is left out, and said so by name.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Stack:
    """A Python version, what pip installs beside us and a group of pyproject.toml, which environment variables are set, and
    which files pytest gets, and whether also the notebooks; whether it runs only by name."""

    python: str
    requirements: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    group: str = "test-tools"
    tests: list[str] = field(default_factory=lambda: ["--ignore", "tests/long", "tests"])
    notebooks: bool = False
    by_name: bool = False


OLD_KERAS = ["--ignore-glob", "tests/long/test_[!z]*", "tests"]
"""What pytest gets where Keras 2 is the only one: of the long tests that of its models."""
EXPORTS = ["--ignore-glob", "tests/long/test_[!e]*", "tests"]
"""What pytest gets on JAX: of the long tests that of what leaves the notebook."""

STACKS = {
    "newest": Stack("3.13", [], group="test", notebooks=True),
    "lowest-ipython": Stack(
        "3.11",
        ["ipython==7.34", "ipykernel==6.17.1", "tensorflow>=2.19", "keras>=3.10", "tf_keras>=2.19"],
    ),
    "jax": Stack("3.12", ["ipykernel", "keras>=3.10", "jax[cpu]"], {"KERAS_BACKEND": "jax"}, tests=EXPORTS),
    "tensorflow-2.12": Stack(
        "3.11", ["ipython<8.20", "ipykernel<7", "tensorflow==2.12.*", "numpy<1.24"], tests=OLD_KERAS
    ),
    "tensorflow-2.15": Stack("3.11", ["ipython<9", "ipykernel<7", "tensorflow==2.15.*"], tests=OLD_KERAS),
    "python-3.14": Stack("3.14", ["ipykernel", "keras>=3.10", "jax[cpu]"], {"KERAS_BACKEND": "jax"}),
    # torch 2.13.0 is a build for CPUs on Python 3.11 only; elsewhere it is one of 3 GB
    "torch": Stack("3.11", ["ipykernel", "keras>=3.10", "torch==2.13.0"], {"KERAS_BACKEND": "torch"}, by_name=True),
    "libraries": Stack(
        "3.11",
        [
            *("keras>=3.10", "spyder-kernels", "tensorflow>=2.19", "tensorflow_datasets", "tf_keras>=2.19"),
            *("altair", "bokeh", "catalogue", "dash", "flask", "flask-sqlalchemy", "fvcore", "gin-config", "gymnasium"),
            *("hydra-core", "ipywidgets", "jax[cpu]", "matplotlib", "mmengine", "pandas", "plotly", "polars"),
            *("prometheus_client", "spacy", "sqlalchemy", "sqlmodel", "torch==2.13.0", "transformers", "xarray"),
        ],
        tests=["tests/test_libraries.py", "tests/test_extras.py", "tests/test_cells.py", "tests/test_modules.py"],
        by_name=True,
    ),
    "front-ends": Stack(
        "3.11",
        [
            *("ipykernel", "jax[cpu]", "jupyter-console", "jupytext", "keras>=3.10", "marimo", "nbconvert", "nbval"),
            *("papermill", "spyder-kernels", "streamlit", "xeus-python"),
        ],
        {"KERAS_BACKEND": "jax"},
        tests=["tests/test_front_ends.py", "tests/test_outside.py", "tests/test_prompts.py"],
        by_name=True,
    ),
    # of TensorFlow there is only a candidate for Python 3.14
    "python-3.14-tensorflow": Stack("3.14", ["ipykernel", "keras>=3.10", "tensorflow>=2.22.0rc0"], by_name=True),
}


def main(names: list[str]) -> int:
    """Run the named stacks, or all that need not be named; how many failed."""
    results = {name: run(name, STACKS[name]) for name in names or [each for each in STACKS if not STACKS[each].by_name]}
    print("\nmatrix:")
    for name, result in results.items():
        print(f"  {name:<22} Python {STACKS[name].python}  {result}")
    return sum(result.startswith("FAILED") for result in results.values())


def run(name: str, stack: Stack) -> str:
    """Install a stack and run the suite on it; how that went, in one line."""
    print(f"\n== {name}: Python {stack.python}", *stack.requirements, flush=True)
    python = interpreter(stack.python)
    if python is None:
        return f"SKIPPED: there is no Python {stack.python} here"
    began = time.monotonic()
    environment = ROOT / ".matrix" / name
    inside = str(environment / "bin" / "python")
    subprocess.run([python, "-m", "venv", "--clear", environment], check=True)
    pip = [inside, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)  # of older ones none knows groups
    if subprocess.run([*pip, "--group", stack.group, "--editable", ".", *stack.requirements], cwd=ROOT).returncode:
        return "FAILED: it cannot be installed"
    installed = time.monotonic()
    variables = {**os.environ, **stack.environment, "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    pytest = [inside, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "--dist"]
    failed = subprocess.run([*pytest, "worksteal", *stack.tests], cwd=ROOT, env=variables).returncode
    if stack.notebooks:  # the cells of one stay together
        failed |= subprocess.run([*pytest, "loadfile", "--nbval-lax", "notebooks"], cwd=ROOT, env=variables).returncode
    if not failed:
        shutil.rmtree(environment)
    took = f"{installed - began:.0f} s to install, {time.monotonic() - installed:.0f} s to test"
    return f"{'FAILED' if failed else 'passed'}, {took}"


def interpreter(version: str) -> str | None:
    """A Python of this version that works: on the path, or one of pyenv's."""
    installed = os.path.expanduser(os.environ.get("PYENV_ROOT", "~/.pyenv"))
    candidates = [shutil.which(f"python{version}"), *glob.glob(f"{installed}/versions/{version}.*/bin/python")]
    for candidate in filter(None, candidates):
        if subprocess.run([candidate, "--version"], capture_output=True).returncode == 0:
            return candidate
    return None


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:  # for a service that runs each stack as a job
        print(
            json.dumps([{"stack": name, "python": stack.python} for name, stack in STACKS.items() if not stack.by_name])
        )
        sys.exit()
    sys.exit(main(sys.argv[1:]))
