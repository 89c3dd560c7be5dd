"""Provide the shapes of what a library keeps on its instances and classes: dicts, lists of handlers, accessors.

An instance is known from the first registration on that passes a gate, and only weakly. It goes by its label.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple

from kreg_ipython.lib.naming import definition_text
from kreg_ipython.registries.registry import MISSING, Announcement, Gate, NotThere, locate
from kreg_ipython.registries.shapes import Keyed, Shape, remove_last


class Within(NamedTuple):
    """A key in the container of one instance."""

    label: str
    key: Hashable


class _OnInstances(Shape):
    """Containers on the instances of a class.

    Args:
        name: the name that users know it by.
        kind: where the class is: ``"package.module:Class"``.
        attribute: the name of the attribute that is the container, or the path to it.
        gates: the functions that register.
        label: returns the name of an instance; None if they have none.
        instances: where instances are that are known from the beginning.
        options: what the shape of the containers needs beside.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        attribute: str,
        gates: Iterable[Gate] = (),
        *,
        label: Callable[[Any], str] | None = None,
        instances: Iterable[str] = (),
        **options: Any,
    ) -> None:
        own = [replace(gate, announce=self._announcing(gate.announce)) for gate in gates]
        super().__init__(name, kind.partition(":")[0], own, **options)
        self._kind, self._label, self._paths = kind, label, tuple(instances)
        self._container: Callable[[Any], Any] = attrgetter(attribute)
        self._labels: dict[int, str] = {}
        self._instances: dict[str, weakref.ref[Any]] = {}
        self._next: dict[str, int] = {}

    @property
    def table(self) -> Any:
        """The class whose instances have the containers."""
        found = locate(self._kind)
        for path in self._paths:
            self.label(locate(path))
        return found

    @property
    def parts(self) -> Iterable[Any]:
        return [each for _, instance in self._known() for each in self._all(instance)]

    def _all(self, instance: Any) -> list[Any]:
        """Return the containers of an instance."""
        return [self._container(instance)]

    def label(self, instance: Any) -> str:
        """Return what an instance is called from now on. Of several with one name, the others get a number."""
        which = id(instance)
        if which not in self._labels:
            name = str(self._label(instance)) if self._label is not None else ""
            label = next(each for each in self._numbered(name) if each not in self._instances)

            def forget(gone: weakref.ref[Any]) -> None:
                self._labels.pop(which, None)
                self._instances.pop(label, None)
                self._next.pop(name, None)

            self._instances[label] = weakref.ref(instance, forget)
            self._labels[which] = label
        return self._labels[which]

    def _numbered(self, name: str) -> Iterator[str]:
        for number in itertools.count(self._next.get(name, 1)):
            self._next[name] = number + 1
            yield name if number == 1 else f"{name} ({number})".strip()

    def within(self, instance: Any, key: Hashable) -> Hashable:
        """Return the key of an instance's key: the key alone, if the instance has no label."""
        label = self.label(instance)
        return Within(label, key) if label else key

    def _split(self, key: Hashable) -> tuple[Any, Any]:
        """Return the instance of a key, or None if it is gone, and the key in its container."""
        label, inner = key if isinstance(key, Within) else ("", key)
        reference = self._instances.get(label)
        return (reference() if reference is not None else None), inner

    def _known(self) -> list[tuple[str, Any]]:
        known = [(label, reference()) for label, reference in list(self._instances.items())]
        return [(label, instance) for label, instance in known if instance is not None]

    def _announcing(self, announce: Callable[..., Any]) -> Callable[..., Any]:
        """Return an ``announce`` that makes keys of the instances and what else the given one returns."""

        @functools.wraps(announce)
        def announced(*args: Any, **kwargs: Any) -> Any:
            found = announce(*args, **kwargs)
            if isinstance(found, list):
                return [self._key(*each) for each in found]
            return None if found is None else self._key(*found)

        return announced

    def _key(self, instance: Any, *said: Any) -> Announcement:
        raise NotImplementedError


