"""`%kreg check`: what the rules found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from kreg_ipython.checks import Finding
from kreg_ipython.naming import clean
from kreg_ipython.report import render

_HEAD = ("rule", "object", "where", "why it will hurt", "instead")


class MistakesFound(Exception):
    """What ``--strict`` raises: the cell fails, and so does what executes the notebook."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the line, and not where in our code it was raised."""
        return [f"MistakesFound: {self}"]


@dataclass(frozen=True, repr=False)
class Findings(render.Shown):
    """The findings, rule by rule; ``checked`` is how many models, optimizers, functions and classes were looked at."""

    findings: tuple[Finding, ...]
    checked: int

    def to_dict(self) -> dict[str, Any]:
        """``{"findings": [{"rule", "object", "where", "message", "fix"}, …], "checked": n}``."""
        return {"findings": [asdict(finding) for finding in self.findings], "checked": self.checked}

    def text(self) -> Iterable[str]:
        yield self._head()
        for finding in self.findings[: render.FOLDED]:
            yield f"{finding.rule}: {clean(finding.object)}, {clean(finding.where, 120)}"
            yield f"    {clean(finding.message, 300)}"
            for line in finding.fix.splitlines():
                yield f"    > {clean(line, 160)}"
        if len(self.findings) > render.FOLDED:
            yield render.more(len(self.findings) - render.FOLDED, "r = %kreg check; r.to_dict()")

    def html(self) -> Iterable[str]:
        yield render.paragraph(self._head())
        for finding in self.findings:
            title = f"{finding.rule}: {clean(finding.object)}, {clean(finding.where, 120)}"
            yield render.paragraph(title, state="kept")
            yield render.items([finding.message])
            yield render.code(finding.fix)

    def summary(self) -> str:
        """All findings in a line."""
        named = "; ".join(f"{finding.rule}: {finding.object}, {finding.where}" for finding in self.findings)
        return f"{render.count(len(self.findings), 'finding')}: {named}"

    def _head(self) -> str:
        found = render.count(len(self.findings), "finding") if self.findings else "nothing found"
        return f"kreg: {found} in {render.count(self.checked, 'object')}"
