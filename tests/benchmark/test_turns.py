from pathlib import Path

from fast_nst.benchmark import turns
from fast_nst.benchmark.turns import LEAST_RUNS, Job, take_turns


def job(runs, patience=60.0):
    return Job((Path("a.onnx"),), 64, 64, None, "CPUExecutionProvider", runs, patience)


def test_calls_alternate_and_warm_ups_do_not_count():
    order = []
    calls = [lambda name=name: order.append(name) or len(order) for name in "ab"]
    assert take_turns(calls, job(2), warm_ups=1) == [[3, 5], [4, 6]]
    assert "".join(order) == "ababab"


def test_out_of_patience_each_still_has_its_least_runs():
    taken = take_turns([lambda: 1, lambda: 2], job(50, patience=0.0), warm_ups=0)
    assert taken == [[1] * LEAST_RUNS, [2] * LEAST_RUNS]


def test_turns_end_when_patience_does(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(turns.time, "perf_counter", lambda: next(clock))
    assert len(take_turns([lambda: 1], job(50, patience=45.0), warm_ups=0)[0]) == 7  # asked from the fourth turn on
