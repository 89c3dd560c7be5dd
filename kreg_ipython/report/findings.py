"""Show what the rules of ``%kreg check`` found."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kreg_ipython.checks import Finding
from kreg_ipython.lib.naming import clean
from kreg_ipython.report import render


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
        yield self._head()
        for finding in self.findings[: render.FOLDED]:
            yield f"{finding.rule}: {clean(finding.object)}, {clean(finding.where, 120)}"
            yield f"    {clean(finding.message, 300)}"
            mark = "> " if _is_code(finding.fix) else ""
            for line in finding.fix.splitlines():
                yield f"    {mark}{clean(line, 300)}"
        yield from self._foot()
        if len(self.findings) > render.FOLDED:
            yield render.more(len(self.findings) - render.FOLDED, "r = %kreg check; r.to_dict()")

    def html(self) -> Iterable[str]:
        yield render.paragraph(self._head())
        for finding in self.findings:
            title = f"{finding.rule}: {clean(finding.object)}, {clean(finding.where, 120)}"
            yield render.paragraph(title, state="kept")
            is_code = _is_code(finding.fix)
            yield render.items([finding.message, *([] if is_code else finding.fix.splitlines())])
            if is_code:
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
