"""Decide who gives way where two owners claim one key, and what the user is told. No registry is changed here."""

from __future__ import annotations

from types import FrameType
from typing import Any

from kreg_ipython.guard import messages
from kreg_ipython.guard.context import Registration, Shared
from kreg_ipython.guard.ledger import Caller, Entry
from kreg_ipython.lib.naming import same_definition
from kreg_ipython.registries.registry import MISSING, same_value


class Conflicts:
    """The rules where a registration meets an entry of another owner.

    Args:
        shared: what the parts of the guard share.
    """

    def __init__(self, shared: Shared) -> None:
        self._ledger, self._context = shared.ledger, shared.context
        self._settings, self._notices = shared.memory.settings, shared.notices

    def gives_way(self, entry: Entry, subject: Any, caller: Caller) -> bool:
        """Return whether the entry's owner would not register it any more, or is the calling cell under another id.

        The other id may be none, or one of a former session.
        """
        owner = entry.owner
        if owner is None or owner is caller.owner:
            return False
        if owner.kind != "cell":
            return self._context.is_outdated(entry)
        unknown = owner.id is None or owner.sessions.isdisjoint(caller.owner.sessions)
        renamed = unknown and caller.owner.kind == "cell" and same_definition(entry.subject, subject)
        return owner.deleted or renamed

    def may_make_way(self, registration: Registration, frame: FrameType) -> bool:
        """Return whether what stands at the key may be set aside for a registration under this frame.

        If this very run registered it, the framework answers as in a fresh kernel.
        """
        caller = registration.caller
        if caller is None:  # a framework that has been purged or reloaded meets what it registered itself
            return self._context.is_framework_again(frame)
        top = self._ledger.top(registration.spot)
        return registration.registry.allows_duplicates or top is None or not _is_of_this_run(top, caller)

    def may_be_replaced(self, top: Entry | None, registration: Registration) -> bool:
        """Return whether an owner's entry may be set aside for another definition: a former self always makes way."""
        caller = registration.caller
        if top is None or top.owner is None or caller is None:
            return False
        former = top.owner is caller.owner and not _is_of_this_run(top, caller)
        return former or self._settings.on_conflict == "replace" or self.gives_way(top, registration.subject, caller)

    def refuse(self, registration: Registration) -> None:
        """Raise for a different definition under a taken key, if the user has asked for it.

        It is raised even where the framework would raise nothing.

        Raises:
            ValueError: with both places, and the ways out.
        """
        __tracebackhide__ = True
        caller = registration.caller
        if self._settings.on_conflict != "error" or caller is None:
            return
        top = self._ledger.top(registration.spot)
        there = registration.before is not MISSING or registration.registry.allows_duplicates
        if there and top is not None and self._collides(top, registration.subject, caller):
            raise ValueError(
                messages.refused(registration.key, top, registration.before, caller)
                + ", or: %config KregMagics.on_conflict = 'note'"
            )

    def shadow(self, top: Entry, registration: Registration, subject: Any, caller: Caller) -> None:
        """Write down that an entry gets another one over it, and tell of it if that is a collision.

        It is one, too, if two cells say the same definition, and the framework refuses it the second time.
        """
        self._notices.log("shadowed", top, f"{messages.where(caller)} registers it, too", caller.run)
        if self._settings.on_conflict == "replace":
            return
        text = ""
        if self._collides(top, subject, caller):
            text = messages.overwritten(top, caller)
        elif registration.registry.adapter.refuses and self._is_said_twice(top, caller):
            text = messages.said_twice(top, caller)
        if text:
            self._notices.tell(text, about=(top.name, top.owner, caller.owner))

    def annotate(self, registration: Registration, error: BaseException) -> None:
        """Name both places in a note on the framework's own exception.

        They are the places of the key, or of the same object under another key: one that a library keeps under several,
        or that is being registered a second time.
        """
        registry, key, caller = registration.registry, registration.key, registration.caller
        if caller is None:
            return
        top = self._ledger.top(registration.spot)
        if registry.allows_duplicates and top is None:
            return
        if (registration.before is MISSING or top is None) and not registry.allows_duplicates:
            known = [
                entry
                for entry in self._ledger.of_registry(registry.name)
                if entry.subject is registration.subject or same_value(entry.value, registration.before)
            ]
            if known:
                top, key = known[-1], known[-1].key
            elif registration.before is MISSING:
                return
        former = None if registration.before is MISSING else registry.subject(registration.before)
        self._notices.annotate(error, messages.refused(key, top, former, caller))

    def _is_said_twice(self, top: Entry, caller: Caller) -> bool:
        """Return whether another cell still says what this one registers, as far as that cell's last run tells."""
        there, here = top.owner, caller.owner
        says = there is not None and there.kind == here.kind == "cell" and not (top.kept or top.restored)
        return says and not self.gives_way(top, top.subject, caller)

    def _collides(self, top: Entry, subject: Any, caller: Caller) -> bool:
        """Return whether two owners claim a key for different definitions, and neither is meant to override the other.

        A cell is meant to override a module. Cells without ids may be one and the same, edited.
        """
        there, here = top.owner, caller.owner
        return (
            there is not None
            and there is not here
            and there.kind == here.kind
            and (there.kind != "cell" or (there.id is not None and here.id is not None))
            and not same_definition(top.subject, subject)
            and not self.gives_way(top, subject, caller)
        )


def _is_of_this_run(top: Entry, caller: Caller) -> bool:
    return top.run is not None and top.run is caller.run and top.run.active
