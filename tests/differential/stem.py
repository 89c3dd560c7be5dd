"""The process that imports the frameworks once and is forked for each way of playing a history.

It never runs an op before it forks: the threads of TensorFlow's pools would not be there in the child.
"""

from __future__ import annotations

import concurrent.futures
import faulthandler
import gc
import io
import json
import os
import re
import selectors
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import history_frameworks as hf
import numpy as np
from differential import registries
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

AT_ONCE = 2
"""How many children run at once."""
HANGS_AFTER = 1_200
"""Seconds after which a child says where it hangs, and ends: a guard, no assertion."""
IMPORTS = """
import asyncio, functools, importlib, sys, threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
import keras, numpy as np, optree, tensorflow as tf, tf_keras
from absl import flags
from keras.saving import get_custom_objects, get_registered_object, register_keras_serializable as register
from keras.src.tree.tree_api import register_tree_node_class
from tensorflow.python.saved_model.registration import registration
"""
"""What the notebook imports, in its first cell."""


def serve() -> None:
    """Play what is asked for on stdin, a line of jobs at a time, and answer each with a line on stdout.

    What is played with us is forked from a process of its own, in which the extension is loaded already.
    """
    answers = os.fdopen(os.dup(1), "w")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    faulthandler.enable()
    shell = _shell()
    before = registries.baseline()
    gc.collect()
    gc.freeze()  # a collection need not look through the frameworks in each child
    folder = Path(tempfile.mkdtemp(prefix="kreg-differential-"))
    jobs_end, kreg_jobs = os.pipe()
    kreg_answers, answers_end = os.pipe()
    if not os.fork():
        os.close(kreg_jobs)
        with os.fdopen(jobs_end) as asked, os.fdopen(answers_end, "w") as answer:
            _prepare(shell, "%load_ext kreg_ipython", IMPORTS)
            _answer(asked, answer, shell, before, folder)
        os._exit(0)
    os.close(jobs_end)
    os.close(answers_end)
    _prepare(shell, IMPORTS)
    with os.fdopen(kreg_jobs, "w") as with_us, os.fdopen(kreg_answers) as of_us:
        for line in sys.stdin:
            jobs = json.loads(line)
            print(json.dumps([job for job in jobs if job["mode"] == "kreg"]), file=with_us, flush=True)
            results = iter(_play_all([job for job in jobs if job["mode"] != "kreg"], shell, before, folder))
            ours = iter(json.loads(of_us.readline()))
            print(
                json.dumps([next(ours if job["mode"] == "kreg" else results) for job in jobs]), file=answers, flush=True
            )
    shutil.rmtree(folder, ignore_errors=True)


def _answer(asked: Any, answer: Any, shell: Any, before: Any, folder: Path) -> None:
    for line in asked:
        print(json.dumps(_play_all(json.loads(line), shell, before, folder)), file=answer, flush=True)


def _prepare(shell: Any, *sources: str) -> None:
    """Run what each history begins with."""
    for source in sources:
        said = _run_cell(shell, {"source": source, "cell": "imports"}, Path("."))
        assert said["error"] is None, said
    gc.collect()
    gc.freeze()


def _shell() -> InteractiveShell:
    config = Config()
    config.HistoryManager.enabled = False  # no database, and no thread that writes it
    shell = InteractiveShell.instance(config=config)
    shell.parent_header = {}  # as ipykernel's has
    shell.user_ns.update(PROBES)
    shell.run_cell("%xmode Minimal\n%load_ext autoreload", silent=True)
    return shell


# -- the parent


def _play_all(jobs: list[dict[str, Any]], shell: Any, before: Any, folder: Path) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = [{}] * len(jobs)
    waiting, read = iter(enumerate(jobs)), {}
    selector = selectors.DefaultSelector()
    while True:
        while len(read) < AT_ONCE and (job := next(waiting, None)):
            descriptor, child = _fork(job[1], shell, before, Path(tempfile.mkdtemp(dir=folder)))
            read[descriptor] = (job[0], child, [])
            selector.register(descriptor, selectors.EVENT_READ)
        if not read:
            return results
        for key, _ in selector.select():
            number, child, chunks = read[key.fd]
            chunk = os.read(key.fd, 1 << 16)
            if chunk:
                chunks.append(chunk)
                continue
            selector.unregister(key.fd)
            os.close(key.fd)
            os.waitpid(child, 0)
            del read[key.fd]
            text = b"".join(chunks).decode(errors="replace")
            try:
                results[number] = json.loads(text)
            except ValueError:
                results[number] = {"died": text[-3000:] or "without a word"}


def _fork(job: dict[str, Any], shell: Any, before: Any, folder: Path) -> tuple[int, int]:
    """Fork a child that plays a job; return where its answer is read, and its process."""
    ours, theirs = os.pipe()
    sys.stderr.flush()
    child = os.fork()
    if child:
        os.close(theirs)
        return ours, child
    try:
        os.close(ours)
        with os.fdopen(os.dup(theirs), "w") as answer:
            faulthandler.dump_traceback_later(HANGS_AFTER, exit=True, file=answer)
            log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT)
            os.dup2(log, 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                text = json.dumps(_play(job, shell, before, folder / "work"))
            except BaseException:
                text = traceback.format_exc()
            faulthandler.cancel_dump_traceback_later()
            answer.write(text)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(0)


# -- the child


def _play(job: dict[str, Any], shell: Any, before: Any, folder: Path) -> dict[str, Any]:
    """Play a history's steps in this process, and say what came of them."""
    (folder / "site-packages").mkdir(parents=True)
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(folder / "site-packages")]
    sys.dont_write_bytecode = True
    outcomes = []
    for step in job["steps"]:
        if "path" in step:
            _write(folder, **step)
        else:
            outcomes.append(_run_cell(shell, step, folder))
    namespace = shell.user_ns
    gc.collect()
    entries = registries.dump(before, namespace)
    values = {probe: _probe(probe, namespace, folder) for probe in job["probes"]}
    where = sys.modules["kreg_ipython"].__file__ if job["mode"] == "kreg" else None
    return {"steps": outcomes, "registries": entries, "probes": values, "where": where}