class InstanceRegistry(_OnInstances, Keyed):
    """A dict on each instance of a class. The ``announce`` of its gates returns the instance, a key, and an object.

    Args:
        name, kind, attribute, gates: as for all containers on instances.
        put: puts a value in, given the instance, the key and the value; None if item assignment does.
        take: takes a value out, given the same; None if ``pop`` does.
        after: is called with the instance when we have changed its dict.
        options: ``label`` and ``instances`` of all containers on instances; what may be said of any shape with keys:
            ``beside`` names further attributes.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        attribute: str,
        gates: Iterable[Gate] = (),
        *,
        put: Callable[[Any, Any, Any], object] | None = None,
        take: Callable[[Any, Any, Any], object] | None = None,
        after: Callable[[Any], object] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name, kind, attribute, gates, **options)
        self._put, self._take, self._after = put, take, after
        self._others: list[Callable[[Any], Any]] = [attrgetter(each) for each in self._beside]

    def _key(self, instance: Any, *said: Any) -> Announcement:
        key, subject = said
        return self.within(instance, key), subject

    def _all(self, instance: Any) -> list[Any]:
        return [self._container(instance), *(other(instance) for other in self._others)]

    def _containers(self, key: Hashable) -> tuple[list[Any], Hashable]:
        instance, inner = self._split(key)
        return ([] if instance is None else self._all(instance)), inner

    def _changed(self, key: Hashable) -> None:
        instance, _ = self._split(key)
        if instance is not None and self._after is not None:
            self._after(instance)

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        keys = [self.within(each, key) for _, each in self._known() for key in list(self._container(each))]
        return [(key, self.current(key)) for key in keys]

    def remove(self, key: Hashable, value: Any) -> None:
        self._change(self._take, super().remove, key, value)

    def insert(self, key: Hashable, value: Any) -> None:
        self._change(self._put, super().insert, key, value)

    def _change(self, special: Callable[..., object] | None, usual: Callable[..., None], key: Any, value: Any) -> None:
        instance, inner = self._split(key)
        if special is None:
            usual(key, value)
        elif instance is not None:
            special(instance, inner, value)


class HandlerRegistry(_OnInstances):
    """Lists of handlers on the instances of a class, which pile up. Only the user's own handlers are tracked.

    The ``announce`` of its gates returns the instance and the handler. If the attribute leads to many lists, as in
    ``events.callbacks["post_run_cell"]``, it returns the rest of the path, too.
    """

    allows_duplicates = True
    ordered = True
    users_only = True

    def _key(self, instance: Any, *said: Any) -> Announcement:
        handler, *path = said
        return self.within(instance, (*path, definition_text(handler))), handler

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        for _, instance in self._known():
            for path, handlers in _lists(self._container(instance)):
                for handler in list(handlers):
                    yield self.within(instance, (*path, definition_text(handler))), handler

    def current(self, key: Hashable) -> Any:
        handlers, text = self._list(key)
        return next((each for each in reversed(handlers) if definition_text(each) == text), MISSING)

    def holds(self, key: Hashable, value: Any) -> bool:
        return any(each is value for each in self._list(key)[0])

    def remove(self, key: Hashable, value: Any) -> None:
        remove_last(self._list(key)[0], value)

    def insert(self, key: Hashable, value: Any) -> None:
        self._list(key)[0].append(value)

    def _list(self, key: Hashable) -> tuple[list[Any], str]:
        """Return the list that a key is of, and the handler's name; an empty list if the instance is gone."""
        instance, inner = self._split(key)
        *path, text = inner
        found = self._container(instance) if instance is not None else []
        for step in path if instance is not None else ():
            found = found[step]
        return found, text


def _lists(container: Any, path: tuple[Hashable, ...] = ()) -> Iterator[tuple[tuple[Hashable, ...], list[Any]]]:
    """Yield the lists in a container, and the keys that lead to each."""
    if isinstance(container, dict):
        for key, inner in container.copy().items():
            yield from _lists(inner, (*path, key))
    else:
        yield path, container


class AttributeRegistry(Shape):
    """Attributes that a library sets on its classes: accessors. The key is the class and the attribute's name.

    Args:
        name: the name that users know it by.
        classes: where the classes are: ``"package.module:Class"``.
        gates: the functions that register. Their ``announce`` returns the class and the name as the key.
        kind: where the type is of what a class has for each of them.
        listed: the attribute of a class that is a set of their names, too; None if there is none.
        subject: returns the user's object in what the class has.
        passthrough_modules: the modules between the user's statement and a gate.
    """

    def __init__(
        self,
        name: str,
        classes: Iterable[str],
        gates: Iterable[Gate] = (),
        *,
        kind: str,
        listed: str | None = None,
        subject: Callable[[Any], Any] | None = None,
        passthrough_modules: Iterable[str] = (),
    ) -> None:
        self._classes, self._kind, self._listed, self._subject = tuple(classes), kind, listed, subject
        super().__init__(name, self._classes[0].partition(":")[0], gates, passthrough_modules)

    @property
    def table(self) -> Any:
        """The classes that this version has: the first one at least."""
        locate(self._classes[0])
        found = []
        for path in self._classes:
            with suppress(NotThere):
                found.append(locate(path))
        return found

    def entries(self) -> Iterable[tuple[Hashable, Any]]:
        kind = locate(self._kind)
        return [
            ((each, name), value)
            for each in self.table
            for name, value in list(vars(each).items())
            if isinstance(value, kind)
        ]

    def current(self, key: Any) -> Any:
        kind, name = key
        return vars(kind).get(name, MISSING)

    def remove(self, key: Any, value: Any) -> None:
        kind, name = key
        delattr(kind, name)
        if self._listed:
            getattr(kind, self._listed).discard(name)

    def insert(self, key: Any, value: Any) -> None:
        kind, name = key
        setattr(kind, name, value)
        if self._listed:
            getattr(kind, self._listed).add(name)

    def subject(self, value: Any) -> Any:
        return self._subject(value) if self._subject else value
