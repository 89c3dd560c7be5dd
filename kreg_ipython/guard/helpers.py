"""What the text of a helper, the function that makes a registration, says of the statement that does."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Hashable, Mapping
from types import CodeType
from typing import Any

from kreg_ipython.lib import source
from kreg_ipython.lib.stack import Site
from kreg_ipython.registries.shapes import MISSING


def name(site: Site) -> str:
    """The helper's qualified name; before Python 3.11 a code has only its own."""
    return getattr(site.code, "co_qualname", site.code.co_name)


def place(site: Site) -> Hashable:
    """The statement; its line if the helper's text cannot be had."""
    text = _text(site.code)
    return source.statement(text, _line(site)) if text is not None else _line(site)


def around(site: Site) -> set[str]:
    """What the statement stands in there, as `source.around` says."""
    text = _text(site.code)
    return source.around(text, source.statement(text, _line(site))) if text is not None else set()


def stands(site: Site, namespace: Mapping[str, Any]) -> bool:
    """Whether the helper that its name means in the namespace still holds the statement. When in doubt it does."""
    first, *rest = name(site).split(".")
    meant = namespace.get(first, MISSING)
    known = meant is not MISSING and "<locals>" not in rest
    for part in rest:
        meant = vars(meant).get(part, MISSING) if hasattr(meant, "__dict__") else MISSING
        meant = getattr(meant, "__func__", meant)
    if known and meant is MISSING:
        return False
    code = getattr(inspect.unwrap(meant) if callable(meant) else meant, "__code__", site.code)
    if code is site.code or code.co_name != site.code.co_name:
        return True
    before, now = _text(site.code), _text(code)
    return before is None or now is None or source.still_registers(before, _line(site), now)


def _line(site: Site) -> int:
    """The line of the registration in the helper's text, 1 being the first."""
    return site.line - site.code.co_firstlineno + 1


@functools.lru_cache(maxsize=64)
def _text(code: CodeType) -> str | None:
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):
        return None
