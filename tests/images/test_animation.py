"""Pictures one after the other, as GIF and WebP."""

import numpy as np
import pytest
from PIL import Image

from fast_nst.errors import ImageError
from fast_nst.images import check_animation, write_animation


def frames(count: int = 3) -> list[np.ndarray]:
    return [np.full((20, 30, 3), 40 * number, np.uint8) for number in range(count)]


@pytest.mark.parametrize("name", ["film.gif", "film.webp", "FILM.GIF"])
def test_every_frame_is_there_in_order_and_the_last_stays(tmp_path, name):
    path = tmp_path / name
    write_animation(path, frames())
    with Image.open(path) as film:
        assert (film.n_frames, film.size, film.info.get("loop")) == (3, (30, 20), 0)
        shown, durations = [], []
        for number in range(3):
            film.seek(number)
            film.load()
            shown.append(film.convert("RGB").getpixel((15, 10))[0])
            durations.append(film.info["duration"])
    assert shown == pytest.approx([0, 40, 80], abs=2)
    assert durations[-1] > 10 * durations[0]
    assert [path.name for path in tmp_path.iterdir()] == [name]  # nothing half-written


def test_one_frame_is_an_animation_too(tmp_path):
    write_animation(tmp_path / "still.gif", frames(1))
    with Image.open(tmp_path / "still.gif") as film:
        assert film.n_frames == 1


@pytest.mark.parametrize("name", ["film.png", "film"])
def test_another_format_is_refused(tmp_path, name):
    with pytest.raises(ImageError, match=r"use \.gif or \.webp"):
        check_animation(tmp_path / name)
    with pytest.raises(ImageError, match=r"use \.gif or \.webp"):
        write_animation(tmp_path / name, frames())


def test_a_folder_in_the_way_is_told(tmp_path):
    (tmp_path / "film.gif").mkdir()
    with pytest.raises(ImageError, match=r"film\.gif: cannot be written"):
        write_animation(tmp_path / "film.gif", frames())
