"""The cheapest passes."""

import pytest

from fast_nst.inference import Stylizer
from fast_nst.large.graph import StyleGraph
from fast_nst.large.probe import PASTICHE
from fast_nst.large.schedule import IN_MEMORY, ON_DISK, held_bytes, schedule


@pytest.fixture(scope="module", params=["quality", "fast", "johnson", "johnson-half"])
def graph(request, style_of):
    stylizer = Stylizer(style_of(request.param), threads=1)
    return StyleGraph(stylizer.path, stylizer.controls)


@pytest.mark.parametrize("price", [0.0, IN_MEMORY, ON_DISK, 1e9])
def test_each_norm_has_its_pass_and_the_last_paints(graph, price):
    passes = schedule(graph, price)
    assert [one.norm for one in passes] == list(range(len(graph.norms) + 1))
    assert [one.aim for one in passes] == [*(norm.tensor for norm in graph.norms), PASTICHE]


@pytest.mark.parametrize("price", [0.0, IN_MEMORY, ON_DISK, 1e9])
def test_what_a_pass_starts_from_was_kept_and_not_yet_forgotten(graph, price):
    held, known_norms = set(), set()
    for one in schedule(graph, price):
        assert set(one.known) <= held
        nodes = graph.between(one.known, one.wanted)
        passed = {norm.node.output[0] for norm in graph.norms} & {node.output[0] for node in nodes}
        assert passed <= known_norms  # it meets no norm whose statistics are not known yet
        held = held | set(one.kept)
        assert set(one.forgotten) <= held
        held -= set(one.forgotten)
        if one.aim != PASTICHE:
            known_norms.add(graph.norms[one.norm].node.output[0])
    assert not held


def test_the_dearer_keeping_is_the_less_is_kept_and_the_more_done_again(graph):
    def work(passes):
        return sum(graph.costs[node.output[0]] for one in passes for node in graph.between(one.known, one.wanted))

    ways = [schedule(graph, price) for price in (0.0, ON_DISK, 1e9)]
    held, works = [held_bytes(graph, way) for way in ways], [work(way) for way in ways]
    assert held[0] >= held[1] >= held[2] == 0
    assert works[0] <= works[1] <= works[2]
    assert works[0] == pytest.approx(sum(graph.costs.values()))  # where keeping costs nothing, nothing is done twice


def test_a_style_without_norms_is_one_pass(invert_model):
    (only,) = schedule(StyleGraph(invert_model), ON_DISK)
    assert (only.aim, only.known, only.kept) == (PASTICHE, (), ())
