from fast_nst.compare.summary import Race, group, summarize
from fast_nst.measure.stats import Quartiles


def test_a_network_between_start_and_end_is_reached_on_the_way(make_case):
    case = make_case(network=2.5)  # content 8 4 2 1, noise 16 8 4 2; a second a step, the network half a second
    assert case.race("content") == Race(k_star=2, seconds=2.0, speed_up=4.0, last_step=3)
    assert case.race("noise") == Race(k_star=3, seconds=3.0, speed_up=6.0, last_step=3)


def test_a_network_better_than_every_step_is_never_reached(make_case):
    race = make_case(network=0.5).race("content")
    assert race == Race(k_star=None, seconds=3.0, speed_up=6.0, last_step=3)


def test_a_network_worse_than_the_start_is_reached_in_no_time(make_case):
    race = make_case(network=100.0).race("noise")
    assert race == Race(k_star=0, seconds=0.0, speed_up=0.0, last_step=3)


def test_only_photographs_with_every_method_count(make_case):
    whole, half = make_case(network=2.5), make_case(network=2.5, name="half.jpg")
    results = [*whole.results.values(), *list(half.results.values())[:3]]
    assert [case.name for case in group(results)] == ["photo.jpg"]


def test_the_same_photograph_at_two_sizes_is_two_cases(make_case):
    results = [result for size in (64, 128) for result in make_case(network=1.0, size=size).results.values()]
    assert [(case.name, case.size) for case in group(results)] == [("photo.jpg", 64), ("photo.jpg", 128)]


def test_medians_and_quartiles_go_over_photographs(make_case):
    cases = [make_case(network=total, name=str(total)) for total in (0.5, 1.5, 2.5, 3.5, 100.0)]
    (summary,) = summarize(cases, (1, 3))
    rows = {(row.method, row.step): row for row in summary.rows}
    assert list(rows) == [("photo", None), ("network", None)] + [(m, k) for m in ("content", "noise") for k in (1, 3)]
    assert rows["network", None].losses["total"] == Quartiles(1.5, 2.5, 3.5, 5)
    assert rows["content", 3].speed_up == Quartiles(6.0, 6.0, 6.0, 5)
    assert rows["photo", None].seconds is None
    assert rows["network", None].speed_up is None
    assert summary.k_star["content"] == Quartiles(2, 2, 3, 5)  # of 0 2 2 3 and never
    assert summary.reached == {"content": 4, "noise": 3}


def test_an_optimisation_that_ended_early_has_no_later_checkpoint(make_case):
    short, long = make_case(network=1.0, content=(8.0, 4.0), name="short"), make_case(network=1.0)
    (summary,) = summarize([short, long], (1, 3))
    counts = {row.step: row.losses["total"].count for row in summary.rows if row.method == "content"}
    assert counts == {1: 2, 3: 1}


def test_sizes_are_summed_up_apart_and_ascending(make_case):
    cases = [make_case(network=1.0, size=size) for size in (128, 64)]
    assert [(summary.size, summary.photos) for summary in summarize(cases, (1, 3))] == [(64, 1), (128, 1)]


def test_nothing_measured_is_no_summary():
    assert summarize([], (1, 3)) == []
    assert group([]) == []
