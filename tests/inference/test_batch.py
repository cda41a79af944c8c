import threading
import time

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

from fast_nst.errors import ConfigError
from fast_nst.images import Picture, read_picture
from fast_nst.inference import Stylizer
from fast_nst.inference import batch as batch_module
from fast_nst.inference.batch import Batch, FileOptions, resize_picture, share_cores
from fast_nst.inference.plan import Job


@pytest.fixture
def negative(invert_model):
    return Stylizer(invert_model, threads=1)


class GatedStylizer(Stylizer):
    """A stylizer that stops at a gate in front of each picture."""

    def __init__(self, style):
        super().__init__(style, threads=1)
        self.gate, self.arrived, self.active, self.most_active = threading.Semaphore(0), threading.Event(), 0, 0
        self.counting = threading.Lock()

    def __call__(self, image):
        with self.counting:
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        self.arrived.set()
        self.gate.acquire()
        pastiche = super().__call__(image)
        with self.counting:
            self.active -= 1
        return pastiche


def make_jobs(save_picture, folder, count):
    return [Job(save_picture(f"{number}.png"), folder / "out" / f"{number}.png") for number in range(count)]


def test_every_picture_is_written_and_reported_in_order(negative, save_picture, tmp_path):
    jobs = make_jobs(save_picture, tmp_path, 8)
    outcomes = list(Batch(jobs, negative, FileOptions()))
    assert [outcome.target for outcome in outcomes] == [job.target for job in jobs]
    for outcome in outcomes:
        assert (outcome.problem, outcome.height, outcome.width) == ("", 70, 90)
        np.testing.assert_array_equal(read_picture(outcome.target).pixels, 255 - read_picture(outcome.source).pixels)


def test_a_failure_is_reported_in_its_place_and_the_rest_are_done(negative, save_picture, tmp_path):
    jobs = make_jobs(save_picture, tmp_path, 4)
    jobs[1].source.write_bytes(b"")
    jobs[2] = Job(jobs[2].source, jobs[2].target, problem="2.png: in the way")
    outcomes = list(Batch(jobs, negative, FileOptions()))
    assert [bool(outcome.problem) for outcome in outcomes] == [False, True, True, False]
    assert outcomes[1].problem.startswith(f"{jobs[1].source}: empty file")
    assert outcomes[2].problem == "2.png: in the way"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "3.png"]


def test_a_folder_that_cannot_be_made_is_a_failure_of_its_picture(negative, save_picture, tmp_path):
    job = Job(save_picture("a.png"), tmp_path / "file" / "a.png")
    (tmp_path / "file").touch()
    (outcome,) = Batch([job], negative, FileOptions())
    assert outcome.problem.startswith(f"{job.target}: cannot be written")


def test_a_model_that_fails_names_the_picture(save_model, save_picture, tmp_path):
    cut = {"starts": [0], "ends": [64], "axes": [1]}
    constants = [helper.make_tensor(name, TensorProto.INT64, [1], values) for name, values in cut.items()]
    nodes = [helper.make_node("Slice", ["content", *cut], ["pastiche"])]
    stylizer = Stylizer(save_model(tmp_path / "crop.onnx", nodes, constants=constants))
    source = save_picture("tall.png")
    (outcome,) = Batch([Job(source, tmp_path / "new.png")], stylizer, FileOptions())
    assert outcome.problem.startswith(f"{source}: ")
    assert "breaks its contract" in outcome.problem


@pytest.mark.parametrize("painters", [1, 2])
def test_no_more_pictures_are_painted_at_a_time_than_there_are_painters(invert_model, save_picture, tmp_path, painters):
    stylizer = GatedStylizer(invert_model)
    opener = threading.Timer(0.3, stylizer.gate.release, [8])  # by then as many stand at the gate as are let through
    opener.start()
    jobs = make_jobs(save_picture, tmp_path, 8)
    assert len(list(Batch(jobs, stylizer, FileOptions(), painters=painters))) == 8
    opener.join()
    assert stylizer.most_active == painters


@pytest.mark.parametrize(("options", "count"), [({}, 3), ({"painters": 2}, 4), ({"is_frugal": True}, 1)])
def test_beside_the_pictures_being_painted_two_are_in_memory_or_just_the_one(
    invert_model, save_picture, tmp_path, monkeypatch, options, count
):
    read, all_read = [], threading.Event()

    def count_reads(path, **options):
        read.append(path)
        if len(read) == count:
            all_read.set()
        return read_picture(path, **options)

    monkeypatch.setattr("fast_nst.inference.batch.read_picture", count_reads)
    stylizer = GatedStylizer(invert_model)
    in_memory = []

    def open_the_gate():
        all_read.wait(10)
        time.sleep(0.05)  # for one more to be read, were it allowed to
        in_memory.append(len(read))
        stylizer.gate.release(10)

    opener = threading.Thread(target=open_the_gate)
    opener.start()
    jobs = make_jobs(save_picture, tmp_path, 10)
    assert len(list(Batch(jobs, stylizer, FileOptions(), **options))) == 10
    opener.join()
    assert in_memory == [count]


