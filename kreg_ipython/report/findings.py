"""`%kreg check`: what the rules found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kreg_ipython.checks import Finding
from kreg_ipython.lib.naming import clean
from kreg_ipython.report import render

_HEAD = ("rule", "object", "where", "why it will hurt", "instead")


class MistakesFound(Exception):
    """What ``--strict`` raises: the cell fails, and so does what executes the notebook."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the line, and not where in our code it was raised."""
        return [f"MistakesFound: {self}"]


@dataclass(frozen=True, repr=False)
class Findings(render.Shown):
    """The findings, rule by rule; ``checked`` is how many models, optimizers, functions and classes were looked at.
    ``faults`` are the rules that could not look at everything, and why."""

    findings: tuple[Finding, ...]
    checked: int
    faults: dict[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """``{"findings": [{"rule", "object", "where", "message", "fix"}, …], "checked": n}``, in which ``rule`` is a
        section of docs/checks.md; and ``"faults": {rule: text}``, if there are any."""
        findings = [finding._asdict() for finding in self.findings]
        return {"findings": findings, "checked": self.checked} | ({"faults": self.faults} if self.faults else {})

    def text(self) -> Iterable[str]:
        yield self._head()
        for finding in self.findings[: render.FOLDED]:
            yield f"{finding.rule}: {clean(finding.object)}, {clean(finding.where, 120)}"
            yield f"    {clean(finding.message, 300)}"
            for line in finding.fix.splitlines():
                yield f"    > {clean(line, 300)}"
        yield from self._foot()
        if len(self.findings) > render.FOLDED:
            yield render.more(len(self.findings) - render.FOLDED, "r = %kreg check; r.to_dict()")

    def html(self) -> Iterable[str]:
        yield render.paragraph(self._head())
        for finding in self.findings:
            title = f"{finding.rule}: {clean(finding.object)}, {clean(finding.where, 120)}"
            yield render.paragraph(title, state="kept")
            yield render.items([finding.message])
            yield render.code(finding.fix)
        yield from map(render.paragraph, self._foot())

    def summary(self) -> str:
        """All findings in a line."""
        named = "; ".join(f"{finding.rule}: {finding.object}, {finding.where}" for finding in self.findings)
        return f"{render.count(len(self.findings), 'finding')}: {named}"

    def _foot(self) -> Iterable[str]:
        for rule, text in self.faults.items():
            yield f"not looked at everything: {rule}: {text}"

    def _head(self) -> str:
        found = render.count(len(self.findings), "finding") if self.findings else "nothing found"
        return f"kreg: {found} in {render.count(self.checked, 'object')}"
