"""Adapt SQLAlchemy's tables, and the classes that relationships know by name. SQLModel's are the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from kreg_ipython.registries.instances import InstanceRegistry
from kreg_ipython.registries.registry import Gate, Registry, locate

_ADD = "sqlalchemy.orm.clsregistry:_add_class|sqlalchemy.orm.clsregistry:add_class"
_REMOVE = "sqlalchemy.orm.clsregistry:_remove_class|sqlalchemy.orm.clsregistry:remove_class"
_BETWEEN = [f"sqlalchemy.orm.{each}" for each in ("clsregistry", "decl_api", "decl_base", "instrumentation")]
_BETWEEN += ["sqlalchemy.util.deprecations", "flask_sqlalchemy.model", "flask_sqlalchemy.extension", "sqlmodel.main"]
_SET_ASIDE = "set aside"
"""Stands for True in the mapper of a former class that was never used."""


def registries() -> Iterator[Registry]:
    """Yield the adapters."""
    yield InstanceRegistry(
        "sqlalchemy.tables",
        "sqlalchemy.sql.schema:MetaData",
        "tables",
        [Gate("sqlalchemy.sql.schema:Table._new.__func__", _announce_table)],
        put=lambda metadata, key, table: metadata._add_table(table.name, table.schema, table),
        take=lambda metadata, key, table: metadata.remove(table),
        passthrough_modules=_BETWEEN,
    )
    yield InstanceRegistry(
        "sqlalchemy.classes",
        "sqlalchemy.orm.decl_api:registry",
        "_class_registry",
        [Gate(_ADD, _announce_class)],
        put=partial(_move, _ADD, _SET_ASIDE, False),
        take=partial(_move, _REMOVE, False, _SET_ASIDE),
        passthrough_modules=_BETWEEN,
    )


def _announce_table(cls: Any, name: Any = None, metadata: Any = None, *columns: Any, **options: Any) -> Any:
    schema = options.get("schema") or getattr(metadata, "schema", None)
    key = f"{schema}.{name}" if isinstance(schema, str) else name
    means_the_former = options.get("keep_existing") or options.get("extend_existing") or not columns
    return None if metadata is None or (key in metadata.tables and means_the_former) else (metadata, key, None)


def _announce_class(classname: str, cls: Any, *args: Any, **options: Any) -> Any:
    registry = getattr(cls, "registry", None)
    return (registry, classname, cls) if hasattr(registry, "_class_registry") else None


def _move(function: str, former: Any, now: Any, registry: Any, name: str, cls: Any) -> None:
    """Tell the registry of a class, and its mapper: the first use of any class configures all that are not."""
    locate(function)(name, cls, registry._class_registry)
    mapper = vars(cls).get("__mapper__")
    if mapper is not None and mapper.configured is former:
        mapper.configured = now
        registry._flag_new_mapper(mapper)
