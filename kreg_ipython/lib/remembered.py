"""Remember what was found out about objects: hashing some takes long, and others cannot be hashed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

_Result = TypeVar("_Result")


class Remembered(Generic[_Result]):
    """A function that is asked once about each object, its first argument, which is kept alive.

    Args:
        find: the function.
        most: how many objects are remembered; the oldest go.
    """

    def __init__(self, find: Callable[..., _Result], most: int) -> None:
        self._find, self.most = find, most
        self.known: dict[int, tuple[Any, _Result]] = {}

    def __call__(self, one: Any, *args: Any) -> _Result:
        """Return what the function says about an object."""
        about = self.known.get(id(one))
        if about is None:
            about = self.known[id(one)] = one, self._find(one, *args)
            while len(self.known) > self.most:
                self.known.pop(next(iter(self.known)), None)
        return about[1]


def remembered(most: int) -> Callable[[Callable[..., _Result]], Remembered[_Result]]:
    """Return a decorator that makes a function a `Remembered` one."""
    return lambda find: Remembered(find, most)
