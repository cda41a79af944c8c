"""Pictures found by files, folders and patterns, in a tree of empty files."""

from pathlib import Path

import pytest

from fast_nst.errors import ImageError
from fast_nst.images import SUFFIXES, WRITERS, find_pictures


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder of empty files, which is also the current one: finding looks at names only."""
    names = ["b.jpg", "a.PNG", "notes.txt", ".hidden.jpg", ".fast-nst-0123456789ab.jpg"]
    names += ["trip/c.webp", "trip/day 1/d.jpeg", ".cache/e.jpg", "trip[1].jpg", "texts/f.txt"]
    for name in names:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def relative(paths, **options):
    return [str(name) for _, name in find_pictures(paths, **options)]


def test_a_folder_gives_its_pictures_in_order_with_their_tree(tree):
    assert find_pictures(["photos"]) == [
        (Path("photos/a.PNG"), Path("a.PNG")),
        (Path("photos/b.jpg"), Path("b.jpg")),
        (Path("photos/trip[1].jpg"), Path("trip[1].jpg")),
        (Path("photos/trip/c.webp"), Path("trip/c.webp")),
        (Path("photos/trip/day 1/d.jpeg"), Path("trip/day 1/d.jpeg")),
    ]


def test_subfolders_come_in_order_whatever_the_disk_says(tree):
    names = [f"{letter}/{digit}.jpg" for letter in "hcagebfd" for digit in "20311"]
    for name in names:
        (tree / "many" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / "many" / name).touch()
    assert relative(["many"]) == sorted(set(names))


def test_the_current_folder_is_found_as_a_dot(tree, monkeypatch):
    monkeypatch.chdir("photos/trip")
    assert find_pictures(["."]) == [(Path("c.webp"), Path("c.webp")), (Path("day 1/d.jpeg"), Path("day 1/d.jpeg"))]


def test_files_named_outright_are_listed_whatever_their_suffix(tree):
    assert find_pictures(["photos/notes.txt", Path("photos/.hidden.jpg")]) == [
        (Path("photos/notes.txt"), Path("notes.txt")),
        (Path("photos/.hidden.jpg"), Path(".hidden.jpg")),
    ]


def test_a_quoted_pattern_is_expanded_to_pictures(tree):
    assert relative(["photos/*.[jJ]*"]) == ["b.jpg", "trip[1].jpg"]
    assert relative(["photos/[a-z]*.*"]) == ["a.PNG", "b.jpg", "trip[1].jpg"]


def test_a_pattern_with_two_stars_goes_down(tree):
    assert relative(["photos/**/*.jpeg"]) == ["d.jpeg"]


def test_a_pattern_of_folders_searches_them(tree):
    assert relative(["photos/tri*"]) == ["c.webp", "day 1/d.jpeg", "trip[1].jpg"]


def test_a_file_with_brackets_in_its_name_is_no_pattern(tree):
    assert relative(["photos/trip[1].jpg"]) == ["trip[1].jpg"]


def test_duplicates_are_removed(tree):
    paths = ["photos/b.jpg", "photos/../photos/b.jpg", tree / "photos" / "b.jpg", "photos"]
    assert relative(paths) == ["b.jpg", "a.PNG", "trip[1].jpg", "trip/c.webp", "trip/day 1/d.jpeg"]


def test_equal_names_get_the_folders_that_tell_them_apart(tree):
    for name in ("x/day/1.jpg", "y/day/1.jpg", "y/day/2.jpg"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    assert relative(["x", "y"]) == ["x/day/1.jpg", "y/day/1.jpg", "day/2.jpg"]
    assert relative(["x/day/1.jpg", "y/day/1.jpg", "y/day/2.jpg"]) == ["x/day/1.jpg", "y/day/1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("none.jpg", "none.jpg: no such file or folder; check the spelling"),
        ("none", "none: no such file or folder; check the spelling"),
        ("photos/*.gif", "photos/*.gif: no picture matches this pattern; check the folder and the suffix"),
        (
            "photos/texts",
            "photos/texts: no pictures in this folder; expected "
            ".avif .bmp .gif .heic .heif .hif .jfif .jpeg .jpg .png .tif .tiff .webp",
        ),
    ],
)
def test_a_path_without_pictures_is_said(tree, path, text):
    with pytest.raises(ImageError) as caught:
        find_pictures([path])
    assert str(caught.value) == text


def test_failures_can_be_collected_while_the_rest_is_found(tree):
    failures = []
    found = relative(["none.jpg", "photos/b.jpg", "photos/texts", "photos/trip"], on_error=failures.append)
    assert found == ["b.jpg", "c.webp", "day 1/d.jpeg"]
    assert [str(failure).partition(":")[0] for failure in failures] == ["none.jpg", "photos/texts"]


def test_an_overlong_name_is_a_missing_file(tree):
    with pytest.raises(ImageError, match="no such file or folder"):
        find_pictures(["a" * 300 + ".jpg"])


def test_everything_written_can_be_found_again():
    assert set(WRITERS) < SUFFIXES
