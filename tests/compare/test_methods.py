import statistics
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fast_nst.compare.methods import TIMED_RUNS, DescentJob, PaintJob, descend, paint
from fast_nst.gatys import GatysConfig, repaint
from fast_nst.images import read_pixels


def test_the_networks_process_loads_no_torch():
    code = "import sys, fast_nst.compare.methods; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_network_is_timed_by_the_median_of_its_runs(invert_model, photo):
    pixels = read_pixels(photo)
    snapshot, seconds = paint(PaintJob(str(invert_model), pixels, 1, ("cpu",)), print)
    np.testing.assert_array_equal(snapshot.pixels, 255 - pixels)
    assert len(seconds) == TIMED_RUNS
    assert snapshot.seconds == statistics.median(seconds)
    assert snapshot.step is None


@pytest.mark.parametrize("start", ["content", "noise"])
def test_the_optimisation_keeps_its_checkpoints_and_tells_every_step(objective, photo, painting, start):
    pixels, style = read_pixels(photo), read_pixels(painting)
    config = GatysConfig(steps=3, init=start, size=90, device="cpu", objective=objective)
    told = []
    snapshots, history = descend(DescentJob(pixels, (style,), config, (1, 3), 1), told.append)
    pastiche, steps = repaint(pixels, [style], config)
    assert [snapshot.step for snapshot in snapshots] == [1, 3]
    np.testing.assert_array_equal(snapshots[-1].pixels, pastiche)
    assert told == [(step.step, step.losses["total"]) for step in steps]
    assert history["total"] == [step.losses["total"] for step in steps]
    assert snapshots[0].seconds == history["seconds"][1]
    assert 0 <= history["seconds"][0] <= history["seconds"][1] <= history["seconds"][3]


def test_where_lbfgs_ends_before_the_first_checkpoint_its_end_is_kept(objective, photo):
    pixels = read_pixels(photo)
    # the photograph is the optimum
    content_only = replace(objective, style_weight=0.0, tone_weight=0.0, hue_weight=0.0, tv_weight=0.0)
    config = GatysConfig(steps=3, init="content", size=90, device="cpu", objective=content_only)
    (end,), history = descend(DescentJob(pixels, (pixels,), config, (1, 3), 1), lambda step: None)

    assert end.step == 0
    np.testing.assert_array_equal(end.pixels, pixels)
    assert history["total"] == [0.0]
