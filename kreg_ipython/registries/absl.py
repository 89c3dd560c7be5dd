"""Adapt absl's command-line flags, which are also ``tf.compat.v1.flags``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator
from itertools import takewhile
from traceback import walk_stack
from typing import Any

from kreg_ipython.lib.importlib_bootstrap import pass_over
from kreg_ipython.registries.registry import MISSING, Announcement, Gate, Registry, locate
from kreg_ipython.registries.shapes import DictRegistry

_FLAGS = "absl.flags:FLAGS"
_OURS = __name__.partition(".")[0]


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield Flags()


class Flags(DictRegistry):
    """`absl.flags.FLAGS`: a dict of flags by name, and lists of them by the module that defines them."""

    def __init__(self) -> None:
        super().__init__(
            "absl.flags",
            _FLAGS,
            [
                Gate("absl.flags._flagvalues:FlagValues.__setitem__", self._announce),
                Gate("absl.flags._flagvalues:FlagValues.__delattr__", self._announce_removal, act="unregister"),
            ],
            passthrough_modules=["absl.flags._defines", "tensorflow.python.platform.flags"],
        )
        self._definers: dict[str, tuple[str | None, int | None]] = {}

    @property
    def table(self) -> Any:
        return locate(_FLAGS)._flags()

    def _announce(self, flags: Any, name: str, flag: Any) -> Announcement | None:
        if flags is not locate(_FLAGS):
            return None
        self._remember(name)  # absl forgets who defined a flag that is overridden
        return name, flag

    @staticmethod
    def _announce_removal(flags: Any, name: str) -> Announcement | None:
        return (name, MISSING) if flags is locate(_FLAGS) else None

    def _remember(self, name: Any) -> None:
        flags = locate(_FLAGS)
        if name in flags._flags():
            definer = flags.find_module_defining_flag(name), flags.find_module_id_defining_flag(name)
            self._definers[name] = definer

    def same(self, key: Hashable, value: Any, subject: Any) -> bool:
        """Return whether the module that defined the flag defines it again: a flag has no definition of its own."""
        definer = locate(_FLAGS).find_module_defining_flag(key)
        return value is subject or bool(definer == _calling_module())

    @pass_over
    def call(self, subject: Any, register: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call absl's function, with kreg's modules disclaimed, so that an error names the user's module."""
        __tracebackhide__ = True
        disclaimed = locate("absl.flags._helpers:disclaim_module_ids")
        ours = _our_module_ids() - disclaimed
        disclaimed |= ours
        try:
            return register(*args, **kwargs)
        finally:
            disclaimed -= ours

    def remove(self, key: Hashable, value: Any) -> None:
        flags = locate(_FLAGS)
        self._remember(key)
        for name in (str(key), value.short_name):
            if flags._flags().get(name) is value:
                delattr(flags, name)

    def insert(self, key: Hashable, value: Any) -> None:
        flags = locate(_FLAGS)
        assert isinstance(key, str)
        for name in filter(None, (key, value.short_name)):
            flags._flags()[name] = value
        module, module_id = self._definers.get(key, (None, None))
        if module is not None:
            flags.register_flag_by_module(module, value)
            flags.register_flag_by_module_id(module_id, value)
            flags.register_key_flag_for_module(module, value)


def _our_module_ids() -> set[int]:
    """Return the ids by which absl knows the modules of ours that call it: they may be gone from `sys.modules`."""
    names = (str(frame.f_globals.get("__name__")) for frame, _ in walk_stack(sys._getframe()))
    return {id(sys.modules.get(name)) for name in takewhile(lambda name: name.partition(".")[0] == _OURS, names)}


def _calling_module() -> str:
    """Return the module whose code defines a flag, as absl names it. The main module has the program's name."""
    disclaimed = locate("absl.flags._helpers:disclaim_module_ids")  # TensorFlow's flags are, for one
    for frame, _ in walk_stack(sys._getframe()):
        name = str(frame.f_globals.get("__name__"))
        ours = name.partition(".")[0] in ("absl", _OURS)
        if not ours and id(sys.modules.get(name)) not in disclaimed:
            return sys.argv[0] if name == "__main__" else name
    return sys.argv[0]