@pytest.mark.parametrize(
    ("pictures", "threads", "shares"),
    [
        (1, None, (1, None)),  # one picture has what ONNX Runtime takes by itself
        (1, 3, (1, 3)),
        (2, 1, (1, 1)),  # one thread paints one
        (2, 2, (2, 1)),
        (200, 8, (2, 7)),
        (200, None, (2, 3)),
    ],
)
def test_cores_are_shared_between_two_painters_where_there_are_two(monkeypatch, pictures, threads, shares):
    monkeypatch.setattr(batch_module, "_cores", lambda: 4)
    assert share_cores(pictures, threads) == shares


def test_there_is_a_core():
    assert batch_module._cores() >= 1


def test_a_stopped_batch_gives_up_the_pictures_at_hand_and_tells_every_one_written(
    invert_model, save_picture, tmp_path
):
    stylizer = GatedStylizer(invert_model)
    batch = Batch(make_jobs(save_picture, tmp_path, 30), stylizer, FileOptions())
    stylizer.gate.release(9)  # more than can be at hand once the second picture is told
    written = []
    for outcome in batch:
        written.append(outcome.target)
        if len(written) == 2:
            batch.stop()
            stylizer.gate.release(30)
    assert 2 <= len(written) < 30
    assert sorted((tmp_path / "out").iterdir()) == sorted(written), "what is written is told, and nothing else is"


def test_stopping_ends_the_picture_being_painted(slow_model, save_picture, tmp_path):
    class StoppedSoon(Stylizer):
        def __call__(self, image):
            threading.Timer(0.01, batch.stop).start()
            return super().__call__(image)

    job = Job(save_picture("a.png", 700, 700), tmp_path / "new.png")
    batch = Batch([job], StoppedSoon(slow_model, threads=1), FileOptions())
    assert list(batch) == []
    assert not job.target.exists()


def test_a_caller_that_leaves_early_stops_the_rest(negative, save_picture, tmp_path):
    for _ in Batch(make_jobs(save_picture, tmp_path, 30), negative, FileOptions()):
        break
    assert 1 <= len(list((tmp_path / "out").iterdir())) < 30


def test_a_bug_is_not_taken_for_a_bad_file(invert_model, save_picture, tmp_path):
    class Buggy(Stylizer):
        def __call__(self, image):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(Batch(make_jobs(save_picture, tmp_path, 3), Buggy(invert_model), FileOptions()))


def test_transparency_is_put_back_unstyled(negative, save_picture, tmp_path):
    alpha = np.arange(70 * 90, dtype=np.uint32).reshape(70, 90).astype(np.uint8)
    job = Job(save_picture("a.png", alpha=alpha), tmp_path / "new.png")
    (outcome,) = Batch([job], negative, FileOptions())
    assert outcome.problem == ""
    np.testing.assert_array_equal(read_picture(job.target).alpha, alpha)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"size": 45}, (35, 45)),
        ({"size": 180}, (140, 180)),
        ({"scale": 0.1}, (7, 9)),
        ({"scale": 0.001}, (1, 1)),
        ({}, (70, 90)),
    ],
)
def test_size_is_the_longer_side_and_scale_a_factor(options, size):
    picture = Picture(np.zeros((70, 90, 3), np.uint8), alpha=np.zeros((70, 90), np.uint8))
    resized = resize_picture(picture, FileOptions(**options))
    assert resized.pixels.shape == (*size, 3)
    assert resized.alpha.shape == size


def test_a_size_beyond_the_limit_is_refused_before_it_is_made():
    picture = Picture(np.zeros((70, 90, 3), np.uint8))
    with pytest.raises(ConfigError, match=r"90000 x 70000 px would be 6300\.0 megapixels.*--max-megapixels raises it"):
        resize_picture(picture, FileOptions(scale=1000))


def test_a_format_that_cannot_be_written_is_said(negative, tmp_path):
    Image.new("P", (70, 80)).save(tmp_path / "a.gif")
    (outcome,) = Batch([Job(tmp_path / "a.gif", tmp_path / "a.png")], negative, FileOptions())
    assert outcome.notes[-1] == "written as a.png"
