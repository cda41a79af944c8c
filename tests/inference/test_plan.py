import pytest

from fast_nst.errors import ConfigError, ImageError
from fast_nst.inference.plan import plan_jobs, written_suffix


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with `photos/{a.jpg, b.gif, deep/c.PNG}` and `one.jpg`; the files are empty."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("photos/a.jpg", "photos/b.gif", "photos/deep/c.PNG", "one.jpg"):
        (tmp_path / name).touch()
    return tmp_path


def targets(inputs, output=None, **options):
    plan = plan_jobs(inputs, output, style="candy", **options)
    return {job.source.as_posix(): job.problem or job.target.as_posix() for job in plan.jobs}


def test_without_an_output_a_picture_goes_beside_its_content(folder):
    assert targets(["one.jpg", "photos/b.gif"]) == {"one.jpg": "one-candy.jpg", "photos/b.gif": "photos/b-candy.png"}


def test_without_an_output_a_folder_goes_beside_itself(folder):
    expected = {
        "photos/a.jpg": "photos-candy/a.jpg",
        "photos/b.gif": "photos-candy/b.png",
        "photos/deep/c.PNG": "photos-candy/deep/c.PNG",
    }
    assert targets(["photos"]) == targets(["photos/"]) == expected


def test_the_working_folder_goes_beside_itself(folder, monkeypatch):
    monkeypatch.chdir(folder / "photos")
    assert targets(["."])["a.jpg"] == (folder / "photos-candy" / "a.jpg").as_posix()


def test_one_picture_goes_into_the_file_named(folder):
    assert targets(["one.jpg"], "new/two.png") == {"one.jpg": "new/two.png"}


@pytest.mark.parametrize("output", ["photos", "new/"])
def test_one_picture_goes_into_a_folder_that_exists_or_ends_so(folder, output):
    assert targets(["one.jpg"], output) == {"one.jpg": f"{output.rstrip('/')}/one.jpg"}


def test_a_folder_keeps_its_tree(folder):
    expected = {"photos/a.jpg": "out/a.jpg", "photos/b.gif": "out/b.png", "photos/deep/c.PNG": "out/deep/c.PNG"}
    assert targets(["photos"], "out") == expected


def test_a_folder_of_one_picture_is_still_a_folder(folder):
    assert targets(["photos/deep"], "out") == {"photos/deep/c.PNG": "out/c.PNG"}


def test_a_glob_of_several_goes_into_a_folder(folder):
    (folder / "two.jpg").touch()
    assert targets(["*.jpg"], "out") == {"one.jpg": "out/one.jpg", "two.jpg": "out/two.jpg"}


def test_the_same_picture_named_twice_is_done_once(folder):
    assert targets(["one.jpg", "./one.jpg", "photos/../one.jpg"]) == {"one.jpg": "one-candy.jpg"}


def test_earlier_results_inside_the_folder_are_left_out(folder):
    (folder / "photos" / "out").mkdir()
    (folder / "photos" / "out" / "a.jpg").touch()
    assert "photos/out/a.jpg" not in targets(["photos"], "photos/out", overwrite=True)
    assert "photos/out/a.jpg" in targets(["photos"], "elsewhere")


def test_a_folder_of_earlier_results_alone_is_said_to_be_one(folder):
    (folder / "photos" / "deep" / "inner").mkdir()
    (folder / "photos" / "deep" / "c.PNG").rename(folder / "photos" / "deep" / "inner" / "c.PNG")
    with pytest.raises(ImageError, match="photos/deep/inner: every picture found lies in here"):
        targets(["photos/deep"], "photos/deep/inner")


def test_an_input_that_is_not_there_does_not_stop_the_rest(folder):
    plan = plan_jobs(["gone.jpg", "one.jpg", "nothing/*.png"], "out", style="candy")
    assert [job.target.as_posix() for job in plan.jobs] == ["out/one.jpg"]
    assert len(plan.unusable) == 2
    assert plan.unusable[0].startswith("gone.jpg: no such file")


@pytest.mark.parametrize(("inputs", "output"), [(["one.jpg"], "one.jpg"), (["photos"], "photos"), (["one.jpg"], "./")])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_overwritten(folder, inputs, output, overwrite):
    problems = targets(inputs, output, overwrite=overwrite)
    assert "an input, which is never overwritten" in problems[next(iter(problems))]


def test_an_input_is_not_overwritten_by_another_one(folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "one.jpg").touch()
    problems = targets(["deep/one.jpg"], "one.jpg", overwrite=True)
    assert problems == {"deep/one.jpg": "one.jpg"}, "one.jpg is no input of this command"
    problems = targets(["photos/deep/c.PNG", "one.jpg"], "photos/deep", overwrite=True)
    assert "c.PNG: an input, which is never overwritten" in problems["photos/deep/c.PNG"]


def test_an_output_that_exists_needs_overwrite(folder):
    (folder / "two.jpg").touch()
    assert "--overwrite" in targets(["one.jpg"], "two.jpg")["one.jpg"]
    assert targets(["one.jpg"], "two.jpg", overwrite=True) == {"one.jpg": "two.jpg"}


def test_two_pictures_never_share_an_output(folder):
    (folder / "photos" / "b.png").touch()
    planned = targets(["photos"], "out")
    assert planned["photos/b.gif"] == "out/b.png"
    assert (
        planned["photos/b.png"] == "photos/b.png: out/b.png is already the output of photos/b.gif; stylise it by itself"
    )


def test_an_output_of_unknown_kind_is_refused_before_painting(folder):
    assert "cannot write .xyz" in targets(["one.jpg"], "two.xyz")["one.jpg"]


@pytest.mark.parametrize("inputs", [["photos"], ["one.jpg", "photos/a.jpg"], ["photos/*.*"]])
def test_several_pictures_need_a_folder(folder, inputs):
    with pytest.raises(ConfigError, match=r"one\.jpg: a file, where several pictures need a folder"):
        targets(inputs, "one.jpg")
    with pytest.raises(
        ConfigError, match=r"new\.jpg: named like one picture, where several need a folder; end it in /"
    ):
        targets(inputs, "new.jpg")
    assert len(targets(inputs, "new.jpg/")) >= 2


@pytest.mark.parametrize(
    ("suffix", "written"), [(".jpg", ".jpg"), (".PNG", ".PNG"), (".gif", ".png"), (".HEIC", ".jpg"), ("", ".jpg")]
)
def test_a_suffix_stays_where_it_can_be_written(suffix, written):
    assert written_suffix(suffix) == written
