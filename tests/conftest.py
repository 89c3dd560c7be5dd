"""One shared kernel with the frameworks imported; each test gets a notebook in it, with names of its own."""

from __future__ import annotations

import functools
import gc
import itertools
import os
import platform
import sys
import textwrap
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from forks import Forks
from kernels import ENVIRONMENT, IMPORTS, ForkedKernel, Kernel, Outcome
from packaging.requirements import Requirement

os.environ.update(ENVIRONMENT)  # before a test imports TensorFlow in this process

FREEZE = """
%colors nocolor
library = dict(tf_keras.utils.get_custom_objects())
import_names = {*globals(), "import_names"}
gc.collect()
gc.freeze()  # the collector would visit the frameworks' objects in each test
"""
"""What is there before any test: the next test starts with it. A traceback in colours takes three times as long."""

_count = itertools.count()
EXTENSION = {"kreg": "kreg_ipython", "naive": "naive", "stock": None}


class Notebook:
    """A notebook in a kernel. In sources and expressions, ``PKG`` stands for a package name that no other test uses."""

    def __init__(self, kernel: Kernel, mode: str) -> None:
        self.kernel, self.mode, self.package = kernel, mode, f"T{next(_count)}"

    def load(self) -> None:
        if EXTENSION[self.mode]:
            self.kernel.run("load", f"%load_ext {EXTENSION[self.mode]}")

    def unload(self) -> None:
        """Take the extension out of the kernel. Until then each registry shows the tops of its stacks."""
        self.kernel.silently("""
            differences = []
            for name in ("kreg_ipython", "naive"):
                if name in get_ipython().extension_manager.loaded:
                    magics = get_ipython().magics_manager.registry.get("KregMagics")
                    if magics is not None:
                        guard = magics.notebook.process.guard
                        ledger = sys.modules["kreg_ipython.guard.ledger"]
                        guard.between(ledger.Run(ledger.Owner("cell", None), ""))  # what was written by hand since
                        differences = guard.differences() if not guard.faults else []
                        guard.clear(list(guard.ledger))
                    get_ipython().extension_manager.unload_extension(name)
            if "kreg_ipython.registries" in sys.modules:
                sys.modules["kreg_ipython.registries"].added.clear()
            get_ipython().config.pop("KregMagics", None)
            vars(get_ipython()).pop("_kreg_ipython", None)  # the next test's cells are others
            for name in [name for name in sys.modules if name[:1] == "T" and name[1:2].isdigit()]:
                del sys.modules[name]  # or %autoreload would reload it in a later test
            tf_keras.utils.get_custom_objects().update(library)  # the naive extension loses some
            shown = differences
            for name in globals().keys() - import_names - {"shown"}:
                if not name.startswith("_"):
                    del globals()[name]
            gc.collect()
            gc.freeze()  # a collection in the next test need not visit what is left of this one
            assert not shown, shown
        """)

    def run(self, cell_id: str | None, source: str, **options: Any) -> Outcome:
        return self.kernel.run(cell_id, source.replace("PKG", self.package), **options)

    def value(self, expression: str) -> Any:
        return self.kernel.value(expression.replace("PKG", self.package))

    def silently(self, source: str) -> None:
        self.kernel.silently(source.replace("PKG", self.package))

    def custom_objects(self, framework: str = "keras") -> dict[str, str]:
        """The package's keys in get_custom_objects(), without the package, and what they resolve to."""
        return self.value(
            "{k.partition('>')[2]: getattr(v, '__qualname__', str(v)) for k, v in "
            f"{framework}.utils.get_custom_objects().items() if k.startswith('PKG>')}}"
        )

    @property
    def custom_registry(self) -> str:
        """Return what the registry of Keras's custom objects is called."""
        return "keras.custom_objects" if is_met("keras>=2.13") else "keras2.custom_objects"

    def entries(self) -> list[dict[str, Any]]:
        """The entries of `%kreg status` whose key has the package's name in it."""
        entries = self.value("get_ipython().run_line_magic('kreg', 'status').to_dict()['entries']")
        return [entry for entry in entries if self.package in entry["key"]]

    def status(self) -> dict[str, dict[str, Any]]:
        """`entries` by key, the last one of each."""
        return {entry["key"].replace(self.package, "PKG"): entry for entry in self.entries()}


@pytest.fixture(scope="session")
def frameworks() -> Iterator[Forks]:
    """The process with the frameworks imported from which kernels are forked."""
    paths = os.pathsep.join((str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])))
    forks = Forks(IMPORTS + "import ipykernel.kernelapp", {**os.environ, **ENVIRONMENT, "PYTHONPATH": paths})
    yield forks
    forks.close()


