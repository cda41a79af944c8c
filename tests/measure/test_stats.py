from fast_nst.measure.stats import Quartiles, quartiles


def test_quartiles_by_hand():
    assert quartiles([5.0, 1.0, 4.0, 2.0, 3.0]) == Quartiles(2.0, 3.0, 4.0, 5)
    assert quartiles([1.0, None, 2.0]) == Quartiles(1.25, 1.5, 1.75, 2)
    assert quartiles([None]) is None
