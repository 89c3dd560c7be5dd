"""The registries that are guarded: the only place that names a framework. A new one is a few lines in a module here."""

from __future__ import annotations

from collections.abc import Iterator

from kreg_ipython.registry import Registry

FRAMEWORKS = frozenset({"tensorflow", "keras", "tf_keras", "tensorflow_probability", "absl", "optree"})
"""Packages that register for themselves: what they put into a registry is nobody's, see docs/how-it-works.md."""


def all_registries() -> Iterator[Registry]:
    """Every adapter, present or not."""
    from kreg_ipython.registries import absl, keras, optree, tensorflow, tensorflow_probability

    for framework in (keras, tensorflow, tensorflow_probability, optree, absl):
        yield from framework.registries()
