"""List the registries that are guarded.

Only this package names a framework. A new registry is a few lines in one of its modules.
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from kreg_ipython.lib.holders import Opaque
from kreg_ipython.lib.naming import error_text
from kreg_ipython.lib.stack import Step
from kreg_ipython.registries.registry import Registry, checked

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FRAMEWORKS = frozenset({"tensorflow", "keras", "tf_keras", "tensorflow_probability", "absl", "optree"})
"""The packages that register on their own behalf. Their entries have no owner, see docs/how-it-works.md."""

LIBRARIES = frozenset(
    {
        "altair",
        "bokeh",
        "catalogue",
        "dash",
        "detectron2",
        "flask",
        "fvcore",
        "gin",
        "gymnasium",
        "hydra",
        "jax",
        "matplotlib",
        "mmengine",
        "pandas",
        "polars",
        "prometheus_client",
        "sqlalchemy",
        "tensorflow_datasets",
        "torch",
        "transformers",
        "xarray",
    }
)
"""The packages beside Keras that have adapters of ours, which are made when the package is imported.

They register on their own behalf, too. Other than a framework's, their functions may execute the user's code.
"""

EXTRAS = {"ipython": "IPython", "ipywidgets": "ipywidgets", "logging": "logging"}
"""The adapters that users have by wish only, and the module that each waits for: lists of handlers that pile up."""

OWNING_NOTHING = FRAMEWORKS | LIBRARIES
"""The packages that register on their own behalf."""

CALLERS = frozenset({"tensorflow.python.autograph.impl.api"})
"""The frameworks' modules that call what the user's own code calls: AutoGraph's, inside a ``tf.function``."""

_GENERATED = "__autograph_generated_file"

GROUP = "kreg_ipython.registries"
"""The entry-point group by which another package brings its adapters: a function that returns them."""

added: dict[str, Registry] = {}
"""The adapters that `kreg_ipython.register_adapter` was given, by name."""


def builtin() -> Iterator[Registry]:
    """Yield the adapters that come with kreg, whether or not their framework is imported."""
    from kreg_ipython.registries import absl, keras, optree, tensorflow, tensorflow_probability

    for framework in (keras, tensorflow, tensorflow_probability, optree, absl):
        yield from framework.registries()


def of_library(package: str) -> list[Registry]:
    """Return the adapters for one of the `LIBRARIES` or `EXTRAS`. What other packages register there is theirs."""
    found: list[Registry] = list(import_module(f"{__name__}.libraries.{package}").registries())
    for registry in found:
        registry.users_only = True
    return found


def is_builtin(name: str) -> bool:
    """Return whether an adapter that comes with kreg has this name, which no other adapter may have."""
    package = name.partition(".")[0]
    ours = of_library(package) if package in LIBRARIES or package in EXTRAS else builtin()
    return name in {each.name for each in ours}


def all_registries(faults: dict[str, str]) -> list[Registry]:
    """Return every adapter: those that come with kreg, those of other packages, and those that users registered.

    Their frameworks need not be imported.

    Args:
        faults: gets a line for each package whose adapters cannot be had.
    """
    found = {registry.name: registry for registry in builtin()}
    for plugin in _plugins():
        try:
            adapters: Callable[[], Iterable[Registry]] = plugin.load()
            for adapter in map(checked, adapters()):
                if adapter.name in found:
                    raise ValueError(f"{adapter.name} is already guarded")
                found[adapter.name] = adapter
        except Exception as error:
            faults[plugin.value] = error_text(error)
    return [*{**found, **added}.values()]


def _plugins() -> Iterable[EntryPoint]:
    """Return what installed packages say that they bring: the texts that say so are read before they are parsed."""
    if not any(_brings_something(folder) for folder in sys.path if isinstance(folder, str)):
        return ()
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def _brings_something(folder: str) -> bool:
    """Return whether a package in a folder may say so; True, too, of an archive."""
    for path in glob.iglob(os.path.join(glob.escape(folder), "*-info", "entry_points.txt")):
        with suppress(OSError), open(path, "rb") as text:
            if GROUP.encode() in text.read():
                return True
    return os.path.isfile(folder)


def as_written(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps at the lines that the user wrote, where a framework executes code that it has made of them."""
    if not any(_GENERATED in step.code.co_filename for step in steps):
        return steps
    from kreg_ipython.registries.tensorflow import autograph

    return autograph.as_written(steps)


def is_opaque(kind: type) -> bool:
    """Return whether objects of a type are a framework's own state, IPython's or kreg's, which leads to everything.

    So are figures, and the types in annotations, of which a framework's functions have thousands. Keras's objects are
    not opaque: models are made of them, and of TensorFlow's wrappers of dicts.
    """
    module = str(kind.__module__)
    return module.partition(".")[0] in _OPAQUE and module != "tensorflow.python.trackable.data_structures"


BUILT_UPON = frozenset({"_outbound_nodes", "_outbound_nodes_value"})
"""The attributes by which a layer of Keras 3 or 2 knows what is built upon it."""


def built_upon(kind: type) -> frozenset[str]:
    """Return the attributes by which objects of a type know what is built upon them."""
    homes = {str(base.__module__).partition(".")[0] for base in kind.__mro__}
    return frozenset() if homes.isdisjoint(("keras", "tf_keras")) else BUILT_UPON


_OPAQUE = FRAMEWORKS - {"keras", "tf_keras"} | {
    "jax",
    "jaxlib",
    "torch",
    "numpy",
    "IPython",
    "ipykernel",
    "kreg_ipython",
    "matplotlib",
    "typing",
}

OPAQUE = Opaque(is_opaque, built_upon)
"""The objects that are not looked into when it is asked which variables hold an object."""