def _write(folder: Path, path: str, text: str | None, moment: int) -> None:
    """Write a file, each younger than the one before by seconds: importing looks at the time."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    if text is None:
        file.unlink()
        return
    file.write_text(text)
    os.utime(file, (moment, moment))


def _run_cell(shell: Any, step: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run a cell as a request of a front end's session; say how it ended, which lines it printed that begin with "= ",
    whether a fault of ours showed, or a registry that does not show the top of a stack, and whether a reload failed."""
    source, id_ = step["source"], step["cell"]
    metadata = {} if id_ is None else {"cellId": id_}
    header = {"session": step.get("session", "0")}
    shell.parent_header = {"header": header, "metadata": metadata, "content": {"code": source}}
    with redirect_stdout(io.StringIO()) as output, redirect_stderr(io.StringIO()) as errors:
        try:
            with _at_most(step.get("longest", 0)):
                result = shell.run_cell(source, store_history=True, cell_id=id_)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as escaped:  # from run_cell itself: not how a cell fails
            error = escaped
    shown = output.getvalue()
    said = [line for line in shown.splitlines() if line.startswith("= ")]
    magics = shell.magics_manager.registry.get("KregMagics")
    differences = magics.notebook.process.guard.differences() if magics is not None else []
    fault = "not guarded" in shown + errors.getvalue() or bool(differences)
    text = "\n".join([shown + errors.getvalue(), *differences])
    return {
        "error": None if error is None else _line(error, folder),
        "said": said,
        "fault": fault,
        "unloaded": "[autoreload of" in text,
        "text": text[-2000:],
    }


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Let a cell fail that takes more than so many seconds of this process's time; 0 for any."""

    def late(signum: int, frame: Any) -> None:
        raise TimeoutError(f"more than {seconds} s")

    former = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, former)


def _line(error: BaseException, folder: Path) -> str:
    text = (str(error) or "").strip().splitlines()
    line = f"{type(error).__name__}: {text[0] if text else ''}"
    return re.sub(r"0x[0-9a-f]+", "0x", line.replace(str(folder), "."))[:200]


def _probe(source: str, namespace: dict[str, Any], folder: Path) -> str:
    """Evaluate an expression in the notebook's namespace, with the probes below, after everything else."""
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        try:
            value = eval(compile(source, "<probe>", "eval"), {**PROBES, **namespace})
        except Exception as error:
            return f"raises {_line(error, folder)}"
    return re.sub(r"0x[0-9a-f]+", "0x", repr(_plain(value)))


def _plain(value: Any) -> Any:
    if hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def roundtrip(layer: Any) -> Any:
    """Serialize a Keras layer and load it, call both on ones; return whether the class is kept, and both results."""
    again = hf.keras.layers.deserialize(hf.keras.layers.serialize(layer))
    ones = np.ones((1, 2), "float32")
    return [type(again) is type(layer), layer(ones), again(ones)]


def saved(layer: Any) -> Any:
    """Save and load a Keras model with a layer in it; return whether the class is kept, and the result."""
    model = hf.keras.Sequential([hf.keras.Input((2,)), layer])
    model.save("probe.keras")
    again = hf.keras.models.load_model("probe.keras")
    ones = np.ones((1, 2), "float32")
    return [type(again.layers[-1]) is type(layer), again(ones)]


def gradient(name: str) -> Any:
    """Return the registered gradient of a name, of 1."""
    return hf.ops._gradient_registry.lookup(name)(None, 1)


def convert(value: Any) -> Any:
    return hf.tf.convert_to_tensor(value)


def flatten(value: Any) -> Any:
    """Return the leaves of a structure, by the types' names if they are no numbers."""
    return [each if isinstance(each, int | float) else type(each).__name__ for each in hf.keras.tree.flatten(value)]


def found(key: str) -> bool:
    """Return whether Keras knows a key."""
    return hf.keras.saving.get_registered_object(key) is not None


def held(key: str) -> Any:
    """Return what a key of Keras is, by its name."""
    return getattr(hf.keras.saving.get_custom_objects().get(key), "__qualname__", None)


def in_thread(function: Any) -> Any:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def encoded(class_: Any) -> Any:
    """Encode the spec of an `ExtensionType` with a field ``x`` and decode it; return whether the class is kept."""
    spec = class_.Spec(x=hf.tf.TensorSpec(()))
    coder = hf.nested_structure_coder
    return type(coder.decode_proto(coder.encode_structure(spec))) is class_.Spec


def names_in(namespace: dict[str, Any]) -> list[Any]:
    """Return the names of Keras's objects in the variables, and of the layers and weights in these."""
    named = []
    for variable, value in sorted(namespace.items()):
        homes = {each.__module__.partition(".")[0] for each in type(value).__mro__}
        if not homes.isdisjoint({"keras", "tf_keras"}):
            parts = [value, *getattr(value, "layers", ()), *getattr(value, "weights", ())]
            named.append([variable, *(str(getattr(each, "path", getattr(each, "name", ""))) for each in parts)])
    return named


PROBES: dict[str, Any] = {
    each.__name__: each
    for each in (roundtrip, saved, gradient, convert, flatten, found, held, in_thread, encoded, names_in)
}
"""What the probes and the cells of a history call."""
