import json

import pytest

from fast_nst.benchmark import report
from fast_nst.benchmark.report import BenchmarkConfig, Row, as_json, count_rows, measure

PLACE = ("network", "blur", False, 512, 1024, None, "CPUExecutionProvider")


def config(models, baseline=None, **changes):
    values = {
        "sizes": ((64, 64), (64, 80)),
        "threads": (1,),
        "providers": ("CPUExecutionProvider",),
        "runs": 2,
        "patience": 60.0,
        "whats": ("network",),
    }
    return BenchmarkConfig(models=tuple(models), baseline=baseline, **(values | changes))


def test_figures_of_a_row_by_hand():
    row = Row(*PLACE, seconds=tuple(float(second) for second in range(1, 21)))
    assert row.median == 10.5
    assert row.p95 == 19.0
    assert row.megapixels_per_second == pytest.approx(0.524288 / 10.5)
    assert Row(*PLACE, seconds=(1.0, 3.0)).p95 == 3.0


def test_every_model_has_a_row_for_every_size_and_the_baseline_comes_first(invert_model, blur_model):
    asked = config([blur_model], invert_model)
    rows = list(measure(asked))
    assert len(rows) == count_rows(asked) == 4
    assert [(row.model, row.is_baseline, row.width) for row in rows] == [
        ("negative", True, 64),
        ("blur", False, 64),
        ("negative", True, 80),
        ("blur", False, 80),
    ]
    assert all(len(row.seconds) == 2 and not row.problem for row in rows)
    assert rows[0].faster is None
    ratios = [theirs / ours for theirs, ours in zip(rows[0].seconds, rows[1].seconds, strict=True)]
    assert rows[1].faster.median == pytest.approx(sum(ratios) / 2)


def test_the_whole_command_is_called_and_its_memory_seen(invert_model):
    (row,) = measure(config([invert_model], sizes=((64, 64),), whats=("command",)))
    assert row.problem == ""
    assert min(row.seconds) > 0.05  # Python alone takes that
    assert row.peak_mib is None or row.peak_mib > 30


def test_a_model_that_fails_does_not_keep_the_others_from_their_turns(invert_model, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_text("no model")
    refused, row = measure(config([invert_model], broken, sizes=((64, 64),)))
    assert "broken.onnx is not an ONNX model" in refused.problem
    assert not refused.seconds
    assert row.problem == ""
    assert row.faster is None


def test_json_holds_the_rows_and_what_they_depend_on(invert_model, monkeypatch):
    monkeypatch.setattr(report, "load_average", lambda: 1.5)
    asked = config([invert_model])
    row = Row(*PLACE, seconds=(0.5, 0.25))
    plain = json.loads(json.dumps(as_json(asked, [row, Row(*PLACE, problem="too large")])))
    assert plain["format"] == "fast_nst.benchmark/1"
    assert plain["models"] == {"negative": invert_model.stat().st_size}
    assert plain["rows"][0]["median"] == 0.375
    assert plain["rows"][0]["seconds"] == [0.5, 0.25]
    assert plain["rows"][1]["problem"] == "too large"
    assert plain["load_average"] == 1.5
    assert plain["machine"]["versions"]["numpy"]
