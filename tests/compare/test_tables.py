import math

import pytest

from fast_nst.compare.summary import summarize
from fast_nst.compare.tables import (
    appearance_table,
    cases_table,
    methods_table,
    number,
    octaves_table,
    spread,
    star_spread,
    verdict,
)
from fast_nst.measure.stats import Quartiles


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (0.5, "0.500"),
        (12.345, "12.3"),
        (100.2, "100"),
        (999.9, "1,000"),
        (28123.4, "28,123"),
    ],
)
def test_numbers_have_three_digits_and_thousands_commas(value, text):
    assert number(value) == text


def test_a_spread_is_the_median_with_its_quartiles():
    assert spread(Quartiles(1.0, 2.0, 3.0, 5)) == "2.00 (1.00 to 3.00)"
    assert spread(Quartiles(2.0, 2.0, 2.0, 1)) == "2.00"
    assert spread(None) == "–"  # noqa: RUF001


def test_a_k_star_that_is_not_reached_is_more_than_the_last_step():
    assert star_spread(Quartiles(4, 6, math.inf, 3), 500) == "6 (4 to >500)"
    assert star_spread(Quartiles(math.inf, math.inf, math.inf, 1), 500) == ">500"


def sentences(make_case, *networks):
    cases = [make_case(network=total, name=str(total)) for total in networks]
    return verdict(summarize(cases, (1, 3))[0])


def test_the_verdict_on_a_network_in_the_middle(make_case):
    first, content, noise = sentences(make_case, 2.5)
    assert first.startswith("At 64 px, on 1 photograph, the network takes 0.500 s and comes to a total of 2.50")
    assert first.endswith("the photograph itself stands at 8.00.")
    assert content.startswith("L-BFGS from the photograph gets there after k* = 2 steps; its 3 steps take 3.00 s, 6.00")
    assert noise.startswith("L-BFGS from noise gets there after k* = 3 steps;")


def test_the_verdict_on_a_network_better_than_everything(make_case):
    _, content, noise = sentences(make_case, 0.5, 0.6)
    assert "from the photograph does not get there in 3 steps (k* > 3)" in content
    assert "from noise does not get there in 3 steps (k* > 3)" in noise


def test_the_verdict_on_a_network_worse_than_everything(make_case):
    _, content, noise = sentences(make_case, 100.0)
    assert "from the photograph is there from the start, k* = 0; its 3 steps take 3.00 s" in content
    assert "from noise is there from the start, k* = 0;" in noise


def test_the_verdict_says_on_how_many_photographs_the_network_is_never_reached(make_case):
    _, content, _ = sentences(make_case, 2.5, 2.6, 0.5)
    assert "gets there after k* = 2 (2 to 2) steps, and never on 1 of 3" in content


def test_the_verdict_where_the_network_is_mostly_never_reached(make_case):
    _, content, _ = sentences(make_case, 2.5, 0.6, 0.5)
    assert "does not get there in 3 steps on 2 of 3 (k* > 3)" in content


def test_the_rows_of_the_photographs(make_case):
    table = cases_table([make_case(network=total, name=str(total)) for total in (2.5, 0.5, 100.0)])
    assert [row[3:] for row in table.rows] == [
        ("2", "3", "4.00 ×", "6.00 ×"),  # noqa: RUF001
        ("more than 3", "more than 3", "more than 6.00 ×", "more than 6.00 ×"),  # noqa: RUF001
        ("0", "0", "–", "–"),  # noqa: RUF001
    ]


def test_the_rows_of_the_methods(make_case):
    table = methods_table(summarize([make_case(network=2.5)], (1, 3))[0])
    assert [row[0] for row in table.rows] == [
        "photograph itself",
        "network",
        "Gatys from content, 1 step",
        "Gatys from content, 3 steps",
        "Gatys from noise, 1 step",
        "Gatys from noise, 3 steps",
    ]
    assert table.header[1:6] == ("content", "style", "tone", "TV", "total")
    assert {len(row) for row in table.rows} == {len(table.header)}
    assert table.rows[0][6:] == ("1.00", "–", "–", "–")  # noqa: RUF001
    assert table.rows[3] == (
        "Gatys from content, 3 steps",
        *("0.250", "0.250", "0.250", "0.250", "1.00"),
        *("0.500", "3.00", "100", "6.00 ×"),  # noqa: RUF001
    )


def test_the_rows_of_how_pictures_look(make_case):
    summary = summarize([make_case(network=2.5)], (1, 3))[0]
    painting = {"luminance_low": 10.0, "luminance_high": 240.0, "luminance_range": 230.0}
    table = appearance_table(summary, painting)
    assert table.rows[0] == ("painting itself", "10.0", "240", "230", *("–" for _ in range(5)))  # noqa: RUF001
    assert table.rows[2] == ("network", *("0.250" for _ in range(7)), "–")  # noqa: RUF001
    assert [row[:2] for row in table.rows[3:]] == [
        ("last step from content", "0.100"),
        ("last step from noise", "0.200"),
    ]
    assert {len(row) for row in table.rows} == {len(table.header)}


def test_the_columns_of_octaves_are_whole_and_flat(make_case):
    table = octaves_table(summarize([make_case(network=2.5)], (1, 3))[0])
    assert table.header[1:6] == ("2 to 4 px", "4 to 8 px", "8 to 16 px", "16 to 32 px", "2 to 4 px, flat")
    assert {len(row) for row in table.rows} == {len(table.header)}


def test_an_optimisation_that_ended_early_is_shown_where_it_ended(make_case):
    summary = summarize([make_case(network=2.5, content=(8.0, 4.0))], (1, 3))[0]
    assert summary.appearance["content"]["strokes"].median == 0.4
