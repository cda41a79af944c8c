"""Trouble, found while it happens."""

import torch

from fast_nst.training.adversarial.collapse import WINDOW, Lookout, likeness, variety


def see(lookout, real, fake, steps=WINDOW):
    return [news for _ in range(steps) for news in lookout.see(real, fake)]


def noise(count):
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_a_discriminator_that_tells_all_is_told_once():
    lookout = Lookout()
    (news,) = see(lookout, 0.99, 0.01, 3 * WINDOW)
    assert "tells nearly all pastiches" in news
    assert "D(real) 0.99, D(fake) 0.01" in news


def test_one_that_says_the_same_of_both_is_told():
    (news,) = see(Lookout(), 0.5, 0.49)
    assert "says the same of pastiches and of the artist's pictures" in news


def test_two_sides_in_balance_are_no_trouble():
    assert see(Lookout(), 0.7, 0.3) == []
    assert see(Lookout(), 0.9, 0.2) == []


def test_trouble_that_comes_and_goes_step_by_step_is_not_told_step_by_step():
    lookout = Lookout()
    assert len(see(lookout, 0.8502, 0.1)) == 1
    told = [news for _ in range(WINDOW) for real in (0.80, 0.90) for news in lookout.see(real, 0.1)]
    assert len(told) <= 2


def test_trouble_that_comes_again_is_told_again():
    lookout = Lookout()
    assert len(see(lookout, 0.99, 0.01)) == 1
    assert see(lookout, 0.7, 0.3) == []
    assert len(see(lookout, 0.99, 0.01)) == 1


def test_a_painter_that_paints_the_same_of_everything_is_told():
    lookout, photographs = Lookout(), noise(4)
    same = noise(1).expand(4, -1, -1, -1) + 0.01 * photographs
    (news,) = lookout.compare(photographs, same)
    assert "pastiches of different photographs are nearly the same" in news
    assert lookout.compare(photographs, 0.2 + 0.1 * photographs) == []  # another palette, as styles have


def test_collapse_of_one_style_among_others_is_told_once():
    lookout, photographs = Lookout(), noise(4)
    same = noise(1).expand(4, -1, -1, -1) + 0.01 * photographs
    assert len(lookout.compare(photographs, photographs, same)) == 1
    assert lookout.compare(photographs, photographs, same) == []


def test_variety_is_of_what_is_where_and_not_of_the_palette():
    assert variety(noise(4)) > 1
    assert variety(noise(1).expand(4, -1, -1, -1)) == 0
    assert abs(variety(noise(4)) - variety(0.3 + 0.2 * noise(4))) < 1e-2


def test_likeness_is_of_edges_and_not_of_light_or_colour():
    photographs = boxes()
    assert likeness(photographs, photographs) > 0.99
    assert likeness(photographs, 1 - 0.5 * photographs) > 0.99
    assert abs(likeness(photographs, photographs.flip(0, 2))) < 0.4


def test_pastiches_of_something_else_are_told():
    photographs = boxes()
    (news,) = Lookout().compare(photographs, photographs.flip(2))
    assert "pastiches hardly show their photographs (edges correlate by" in news


def boxes():
    """Return photographs of a bright box each, elsewhere in each."""
    photographs = torch.zeros(4, 3, 64, 64)
    for number, photograph in enumerate(photographs):
        photograph[:, 4 + 8 * number : 20 + 8 * number, 2 + 9 * number : 30 + 9 * number] = 1
    return photographs
