import os
import signal
import sys

import pytest

from fast_nst.errors import ConfigError, FastNstError
from fast_nst.measure.isolation import MemoryGauge, run_alone

WAS_DEAF = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # when this file was imported, there or here


def count_up(last, tell):
    for number in range(last):
        tell(number)
    return os.getpid(), WAS_DEAF


def refuse(what, tell):
    raise ConfigError(f"no {what} here")


def end(code, tell):
    os._exit(code)


def kill_itself(_job, tell):
    os.kill(os.getpid(), signal.SIGKILL)


def fill(megabytes, tell):
    gauge = MemoryGauge()
    bytearray(b"x") * (megabytes * 2**20)
    return gauge.rise()


def test_a_function_answers_from_a_process_of_its_own_that_ctrl_c_never_reaches():
    heard = []
    pid, was_deaf = run_alone(count_up, 3, heard.append)
    assert pid != os.getpid()
    assert was_deaf or sys.platform == "win32"
    assert heard == [0, 1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # it still reaches this one


def test_an_error_comes_across_as_it_was_raised():
    with pytest.raises(ConfigError, match="no room here"):
        run_alone(refuse, "room", print)


def test_a_process_that_ends_without_an_answer_is_an_error():
    with pytest.raises(FastNstError, match="ended with code 3"):
        run_alone(end, 3, print)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_process_that_is_killed_points_to_memory():
    with pytest.raises(FastNstError, match="lack of memory; give a smaller --size"):
        run_alone(kill_itself, None, print)


def test_the_gauge_sees_the_peak_after_the_memory_is_free_again():
    rise = run_alone(fill, 60, print)
    assert rise is None or 55 < rise < 70
