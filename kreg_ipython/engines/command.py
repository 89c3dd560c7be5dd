"""``%kreg engines``, and the option ``--engines`` of the other words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Any

from kreg_ipython.engines import remote
from kreg_ipython.engines.cluster import Answers, Cluster, Request, cluster_of
from kreg_ipython.report.done import Refused
from kreg_ipython.report.engines import Difference, Engines, Everywhere
from kreg_ipython.report.findings import MistakesFound
from kreg_ipython.report.render import count
from kreg_ipython.session.notebook import Notebook

TIMEOUT = 10.0
"""The seconds that the engines may take to answer, unless the user says."""
_LOAD = "%kreg engines --load loads kreg there"
_clients: dict[str, Any] = {}
"""The clients that `--profile` made."""


def engines(
    notebook: Notebook,
    *,
    variable: str | None = None,
    profile: str | None = None,
    load: bool = False,
    sync: bool = False,
    timeout: float = TIMEOUT,
) -> Engines:
    """Show all engines in one table.

    Args:
        notebook: whose cells they execute.
        variable: the name of a client, or of a view; the active client if there is none.
        profile: connect to the cluster of this profile.
        load: first load kreg on the engines.
        sync: first let the engines that lag execute the cells that differ.
        timeout: how many seconds they may take.

    Raises:
        Refused: if there is no cluster, or nothing is loaded on its engines.
    """
    cluster = _cluster(notebook, variable, profile)
    did, missing = [], {}
    if load:
        loaded = cluster.load(timeout)
        _must_have_answered(loaded)
        did.append(f"loaded on {count(len(loaded.given), 'engine')}; the cells' ids go with what they send")
        missing = loaded.missing
    found = _status(cluster, timeout, missing)
    if sync:
        did += _sync(cluster, found, timeout)
        found = _status(cluster, timeout, missing)
    return Engines(found.status, found.missing, did)


def everywhere(notebook: Notebook, word: str, arguments: Iterable[str], timeout: float = TIMEOUT) -> Everywhere:
    """Execute ``%kreg WORD ARGUMENTS`` on all engines. ``--engines`` and ``--json`` are for here.

    Raises:
        Refused: if there is no cluster, or nothing is loaded on its engines, or they all refuse.
        MistakesFound: if ``%kreg check --strict`` raises it on one of them.
    """
    cluster = _cluster(notebook, None, None)
    there = [each for each in arguments if not any(_may_be(each, option) for option in ("--engines", "--json"))]
    answers = cluster.ask(remote.command, shlex.join([word, *there]), timeout=timeout)
    for engine, why in answers.missing.items():
        if why.startswith(f"{MistakesFound.__name__}: "):
            raise MistakesFound(f"on engine {engine}: {why.partition(': ')[2]}")
    _must_have_answered(answers)
    return Everywhere(dict(sorted(answers.given.items())), _explained(answers.missing))


def _may_be(word: str, option: str) -> bool:
    """Return whether a word is an option, which may be cut short."""
    return len(word) > 2 and option.startswith(word)


def _cluster(notebook: Notebook, variable: str | None, profile: str | None) -> Cluster:
    """Return the cluster that is meant: the one that was loaded, unless another client is named."""
    known = cluster_of(notebook)
    if profile is not None:
        client = _client_of_profile(profile)
    elif variable is not None:
        meant = notebook.namespace.get(variable)
        client = getattr(meant, "client", meant)
        if not hasattr(client, "send_apply_request"):
            raise Refused(f"{variable!r} is no client and no view of ipyparallel's.")
    elif known is not None and not getattr(known.client, "_closed", False):
        return known
    else:
        magics: Any = notebook.shell.magics_manager.registry.get("ParallelMagics")
        if magics is None or magics.view is None:
            raise Refused("no ipyparallel client is active; rc = ipyparallel.Client() makes one, or give --profile P.")
        client = magics.view.client
    return known if known is not None and known.client is client else Cluster(notebook, client)


def _client_of_profile(profile: str) -> Any:
    """Return the client of a profile's cluster: the same one each time."""
    known = _clients.get(profile)
    if known is not None and not known._closed:
        return known
    try:
        import ipyparallel
    except ImportError:
        raise Refused("ipyparallel is not installed; pip install 'kreg_ipython[parallel]'.") from None
    try:
        _clients[profile] = ipyparallel.Client(profile=profile)
    except Exception as error:
        raise Refused(f"no cluster of profile {profile!r}: {' '.join(str(error).split())}") from None
    return _clients[profile]


