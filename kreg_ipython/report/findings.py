"""Show what the rules of ``%kreg check`` found."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kreg_ipython.checks import Finding
from kreg_ipython.lib.naming import clean
from kreg_ipython.report import render

_BELOW = " " * 4
"""The beginning of the lines below a finding."""


class MistakesFound(Exception):
    """The error of ``%kreg check --strict``: the cell fails, and so does the program that executes the notebook."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows: the error's line, without kreg's own frames."""
        return [f"MistakesFound: {self}"]


@dataclass(frozen=True, repr=False)
class Findings(render.Shown):
    """The findings, rule by rule.

    Attributes:
        findings: the mistakes.
        checked: the number of models, optimizers, functions and classes that were looked at.
        faults: the rules that could not look at everything, and why.
    """

    findings: tuple[Finding, ...]
    checked: int
    faults: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"findings": [{"rule", "object", "where", "message", "fix"}, …], "checked": n}``.

        ``rule`` is a section of docs/checks.md. If a rule could not look at everything, there is ``"faults": {rule:
        text}``, too.
        """
        findings = [finding._asdict() for finding in self.findings]
        return {"findings": findings, "checked": self.checked} | ({"faults": self.faults} if self.faults else {})

    def text(self) -> Iterable[str]:
        yield from render.wrapped([self._head()])
        widths = render.widths_of(map(_cells, self.findings))
        for finding in self.findings[: render.FOLDED]:
            yield from render.entries([_cells(finding)], widths, hang=len(_BELOW))
            if _is_code(finding.fix):
                yield from (f"  {_BELOW}> {clean(line, 300)}".rstrip() for line in finding.fix.splitlines())
        if len(self.findings) > render.FOLDED:
            yield render.more(len(self.findings) - render.FOLDED, render.everything("check"))
        yield from render.wrapped(self._foot())

    def html(self) -> Iterable[str]:
        yield render.paragraph(self._head())
        widths = render.page_widths(map(_cells, self.findings))
        for finding in self.findings:
            yield render.entry_list([_cells(finding)], widths)
            if _is_code(finding.fix):
                yield render.code(finding.fix)
        yield from map(render.paragraph, self._foot())

    def summary(self) -> str:
        """Return all findings in one line."""
        named = "; ".join(f"{finding.rule}: {finding.object}, {finding.where}" for finding in self.findings)
        return f"{render.count(len(self.findings), 'finding')}: {named}"

    def _foot(self) -> Iterable[str]:
        for rule, text in self.faults.items():
            yield f"{rule} could not check everything: {text}"

    def _head(self) -> str:
        found = render.count(len(self.findings), "finding") if self.findings else "nothing found"
        return f"kreg: {found} in {render.count(self.checked, 'object')}"


def _cells(finding: Finding) -> tuple[str, ...]:
    """Return the cells of a finding, as `render.entries` has them. A fix that is code stands below them."""
    told = finding.message if _is_code(finding.fix) else f"{finding.message}\n{finding.fix}"
    return finding.rule, finding.object, finding.where, "", told


def _is_code(fix: str) -> bool:
    """Return whether a fix can be typed as it is, but for what ``…`` stands for. Others are sentences.

    A decorator is code without what it stands before.
    """
    text = fix.replace(", …", "").replace("…", "...") + ("\ndef f(): ..." if fix.startswith("@") else "")
    try:
        compile(text, "<fix>", "exec", flags=ast.PyCF_ONLY_AST)
    except SyntaxError:
        return False
    return True
