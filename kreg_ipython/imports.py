"""Notice that a module has been imported, whoever imports it and whenever, without importing it."""

from __future__ import annotations

import importlib.abc
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def notice(modules: set[str], imported: Callable[[str], None]) -> Callable[[], None]:
    """Call ``imported`` with the name of each of these modules as soon as its body has been executed.

    Returns:
        The undo.
    """
    finder = _Finder(modules, imported)
    sys.meta_path.insert(0, finder)

    def undo() -> None:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)

    return undo


class _Finder(importlib.abc.MetaPathFinder):
    """Notices that one of ``modules`` has been imported; leaves the finding and the loading to the others."""

    def __init__(self, modules: set[str], imported: Callable[[str], None]) -> None:
        self._modules, self._imported = modules, imported

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in self._modules:
            return None
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            if finder is not self and find_spec is not None:
                spec: ModuleSpec | None = find_spec(fullname, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Loader(spec.loader, self._imported)
                    return spec
        return None


class _Loader(importlib.abc.Loader):
    """Stands in for a module's loader until the module's body has been executed, then says so."""

    def __init__(self, loader: Any, imported: Callable[[str], None]) -> None:
        self._loader, self._imported = loader, imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        self._imported(module.__name__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