def _status(cluster: Cluster, timeout: float, missing: dict[int, str]) -> Engines:
    answers = cluster.ask(remote.command, "status", timeout=timeout)
    _must_have_answered(answers)
    status = {engine: found for engine, (found, _) in sorted(answers.given.items())}
    return Engines(status, _explained({**missing, **answers.missing}))


def _must_have_answered(answers: Answers) -> None:
    """Raise if no engine has kreg."""
    if not answers.given and not answers.missing:
        raise Refused("the cluster has no engines.")
    if not answers.given:
        reasons = dict.fromkeys(why.rstrip(".") for _, why in sorted(_explained(answers.missing).items()))
        raise Refused(f"on {count(len(answers.missing), 'engine')}: {'; '.join(reasons)}.")


def _explained(missing: dict[int, str]) -> dict[int, str]:
    return {engine: _explanation(why) for engine, why in missing.items()}


def _explanation(why: str) -> str:
    """Return why an engine did not answer: what is refused there is said as it is here."""
    if why == "KeyError: 'KregMagics'":
        return f"kreg is not loaded; {_LOAD}"
    if why.startswith("ModuleNotFoundError") and "kreg_ipython" in why:
        return "kreg_ipython is not installed there; pip install kreg_ipython"
    return re.sub(r"^UsageError: %kreg \w+: ", "", why)


# -- what lags


def _sync(cluster: Cluster, found: Engines, timeout: float) -> list[str]:
    """Let the engines that lag execute the cells that differ; return what was done, in sentences."""
    sent = cluster.requests()
    again, unknown = lagging(found.differences, sent)
    did = [f"engine {engine}: {why}" for engine, why in cluster.execute(again, timeout).items()]
    for engine, requests in sorted(again.items()):
        cells = ", ".join(f"[{request.number}]" for request in requests)
        did.append(f"engine {engine} has run {cells} again")
    if unknown:
        did.append(f"nobody knows the text of what registered {', '.join(sorted(unknown))}: run its cell again")
    return did


def lagging(differences: Iterable[Difference], sent: dict[str, Request]) -> tuple[dict[int, list[Request]], set[str]]:
    """Find the pieces of cells that engines have to execute again, in the order of their last runs.

    An engine lags that does not have what a piece's last run registered, or still has what it does not register.

    Returns:
        The pieces by engine, and the keys of which no piece is known.
    """
    again: dict[int, dict[Request, None]] = {}
    unknown = set()
    for each in differences:
        owners = {row["owner"]["id"] for rows in each.engines.values() for row in rows}
        pieces = [sent[owner] for owner in owners if owner in sent]
        if not pieces:
            unknown.add(each.key)
        for piece in pieces:
            up_to_date = [engine for engine, rows in each.engines.items() if _is_of(rows, piece)]
            for engine, rows in each.engines.items():
                has_former = any(row["owner"]["id"] == piece.id for row in rows)
                if (up_to_date and engine not in up_to_date) or (not up_to_date and has_former):
                    again.setdefault(engine, {})[piece] = None
    in_order = {engine: sorted(pieces, key=lambda piece: piece.number) for engine, pieces in again.items()}
    return in_order, unknown


def _is_of(rows: list[dict[str, Any]], piece: Request) -> bool:
    """Return whether one of an engine's rows is of the last run of a piece."""
    return any(row["owner"]["id"] == piece.id and row["run"] == piece.number for row in rows)
