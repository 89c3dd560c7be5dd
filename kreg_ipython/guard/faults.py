"""Ask adapters, and survive their faults: the one place where an adapter's exception ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kreg_ipython.lib.naming import error_text
from kreg_ipython.registries.shapes import NotThere, Registry, is_there


class Faults:
    """What went wrong with which registry, until the same goes well again.

    Args:
        tell: is told the registry's name and the fault, when it is new.
    """

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._failing: dict[str, Callable[..., Any] | None] = {}
        self.texts: dict[str, str] = {}
        """A line for each registry that is not guarded properly."""

    def attempt(self, registry: Registry, act: Callable[..., Any], *args: Any, otherwise: Any = None) -> Any:
        """``act(*args)``, or ``otherwise`` if that fails. That a container is not there for a while is no fault."""
        try:
            result = act(*args)
        except Exception as error:
            if not isinstance(error, NotThere) or is_there(registry):
                self.note(registry.name, error, act)
            return otherwise
        if self._failing and self._failing.get(registry.name) == act:
            self.forget(registry.name)
        return result

    def note(self, registry: str, error: Exception, act: Callable[..., Any] | None = None) -> None:
        """Remember what failed with a registry, and tell if that is new."""
        text, self._failing[registry] = error_text(error), act
        if self.texts.get(registry) != text:
            self.texts[registry] = text
            self._tell(registry, text)

    def forget(self, registry: str) -> None:
        """The registry is mended, or not guarded any more."""
        self._failing.pop(registry, None)
        self.texts.pop(registry, None)
