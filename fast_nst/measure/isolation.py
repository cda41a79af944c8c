"""Run a function in a process of its own, so that its memory is its own and a crash of it ends nothing else."""

import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from fast_nst.errors import FastNstError

Job = TypeVar("Job")
Answer = TypeVar("Answer")
Tell = Callable[[Any], None]

_STATUS = Path("/proc/self/status")


def run_alone(function: Callable[[Job, Tell], Answer], job: Job, on_news: Tell) -> Answer:
    """Return `function(job, tell)`, computed in a fresh process.

    Args:
        function: a module's function; what it passes to `tell` arrives here at `on_news`. Its module is all that the
            process imports.
        job: what it works on; must be picklable, as must its answer.
        on_news: called in this process with each message.

    Raises:
        FastNstError: what `function` raised, or that its process ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sender, function, job), daemon=True)
    with _deaf_to_ctrl_c():  # the process inherits this, so that it does not die noisily while it still imports
        process.start()
    sender.close()
    try:
        while True:
            kind, value = receiver.recv()
            if kind == "answer":
                return value  # type: ignore[no-any-return]
            if kind == "error":
                raise value
            on_news(value)
    except EOFError:
        process.join()
        raise FastNstError(_why_ended(process.exitcode)) from None
    finally:
        process.terminate()
        process.join()
        receiver.close()


def _serve(sender: "Connection[Any, Any]", function: Callable[[Job, Tell], Any], job: Job) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the other side, which ends this one
    try:
        answer = function(job, lambda news: sender.send(("news", news)))
    except FastNstError as error:
        sender.send(("error", error))
    except BrokenPipeError:  # the other side is gone, and with it whoever wanted the answer
        return
    else:
        sender.send(("answer", answer))


def _why_ended(code: int | None) -> str:
    if code == -getattr(signal, "SIGKILL", 9):
        return "the process was killed, most likely for lack of memory; give a smaller --size"
    return f"the process ended with code {code} and no answer; what it printed above says why"


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Ignore Ctrl-C until the block ends, in the main thread: only there can it be told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class MemoryGauge:
    """How far the peak of this process's resident memory has risen since the gauge was made."""

    def __init__(self) -> None:
        self._start = peak_mib()

    def rise(self) -> float | None:
        """Return the rise in MiB, or None where the system does not tell (Windows)."""
        peak = peak_mib()
        return None if peak is None or self._start is None else peak - self._start


def peak_mib() -> float | None:
    """Return the most resident memory this process has had, in MiB; None where the system does not tell (Windows)."""
    if _STATUS.is_file():  # getrusage would count what the parent held when it started this process
        (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return None
