"""What stands around a run: Ctrl-C, errors that say where the last checkpoint is, and quiet."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from fast_nst.errors import TrainingError
from fast_nst.training.checkpoint import load_checkpoint


@contextmanager
def stop_on_ctrl_c(interrupted: threading.Event) -> Iterator[None]:
    """Let the first Ctrl-C end the run after the step at hand; a second one ends it at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    except SystemExit as exit_:  # what Lightning makes of a KeyboardInterrupt
        if interrupted.is_set():
            raise KeyboardInterrupt from exit_
        raise
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def last_good(checkpoint: Path) -> Iterator[None]:
    """Add to an error of training where its last good checkpoint is."""
    try:
        yield
    except TrainingError as error:
        if not checkpoint.is_file():
            raise
        step = load_checkpoint(checkpoint).step
        raise TrainingError(f"{error}; the last good checkpoint is {checkpoint} (step {step})") from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's advertisements and its hints on options we set on purpose off a user's terminal."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pytorch_lightning\.")
        yield
