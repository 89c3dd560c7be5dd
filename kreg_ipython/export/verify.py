"""Prove that models load elsewhere: in a fresh process that has only their definitions, with the same answers."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NamedTuple

from kreg_ipython.checks.keras import Keras
from kreg_ipython.export import facts, worker
from kreg_ipython.export.fresh import Died, Fresh, OutOfTime
from kreg_ipython.export.inputs import Inputs, Unknown, candidates
from kreg_ipython.export.models import Subject
from kreg_ipython.lib.naming import clean, error_text

Verdict = Literal["loads", "differs", "fails", "skipped"]

TIMEOUT = 120.0
"""The seconds that all models of a call have, if the user says nothing else."""

_NOT_COMPARED = "it loads, but its answers were not compared: "


@dataclass(frozen=True)
class Result:
    """The outcome for one model.

    Attributes:
        name: the expression that leads to it in the notebook.
        verdict: it ``loads`` and answers the same, loads and answers otherwise (``differs``), does not load
            (``fails``), or that could not be told (``skipped``).
        reason: why, in one line; empty if there is nothing to say.
        cells: the execution counts of the cells that define what it needs.
        max_difference: the largest difference of the answers, relative to the largest value; None if there is none.
        seconds: how long it took.
    """

    name: str
    verdict: Verdict
    reason: str
    cells: tuple[int, ...]
    max_difference: float | None
    seconds: float


def verify_models(
    models: Sequence[Subject],
    text: str,
    *,
    text_of: Callable[[Subject], str] | None = None,
    timeout: float = TIMEOUT,
    shown: Callable[[str], None] = lambda text: None,
) -> list[Result]:
    """Return what becomes of each model that is loaded in a fresh process, which has executed some definitions.

    One process serves all models. If one of them ends it, the next one gets another.

    Args:
        models: the models.
        text: the text that defines what they need.
        text_of: returns the text that defines what one of them needs. If the text of all cannot be executed, each one
            is tried with its own; None if there is only the text of all.
        timeout: the seconds that all of this may take.
        shown: is called with what is being done, several times a second.
    """
    if not models:
        return []
    began = time.monotonic()
    results, failed, _ = verified(models, text, "__main__", None, timeout, shown)
    if failed and text_of is not None:
        groups: dict[str, list[Subject]] = {}
        for each in models:
            groups.setdefault(text_of(each), []).append(each)
        alone: dict[str, Result] = {}
        for own, group in groups.items() if len(groups) > 1 else ():
            left = max(timeout + began - time.monotonic(), 0.0)
            alone |= {each.name: each for each in verified(group, own, "__main__", None, left, shown)[0]}
        results = [alone.get(each.name, each) for each in results]
    return results


class Outcome(NamedTuple):
    """The end of a verification: of the models, and of the text that defines what they need.

    Attributes:
        results: what has become of each model.
        failed: why the text cannot be executed; empty if it can, None if that could not be told.
        table: the facts that were asked for.
    """

    results: list[Result]
    failed: str | None
    table: facts.Table | None = None


def verified(
    models: Sequence[Subject],
    text: str,
    name: str,
    asks: Mapping[str, Any] | None,
    timeout: float,
    shown: Callable[[str], None],
) -> Outcome:
    """Return what becomes of models, and of a module.

    Args:
        models: the models.
        text: the text of the module.
        name: the name that it is imported by; ``__main__`` for a text that is executed as a notebook's cells are.
        asks: what it is asked about its definitions, see `Fresh.described`.
        timeout: the seconds that all of this may take.
        shown: is called with what is being done, several times a second.
    """
    try:
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="kreg_", ignore_cleanup_errors=True))
            path = os.path.join(folder, "definitions.py" if name == "__main__" else f"{name.rpartition('.')[2]}.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            elsewhere = stack.enter_context(_Elsewhere(models, folder, path, name, asks, timeout, shown))
            results = [elsewhere.verify(at) for at in range(len(models))]
            return Outcome(results, elsewhere.outcome(), elsewhere.table)
    except OSError as error:
        why = _of_file(error, "nothing can be saved")
        return Outcome([Result(each.name, "skipped", why, each.cells, None, 0) for each in models], None)


class _Elsewhere:
    """The fresh process of one call, and what it is asked. Leaving the ``with`` statement ends it.

    Attributes:
        failed: why no process can execute the definitions; empty if one can.
        table: the facts that were asked for.
    """

    def __init__(
        self,
        models: Sequence[Subject],
        folder: str,
        module: str,
        name: str,
        asks: Mapping[str, Any] | None,
        timeout: float,
        shown: Callable[[str], None],
    ) -> None:
        self._asks = asks
        self.table: facts.Table | None = None
        self._models, self._folder, self._timeout, self._shown = models, folder, timeout, shown
        self._module, self._name = module, name
        self._deadline = time.monotonic() + timeout
        self._process: Fresh | None = None
        self._is_ready = False
        self.failed = ""
        self._out_of_time = ""

    def __enter__(self) -> _Elsewhere:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process, self._is_ready = None, False

    def verify(self, at: int) -> Result:
        """Verify one of the models."""
        subject, began = self._models[at], time.monotonic()
        verdict, reason, much = self._verify(at)
        if verdict == "fails" and subject.hints:
            reason = f"{clean(reason.partition('. ')[0], 200)}; {'; '.join(subject.hints)}"
        elif verdict in ("differs", "fails") and subject.formers:
            reason = f"{reason}; {subject.formers}"
        return Result(subject.name, verdict, reason, subject.cells, much, round(time.monotonic() - began, 3))

    def _verify(self, at: int) -> tuple[Verdict, str, float | None]:
        subject = self._models[at]
        doing = subject.name if len(self._models) == 1 else f"{subject.name} ({at + 1} of {len(self._models)})"
        if self._out_of_time:
            return "skipped", self._out_of_time, None
        try:
            self._start()  # it imports while the model is saved
            self._shown(f"{doing}: saves it")
            with _quietly():
                prepared = _prepared(subject, os.path.join(self._folder, str(at)))
            if isinstance(prepared, str):
                return "skipped", prepared, None
            if not self.failed and not self._is_ready:
                self._begin(doing)
            if self.failed:
                return "fails", self.failed, None
            assert self._process is not None
            self._process.send(prepared.request)
            return _judged(self._process.answer(doing), prepared)
        except OutOfTime as late:
            self._out_of_time = f"out of time after {self._timeout:g} s ({late}); --timeout gives it more"
            return "skipped", self._out_of_time, None
        except Died as death:
            if not self._is_ready:  # the next one would, too
                self.failed = str(death)
            self._end()
            return "fails", str(death), None
        finally:
            _remove(os.path.join(self._folder, str(at)))

    def _start(self) -> None:
        if self._process is None and not self.failed:
            self._process = Fresh(self._shown, self._deadline)
            homes = dict.fromkeys(each.home for each in self._models)
            self._process.begin(self._module, self._name, list(homes))

    def _begin(self, doing: str) -> None:
        """Wait until the process has executed the definitions, and ask it about them."""
        assert self._process is not None
        failed = self._process.begun(doing)
        self.failed, self._is_ready = failed and f"in a fresh kernel {failed}", not failed
        if self._asks is not None and self._is_ready and self.table is None:
            self.table = self._process.described(self._asks, doing)

    def outcome(self) -> str | None:
        """Return why the definitions cannot be executed; empty if they can, None if there is no time to tell."""
        if self.failed or self._asks is None or self.table is not None or self._is_ready:
            return self.failed
        if self._out_of_time:
            return None
        try:
            self._start()
            self._begin(self._name)
        except OutOfTime:
            return None
        except Died as death:
            self.failed = str(death)
        return self.failed


@dataclass(frozen=True)
class _Prepared:
    """A saved model: what the process is asked, and why its answers will not be compared."""

    request: dict[str, Any]
    not_compared: str
    note: str = ""


def _judged(said: dict[str, Any], prepared: _Prepared) -> tuple[Verdict, str, float | None]:
    if "failed" in said:
        return "fails", said["failed"], None
    if prepared.not_compared:
        return ("loads" if prepared.request["inputs"] else "skipped"), prepared.not_compared, None
    much, why = said["difference"]
    return ("differs", f"it loads, but its answers differ: {why}", much) if why else ("loads", prepared.note, much)


def _prepared(subject: Subject, path: str) -> _Prepared | str:
    """Save a model, call it, and write its inputs and answers; return why that cannot be done, if it cannot."""
    model, keras = subject.model, subject.keras
    os.mkdir(path)
    try:
        file, note = _saved(model, keras, path)
    except Exception as error:
        return _of_file(error, "it cannot be saved")
    request: dict[str, Any] = {
        "home": subject.home,
        "model": file,
        "calls": [],
        "inputs": None,
        "expected": None,
        "gradients": subject.gradients,
    }
    inputs, answers, why = _called(model, keras, gradients=subject.gradients)
    if inputs is not None:
        import numpy as np

        given, expected = os.path.join(path, "inputs.npz"), os.path.join(path, "answers.npz")
        try:
            np.savez(given, **inputs.arrays)
            worker.write_answers(expected, answers)
        except OSError as error:
            return _of_file(error, "its inputs cannot be written")
        request |= {"calls": inputs.calls, "inputs": given, "expected": None if why else expected}
    return _Prepared(request, why, note)


def _saved(model: Any, keras: Keras | None, path: str) -> tuple[str, str]:
    """Save a model as a .keras file, or else as a SavedModel; return its path and a note."""
    if keras is None:
        tf: Any = sys.modules["tensorflow"]
        file = os.path.join(path, "model")
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=True)
        tf.saved_model.save(model, file, options=options)
        return file, ""
    file = os.path.join(path, "model.keras")
    try:
        model.save(file)
    except OSError:
        raise
    except Exception as error:
        if keras.is_3:
            raise
        file = os.path.join(path, "model")
        model.save(file, save_format="tf")
        return file, f"as a SavedModel: a .keras file cannot keep it ({error_text(error)})"
    return file, ""


def _called(model: Any, keras: Keras | None, *, gradients: bool) -> tuple[Inputs | None, list[worker.Answer], str]:
    """Return inputs that the model takes, what it answers, and why that cannot be compared; empty if it can.

    What a call changes in the model's state is changed back.
    """
    failed: Exception | None = None
    try:
        for inputs in candidates(model, keras):
            try:
                first, second = (_answers(model, keras, inputs, gradients=gradients) for _ in range(2))
            except Exception as error:
                failed = failed or error
                continue
            random = bool(worker.difference(first, second).why)
            return inputs, first, "its answers are random, and were not compared" if random else ""
    except Unknown as unknown:
        return None, [], f"{_NOT_COMPARED}{unknown}"
    except Exception as error:  # Keras's own state may be another one in another version
        failed = error
    why = worker.error_line(failed) if failed is not None else "nothing fits"
    return None, [], f"{_NOT_COMPARED}it does not take what was made up for it ({why})"


def _answers(model: Any, keras: Keras | None, inputs: Inputs, *, gradients: bool) -> list[worker.Answer]:
    with _unchanged(model, keras), _on_the_cpu():
        return worker.answers(model, inputs.calls, inputs.arrays, gradients=gradients)


@contextlib.contextmanager
def _unchanged(model: Any, keras: Keras | None) -> Iterator[None]:
    """Give the variables that no training changes their values back: counters, seeds, the states of a layer."""
    import numpy as np

    layers = [] if keras is None else list(model._flatten_layers())
    stateful = [each for each in layers if getattr(each, "stateful", False) and hasattr(each, "states")]
    states = list(worker.leaves([each.states for each in stateful]))
    variables, trained = model.variables, model.trainable_variables
    if keras is not None:
        variables, trained = [*keras.variables(model), *states], keras.trainable_variables(model)
    kept = {id(each) for each in trained}
    held = [(each, np.array(each)) for each in variables if id(each) not in kept and hasattr(each, "assign")]
    try:
        for layer in stateful:  # a loaded one begins anew
            layer.reset_states()
        yield
    finally:
        for variable, value in held:
            if not np.array_equal(np.array(variable), value):
                variable.assign(value)


@contextlib.contextmanager
def _on_the_cpu() -> Iterator[None]:
    """Compute where the fresh process does: a graphics card rounds otherwise, and its memory is taken."""
    tf: Any = sys.modules.get("tensorflow")
    with tf.device("CPU:0") if tf is not None else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


def _of_file(error: Exception, what: str) -> str:
    """Return why something cannot be written, in one line."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"{what}: no space is left in {tempfile.gettempdir()}; TMPDIR names another directory"
    return f"{what}: {error_text(error)}"


def _remove(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
