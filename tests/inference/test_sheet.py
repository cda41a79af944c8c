import numpy as np
import pytest

from fast_nst.inference.sheet import LABEL_HEIGHT, MARGIN, contact_sheet


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
