"""Adapt SQLAlchemy's tables, and the classes that relationships know by name. SQLModel's are the same."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry, locate

_SCHEMA = "sqlalchemy.sql.schema"
_ORM = "sqlalchemy.orm"
_BETWEEN = [f"{_ORM}.{each}" for each in ("clsregistry", "decl_api", "decl_base", "instrumentation")] + [
    "sqlalchemy.util.deprecations",
    "flask_sqlalchemy.model",
    "flask_sqlalchemy.extension",
    "sqlmodel.main",
]


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "sqlalchemy.tables",
        f"{_SCHEMA}:MetaData",
        "tables",
        [Gate(f"{_SCHEMA}:Table._new.__func__", _announce_table)],
        put=lambda metadata, key, table: metadata._add_table(table.name, table.schema, table),
        take=lambda metadata, key, table: metadata.remove(table),
        passthrough_modules=_BETWEEN,
    )
    yield InstanceRegistry(
        "sqlalchemy.classes",
        f"{_ORM}.decl_api:registry",
        "_class_registry",
        [Gate(f"{_ORM}.clsregistry:_add_class|{_ORM}.clsregistry:add_class", _announce_class)],
        put=_put_class,
        take=_take_class,
        passthrough_modules=_BETWEEN,
    )


def _announce_table(cls: Any, name: str, metadata: Any, *columns: Any, schema: Any = None, **options: Any) -> Any:
    schema = metadata.schema if schema is None else schema
    key = f"{schema}.{name}" if isinstance(schema, str) else name
    means_the_former = options.get("keep_existing") or options.get("extend_existing") or not columns
    return None if key in metadata.tables and means_the_former else (metadata, key, None)


def _announce_class(classname: str, cls: Any, known: Any) -> Any:
    registry = getattr(cls, "registry", None)
    return (registry, classname, cls) if getattr(registry, "_class_registry", None) is known else None


_waiting: weakref.WeakSet[Any] = weakref.WeakSet()
"""The mappers of former classes that were never used: the first use of any class configures all that are not."""


def _take_class(registry: Any, name: str, cls: Any) -> None:
    _call("remove_class", name, cls, registry._class_registry)
    mapper = vars(cls).get("__mapper__")
    if mapper is not None and not mapper.configured:
        mapper.configured = True
        _waiting.add(mapper)


def _put_class(registry: Any, name: str, cls: Any) -> None:
    _call("add_class", name, cls, registry._class_registry)
    mapper = vars(cls).get("__mapper__")
    if mapper in _waiting:
        mapper.configured = False
        _waiting.discard(mapper)
        registry._flag_new_mapper(mapper)


def _call(function: str, *args: Any) -> None:
    locate(f"{_ORM}.clsregistry:_{function}|{_ORM}.clsregistry:{function}")(*args)