@pytest.fixture(scope="session")
def shared_kernel(frameworks: Forks) -> Iterator[Kernel]:
    kernel = ForkedKernel(frameworks)
    kernel.run(None, IMPORTS)
    kernel.silently(FREEZE)
    yield kernel
    kernel.close()


class Files:
    """Python files on disk, in a directory on the kernels' path. Each writing is seconds younger than the one before:
    the import system and autoreload look at the time."""

    _clock = itertools.count(1_700_000_000, 10)

    def __init__(self, folder: Path, package: str) -> None:
        self.folder, self.package = folder, package

    def write(self, texts: dict[str, str | None]) -> None:
        """Write files by their path, in which PKG stands for the package's name as in their texts; None deletes one."""
        for name, text in texts.items():
            path = self.folder / name.replace("PKG", self.package)
            path.parent.mkdir(exist_ok=True)
            if text is None:
                path.unlink()
                continue
            path.write_text(textwrap.dedent(text).replace("PKG", self.package))
            time = next(self._clock)
            os.utime(path, (time, time))


@pytest.fixture
def files(nb: Notebook, tmp_path: Path) -> Files:
    """Files that the notebook can import."""
    nb.silently(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    return Files(tmp_path, nb.package)


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "kreg")


@pytest.fixture
def nb(shared_kernel: Kernel, mode: str) -> Iterator[Notebook]:
    """A notebook with the extension loaded (or, see `pytest_generate_tests`, with none or a naive one)."""
    notebook = Notebook(shared_kernel, mode)
    notebook.load()
    yield notebook
    notebook.unload()


@pytest.fixture
def stock_nb(shared_kernel: Kernel) -> Notebook:
    """A notebook without the extension: how it fails today."""
    return Notebook(shared_kernel, "stock")


@pytest.fixture
def own_kernel(frameworks: Forks) -> Iterator[Kernel]:
    """A fresh kernel with the frameworks imported, for a process's own global state."""
    kernel = ForkedKernel(frameworks)
    yield kernel
    kernel.close()


@pytest.fixture
def bare_kernel() -> Iterator[Kernel]:
    """A fresh kernel in which no framework is imported yet."""
    kernel = Kernel(PYTHONPATH=str(Path(__file__).parent))
    yield kernel
    kernel.close()


@functools.cache
def is_met(requirement: str) -> bool:
    """Return whether a distribution or Python is installed in a version that fits; of a path, whether it exists.

    Args:
        requirement: one requirement or path, or several with ``|`` between them, of which one is enough.
    """
    if "|" in requirement:
        return any(map(is_met, requirement.split("|")))
    if requirement.startswith("/"):
        return Path(requirement).exists()
    wanted = Requirement(requirement)
    if wanted.name == "python":
        return wanted.specifier.contains(platform.python_version())
    try:
        return wanted.specifier.contains(version(wanted.name), prereleases=True)
    except PackageNotFoundError:
        return False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, and say so, what needs another version of something: the suite runs on several stacks."""
    unmet: dict[str, list[pytest.Item]] = {}
    for item in items:
        for requirement in {arg for mark in item.iter_markers("needs") for arg in mark.args if not is_met(arg)}:
            unmet.setdefault(requirement, []).append(item)
    left_out = {item for some in unmet.values() for item in some}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]
    for requirement, some in sorted(unmet.items()):
        print(f"left out, for want of {requirement}: {len(some)} tests", file=sys.__stdout__)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    modes = [mark.args[0] for mark in metafunc.definition.iter_markers("fails") if all(map(is_met, mark.args[1:]))]
    if modes:
        metafunc.parametrize("mode", ["kreg", *sorted(modes)], indirect=True)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A test marked ``fails(mode, *requirements)`` must fail in that mode where the requirements are met: otherwise it
    shows nothing."""
    mode = pyfuncitem.callspec.params.get("mode", "kreg") if hasattr(pyfuncitem, "callspec") else "kreg"
    if mode == "kreg":
        return (yield)
    try:
        yield
    except AssertionError:
        return True
    pytest.fail(f"passes with the {mode} extension as well: it shows nothing of ours")


@pytest.fixture(scope="session")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """JupyterLab in a browser, with an empty folder: starting both takes as long as several tests."""
    from lab import browsing, serving

    folder = tmp_path_factory.mktemp("lab")
    with serving(folder) as address, browsing(address, folder, tmp_path_factory.mktemp("profile")) as lab:
        yield lab


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A process with a framework of dicts and lists, a notebook, and a guard. No kernel is started."""
    from guarding import Lab

    from kreg_ipython.guard import ways

    ways._lines.known.clear()  # the files of two tests may have one name
    made = Lab(monkeypatch)
    gc.freeze()  # a guard that is detached collects; what the process loaded before would be visited each time
    yield made
    made.guard.detach()
    gc.unfreeze()
    assert made.runs == []
