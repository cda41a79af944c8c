import numpy as np
import pytest

from fast_nst.inference.sheet import LABEL_HEIGHT, MARGIN, captioned_sheet, contact_sheet


def plain(height, width, color):
    return np.full((height, width, 3), color, np.uint8)


def test_every_cell_lies_where_its_row_and_column_say():
    red, green, blue, grey = (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)
    rows = [[plain(50, 100, red), plain(50, 100, green)], [plain(30, 20, blue), plain(60, 40, grey)]]
    sheet = contact_sheet(rows, ["one", "two"], cell_width=100)
    first, second = LABEL_HEIGHT + MARGIN, LABEL_HEIGHT + MARGIN + 50 + MARGIN
    assert sheet.shape == (second + 150 + MARGIN, 3 * MARGIN + 200, 3)
    cells = {(first, MARGIN, 50): red, (first, 2 * MARGIN + 100, 50): green, (second, MARGIN, 150): blue}
    for (top, left, height), color in cells.items():
        assert (sheet[top : top + height, left : left + 100] == color).all()
    assert (sheet[first:, :MARGIN] == 255).all()
    assert (sheet[first + 50 : second] == 255).all()


def test_a_title_stands_above_its_own_column():
    sheet = contact_sheet([[plain(40, 80, 0), plain(40, 80, 0)]], ["", "Great Wave"], cell_width=200)
    label = sheet[: LABEL_HEIGHT + MARGIN]
    assert (label[:, : MARGIN + 200] == 255).all()
    assert (label[:, 2 * MARGIN + 200 :] < 128).any()


def test_a_long_title_stays_in_its_column():
    sheet = contact_sheet([[plain(40, 80, 0), plain(40, 80, 0)]], ["", "Under the Wave off Kanagawa"], cell_width=120)
    label = sheet[: LABEL_HEIGHT + MARGIN]
    assert (label[:, : 2 * MARGIN + 120 - 2] == 255).all()
    assert (label[:, -MARGIN + 2 :] == 255).all()


def test_a_ragged_table_is_refused():
    with pytest.raises(ValueError, match=r"expected 2 pictures in each row, got \[1\]"):
        contact_sheet([[plain(4, 4, 0)]], ["one", "two"])


def test_captions_stand_under_their_own_pictures_and_rows_may_differ_in_length():
    red, blue = plain(50, 100, (255, 0, 0)), plain(30, 100, (0, 0, 255))
    sheet = captioned_sheet([[(red, ("a", "b"))], [(blue, ("",)), (red, ("c",))]], cell_width=100)
    assert sheet.shape[1] == 3 * MARGIN + 200
    assert (sheet[MARGIN : MARGIN + 50, MARGIN : MARGIN + 100] == (255, 0, 0)).all()
    captions = sheet[MARGIN + 50 : MARGIN + 50 + MARGIN + 30]
    assert (captions[:, MARGIN : MARGIN + 100] < 128).any()
    assert (captions[:, 2 * MARGIN + 100 :] == 255).all()
    blue_rows = np.flatnonzero((sheet == (0, 0, 255)).all(2).any(1))
    red_rows = np.flatnonzero((sheet[:, 2 * MARGIN + 100 :] == (255, 0, 0)).all(2).any(1))
    assert len(blue_rows) == 30
    assert blue_rows[-1] == red_rows[-1]  # pictures stand on one line


def test_a_caption_too_long_for_any_letters_stays_under_its_picture():
    picture = (plain(20, 100, (200, 200, 200)), ("style_terms gram+sliced_wasserstein:0.5, init noise, " * 4,))
    sheet = captioned_sheet([[picture, picture]], cell_width=260)
    gap = sheet[:, MARGIN + 260 : 2 * MARGIN + 260]
    assert (gap[:, 2:-2] == 255).all()
    assert (sheet[-30:, MARGIN : MARGIN + 260] < 128).any()
