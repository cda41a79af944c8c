"""Masks of any size, regions that share a picture, and what is laid over what."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fast_nst.controls.mask import Mask, Regions, lay_over, read_labels, stretched
from fast_nst.controls.regions import RegionFiles
from fast_nst.errors import ConfigError, ImageError


def random_plane(seed, height, width):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


@pytest.fixture
def save(tmp_path):
    """Return a function that writes an array, or an image, as a picture."""

    def write(name, image):
        image = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image, np.uint8))
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.save(tmp_path / name)
        return tmp_path / name

    return write


# Stretching


@pytest.mark.parametrize("size", [(40, 60), (160, 240), (37, 61), (9, 11), (1, 1)])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_rows_are_the_same_however_they_are_asked_for(size, rows):
    plane, (height, width) = random_plane(0, 40, 60), size
    whole = stretched(plane, 0, height, width, height)
    cut = [stretched(plane, top, min(top + rows, height), width, height) for top in range(0, height, rows)]
    np.testing.assert_allclose(np.concatenate(cut), whole, atol=1e-3)  # of 255; where Pillow begins to sum differs


def test_a_mask_of_the_pictures_size_is_taken_as_it_is():
    plane = random_plane(0, 20, 30)
    np.testing.assert_array_equal(Mask(plane).rows(3, 9, 30, 20), (plane[3:9] / np.float32(255)).astype(np.float32))


def test_a_small_mask_grows_softly_and_a_large_one_is_averaged():
    step = np.repeat(np.array([[0, 255]], np.uint8), 2, axis=0)
    grown = Mask(step).rows(0, 8, 8, 8)[0]
    np.testing.assert_allclose(grown, [0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1], atol=1e-6)
    assert Mask(random_plane(0, 400, 400)).rows(0, 2, 2, 2).std() < 0.02


# Files


def test_white_is_inside_and_colours_count_by_their_luminance(save):
    path = save("mask.png", [[[255, 255, 255], [0, 0, 0], [255, 0, 0]]])
    assert Mask.read(path).levels.tolist() == [[255, 0, 76]]


def test_of_a_cut_out_the_opaque_part_is_inside(save):
    path = save("cut.png", [[[0, 0, 0, 255], [255, 255, 255, 0], [9, 9, 9, 100]]])
    assert Mask.read(path).levels.tolist() == [[255, 0, 100]]


def test_an_opaque_picture_with_alpha_counts_by_its_luminance(save):
    assert Mask.read(save("mask.png", [[[255, 255, 255, 255], [0, 0, 0, 255]]])).levels.tolist() == [[255, 0]]


def test_the_labels_of_a_grey_picture_are_its_values(save):
    masks = read_labels(save("map.png", [[0, 7], [7, 200]]))
    assert list(masks) == [0, 7, 200]
    assert masks[7].levels.tolist() == [[0, 255], [255, 0]]


def test_the_labels_of_a_palette_are_its_numbers_not_its_colours(save):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    image.putpalette([0, 0, 0, 10, 200, 10, 255, 255, 255])
    assert list(read_labels(save("map.png", image))) == [0, 1, 2]


def test_labels_may_have_16_bits(tmp_path):
    Image.fromarray(np.array([[0, 200], [1000, 200]], np.uint16)).save(tmp_path / "map.png")
    masks = read_labels(tmp_path / "map.png")
    assert list(masks) == [0, 200, 1000]
    assert masks[1000].levels.tolist() == [[0, 0], [255, 0]]


def test_a_jpeg_is_no_label_map(save):
    with pytest.raises(ImageError, match=r"map\.jpg: JPEG changes the values of a label map; save it as PNG"):
        read_labels(save("map.jpg", [[0, 255]]))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.arange(100).reshape(10, 10), "100 values are no label map; expected at most 64"),
        ([[[255, 0, 0], [0, 255, 0]]], "a label map has grey values or a palette, not colours"),
    ],
)
def test_what_is_no_label_map_is_told(save, pixels, message):
    with pytest.raises(ImageError, match=message):
        read_labels(save("map.png", pixels))


def test_a_label_map_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "map.png").write_text("notes")
    with pytest.raises(ImageError, match=r"map\.png: not a picture"):
        read_labels(tmp_path / "map.png")


# Regions


def test_regions_sum_to_one_and_share_where_they_overlap():
    left, all_ = (Mask(np.array([row], np.uint8)) for row in ([255, 255, 0, 0], [255, 255, 255, 0]))
    regions = Regions([[left], [all_]])
    shares = regions.rows(0, 1, 4, 1)
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-6)
    np.testing.assert_allclose(shares[0, 0], [0.5, 0.5, 0, 0.5], atol=1e-5)
    assert regions.inside(0, 1, 4, 1).tolist() == [[1, 1, 1, 0]]


def test_the_ground_has_what_is_in_no_region():
    regions = Regions([[Mask(np.array([[255, 102, 0]], np.uint8))]], has_ground=True)
    np.testing.assert_allclose(regions.rows(0, 1, 3, 1)[:, 0], [[1, 0.4, 0], [0, 0.6, 1]], atol=1e-5)
    assert (regions.inside(0, 1, 3, 1) == 1).all()


def test_several_masks_of_one_style_are_one_region(save, tmp_path):
    files = RegionFiles(
        [("a", save("1.png", [[255, 0, 0]])), ("b", save("2.png", [[0, 255, 0]])), ("a", save("3.png", [[0, 0, 255]]))]
    )
    assert files.styles == ["a", "b"]
    shares = files.of(tmp_path / "photo.jpg").rows(0, 1, 3, 1)
    np.testing.assert_allclose(shares[:, 0], [[1, 0, 1], [0, 1, 0]], atol=1e-5)


def test_a_folder_has_a_mask_for_each_picture(save, tmp_path):
    save("masks/a [1].png", [[255, 0]])
    save("masks/b.png", [[0, 255]])
    files = RegionFiles([("", tmp_path / "masks")])
    assert files.styles == []
    assert files.of(tmp_path / "photos" / "a [1].jpg").inside(0, 1, 2, 1).tolist() == [[1, 0]]
    assert files.of(tmp_path / "photos" / "b.jpg").inside(0, 1, 2, 1).tolist() == [[0, 1]]
    with pytest.raises(ImageError, match=r"c\.jpg: there is no mask c\.png, or of another suffix, in"):
        files.of(tmp_path / "photos" / "c.jpg")


def test_labels_stand_for_styles_and_the_rest_is_the_photographs(save, tmp_path):
    path = save("map.png", [[0, 1, 2]])
    files = RegionFiles(label_map=path, labels={1: "a", 2: "b"})
    assert files.styles == ["a", "b"]
    assert files.of(tmp_path / "x.jpg").inside(0, 1, 3, 1).tolist() == [[0, 1, 1]]
    with pytest.raises(ConfigError, match="has no label 5; it has 0, 1, 2"):
        RegionFiles(label_map=path, labels={5: "a"}).of(tmp_path / "x.jpg")
    assert RegionFiles(label_map=path, labels={1: "a"}, ground="b").styles == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"masks": [("", "a.png"), ("b", "b.png")]}, "of several masks each needs a style"),
        ({"masks": [("a", "a.png")], "label_map": "m.png", "labels": {1: "a"}}, "give one of them"),
        ({"label_map": "m.png"}, "go together"),
        ({"labels": {1: "a"}}, "go together"),
    ],
)
def test_what_contradicts_itself_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        RegionFiles(**options)


# Laying over


def test_the_ends_are_exact_and_between_is_the_mean():
    content, pastiche = (np.full((1, 3, 3), value, np.uint8) for value in (10, 201))
    laid = lay_over(content, pastiche, np.array([[0, 0.5, 1]], np.float32))
    assert laid[0, :, 0].tolist() == [10, 106, 201]


@pytest.mark.parametrize("levels", [np.ones((4, 4)), np.zeros((4, 4, 3), np.uint8)])
def test_a_mask_of_another_type_or_shape_is_refused(levels):
    with pytest.raises(ValueError, match=r"a mask is uint8 or bool, of shape \(h, w\)"):
        Mask(levels)


def test_a_mask_may_be_bool():
    np.testing.assert_array_equal(Mask(np.array([[True, False]])).levels, [[255, 0]])


def test_masks_lie_in_folders_as_photographs_do(tmp_path):
    for place, level in (("masks", 0), ("masks/2020", 255)):
        (tmp_path / place).mkdir()
        Image.fromarray(np.full((2, 2), level, np.uint8)).save(tmp_path / place / "sea.png")
    files = RegionFiles([("", tmp_path / "masks")])
    for folder, share in (("2020", 1), ("2021", 0)):
        assert files.of(tmp_path / "photos" / folder / "sea.jpg").inside(0, 2, 2, 2).mean() == share


def test_two_masks_of_one_name_and_the_picture_itself_are_refused(tmp_path):
    for name in ("sea.png", "sea.webp", "hill.png"):
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / name)
    files = RegionFiles([("", tmp_path)])
    with pytest.raises(ImageError, match=r"both sea\.png and sea\.webp in .* may be its mask"):
        files.of(Path("photos/sea.jpg"))
    with pytest.raises(ImageError, match="its mask would be the picture itself"):
        files.of(tmp_path / "hill.png")


def test_a_label_that_a_picture_of_a_folder_lacks_is_nowhere(tmp_path):
    (tmp_path / "maps").mkdir()
    Image.fromarray(np.full((2, 2), 1, np.uint8)).save(tmp_path / "maps" / "sea.png")
    regions = RegionFiles(label_map=tmp_path / "maps", labels={1: "wave", 2: "hill"}).of(Path("sea.jpg"))
    np.testing.assert_allclose(regions.rows(0, 2, 2, 2)[:, 0, 0], [1, 0], atol=1e-5)
    with pytest.raises(ConfigError, match="has no label 2; it has 1"):
        RegionFiles(label_map=tmp_path / "maps" / "sea.png", labels={2: "hill"}).of(Path("sea.jpg"))


def test_masks_larger_than_allowed_are_refused(tmp_path):
    Image.fromarray(np.zeros((40, 50), np.uint8)).save(tmp_path / "mask.png")
    for files in (
        RegionFiles([("", tmp_path / "mask.png")], max_megapixels=0.001),
        RegionFiles(label_map=tmp_path / "mask.png", labels={0: "hill"}, max_megapixels=0.001),
    ):
        with pytest.raises(ImageError, match=r"over the limit of 0\.001"):
            files.of(None)
