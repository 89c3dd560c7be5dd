"""Find mistakes around models by looking at live objects: the rules of ``%kreg check``.

Each rule is one function, with a section in docs/checks.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kreg_ipython.checks.conversion import conversion
from kreg_ipython.checks.duplicate_metric import duplicate_metric
from kreg_ipython.checks.former_class import former_class
from kreg_ipython.checks.former_trace import former_trace
from kreg_ipython.checks.hijacked_name import hijacked_name
from kreg_ipython.checks.legacy_optimizer import legacy_optimizer
from kreg_ipython.checks.notebook import CannotTell, Finding, Found, Harm, Notebook
from kreg_ipython.checks.optimizer_in_function import optimizer_in_function
from kreg_ipython.checks.optimizer_of_another_model import optimizer_of_another_model
from kreg_ipython.checks.will_not_load import will_not_load
from kreg_ipython.lib.naming import error_text

__all__ = ["RULES", "Finding", "Notebook", "check"]

RULES: tuple[Callable[[Notebook], Iterable[Found]], ...] = (
    duplicate_metric,
    former_trace,
    optimizer_in_function,
    optimizer_of_another_model,
    legacy_optimizer,
    will_not_load,
    former_class,
    hijacked_name,
    conversion,
)


def check(notebook: Notebook) -> tuple[list[Finding], dict[str, str]]:
    """Return the findings, those first that do the most harm, and a line for each rule that could not look everywhere.

    The user's objects may raise whatever they are asked. The rules change nothing: they trace nothing, build nothing
    and make no variable.
    """
    findings: list[tuple[Harm, Finding]] = []
    faults: dict[str, str] = {}
    for rule in RULES:
        name = rule.__name__.replace("_", "-")
        try:
            for *finding, harm in rule(notebook):
                findings.append((harm, Finding(name, *finding)))
        except CannotTell as error:
            faults[name] = str(error)
        except Exception as error:
            faults[name] = error_text(error)
    return [finding for _, finding in sorted(findings, key=lambda each: each[0])], faults
