"""Two claim one key: who gives way, and what the user is told of it. It changes no registry and no ledger."""

from __future__ import annotations

from collections.abc import Hashable
from types import FrameType
from typing import Any

from kreg_ipython.guard import messages
from kreg_ipython.guard.context import Caller, Surroundings
from kreg_ipython.guard.ledger import Entry, Ledger, Place
from kreg_ipython.guard.notices import Notices
from kreg_ipython.guard.settings import Settings
from kreg_ipython.lib.naming import same_definition
from kreg_ipython.registries.shapes import MISSING, Registry


class Conflicts:
    """What happens where a registration meets an entry of another owner.

    Args:
        ledger: who stands where.
        surroundings: whether an owner would register something again, or a framework does.
        settings: what the user wants in a conflict.
        notices: what the user is told.
    """

    def __init__(self, ledger: Ledger, surroundings: Surroundings, settings: Settings, notices: Notices) -> None:
        self._ledger, self._surroundings, self._settings, self._notices = ledger, surroundings, settings, notices

    def gives_way(self, entry: Entry, subject: Any, caller: Caller) -> bool:
        """Whether the entry's owner would not register it any more, or is the calling cell under another id: none of
        its own, or one of a former session."""
        owner = entry.owner
        if owner is None or owner is caller.owner:
            return False
        if owner.kind != "cell":
            return self._surroundings.is_outdated(entry)
        unknown = owner.id is None or owner.sessions.isdisjoint(caller.owner.sessions)
        renamed = unknown and caller.owner.kind == "cell" and same_definition(entry.subject, subject)
        return owner.deleted or renamed

    def may_make_way(self, place: Place, caller: Caller | None, frame: FrameType) -> bool:
        """Whether what stands there may be set aside for a registration under this frame. If this very run registered
        it, the framework answers as in a fresh kernel."""
        if caller is None:  # a framework that has been purged or reloaded meets what it registered itself
            return self._surroundings.is_framework_again(frame)
        top = self._ledger.top(place)
        return top is None or top.run is None or top.run is not caller.run or not top.run.active

    def yields(self, top: Entry | None, subject: Any, caller: Caller | None) -> bool:
        """Whether an owner's entry may be set aside for another definition."""
        if top is None or top.owner is None or caller is None:
            return False
        # the last run did not register it; or the body was executed again by a loader that nobody watches
        left = bool(top.kept) or top.restored or top.owner.kind != "cell"
        former = top.owner is caller.owner and left
        return former or self._settings.on_conflict == "replace" or self.gives_way(top, subject, caller)

    def refuse(self, registry: Registry, key: Hashable, subject: Any, before: Any, caller: Caller) -> None:
        """Raise for a different definition under a taken key, also where the framework would not, if the user has asked
        for it.

        Raises:
            ValueError: with both places, and the ways out.
        """
        __tracebackhide__ = True
        if self._settings.on_conflict != "error":
            return
        top = self._ledger.top((registry.name, key))
        if before is not MISSING and top is not None and self._collides(top, subject, caller):
            raise ValueError(
                messages.refused(key, top, before, caller.owner, caller.line)
                + ", or: %config KregMagics.on_conflict = 'note'"
            )

    def shadow(self, top: Entry, subject: Any, caller: Caller) -> None:
        """Write down that an entry gets another one over it, and tell of it if that is a collision."""
        if self._ledger.top(top.place) is not top:
            return  # it has given way
        self._notices.log("shadowed", top, f"{messages.where(caller.owner, caller.line)} registers it, too", caller.run)
        collides = self._settings.on_conflict != "replace" and self._collides(top, subject, caller)
        if collides and top.owner is not None:
            text = messages.overwritten(top, top.owner, caller.owner, caller.line)
            self._notices.tell(text, about=(top.name, top.owner, caller.owner))

    def annotate(
        self, registry: Registry, key: Hashable, subject: Any, before: Any, caller: Caller, error: BaseException
    ) -> None:
        """Tell both places in a note on the framework's own exception: of the key, or of the same object under another
        one."""
        top = self._ledger.top((registry.name, key))
        if before is MISSING and not registry.appending:
            known = [entry for entry in self._ledger if entry.registry == registry.name and entry.subject is subject]
            if not known:
                return
            top, key = known[-1], known[-1].key
        elif registry.appending:
            beside = self._ledger.beside((registry.name, key))
            if not beside:
                return
            top = beside[-1]
        former = None if before is MISSING else registry.subject(before)
        self._notices.annotate(error, messages.refused(key, top, former, caller.owner, caller.line))

    def _collides(self, top: Entry, subject: Any, caller: Caller) -> bool:
        """Whether two owners claim a key for different definitions, and neither is meant to override the other, as a
        cell overrides a module. Cells without ids may be one and the same, edited."""
        there, here = top.owner, caller.owner
        return (
            there is not None
            and there is not here
            and there.kind == here.kind
            and (there.kind != "cell" or (there.id is not None and here.id is not None))
            and not same_definition(top.subject, subject)
            and not self.gives_way(top, subject, caller)
        )
