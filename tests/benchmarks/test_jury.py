"""Blind pairs, and the envelope that is opened."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from fast_nst.images import Picture, read_pixels, write_picture

RED, BLUE = (200, 30, 30), (30, 30, 200)
PHOTOGRAPHS, STYLES = ("one", "two", "three", "four"), ("sea", "hill")


@pytest.fixture(scope="module")
def jury(load_benchmark):
    return load_benchmark("jury")


@pytest.fixture(scope="module")
def count(load_benchmark):
    return load_benchmark("jury_count")


@pytest.fixture(scope="module")
def sheet(load_benchmark):
    return load_benchmark("jury_sheet")


def save(path, colour):
    write_picture(path, Picture(np.broadcast_to(np.array(colour, np.uint8), (80, 96, 3))))


@pytest.fixture
def make(jury, tmp_path, monkeypatch):
    """Return a function that makes pairs: every pastiche of ours is red, every one of theirs blue."""
    for name in PHOTOGRAPHS:
        save(tmp_path / f"photos/{name}.jpg", (90, 90, 90))
        for style in STYLES:
            save(tmp_path / f"ours/{style}/{name}.png", RED)
            save(tmp_path / f"theirs/{style}/{name}.png", BLUE)
    paintings = []
    for style in STYLES:
        save(tmp_path / f"{style}.png", (0, 200, 0))
        paintings.append(f"{style}={tmp_path / style}.png")

    def run(*extra, output="pairs", envelope="hidden/envelope.json"):
        files = ["--photographs", tmp_path / "photos", "--painting", *paintings]
        sources = ["--first", f"ours={tmp_path / 'ours'}", "--second", f"theirs={tmp_path / 'theirs'}"]
        places = ["-o", tmp_path / output, "--envelope", tmp_path / envelope]
        monkeypatch.setattr(sys, "argv", ["jury.py", "make", *map(str, [*files, *sources, *places, *extra])])
        return jury.main()

    return run


def read_envelope(tmp_path, name="hidden/envelope.json"):
    return json.loads((tmp_path / name).read_text())


def of_side(tmp_path, pair, side):
    """The colour in the middle of A or B, below the photograph and the painting."""
    pixels = read_pixels(tmp_path / f"pairs/{pair}.png")
    column = pixels.shape[1] * (1 if side == "A" else 3) // 4
    row = 12 + 80 + 36 + 24 + 40
    return tuple(int(value) for value in pixels[row, column])


def test_the_envelope_says_truly_which_is_whose(make, tmp_path):
    assert make() == 0
    envelope = read_envelope(tmp_path)
    assert len(envelope["pairs"]) == len(PHOTOGRAPHS) * len(STYLES)
    assert {(pair["style"], pair["photograph"]) for pair in envelope["pairs"].values()} == {
        (style, name) for style in STYLES for name in PHOTOGRAPHS
    }
    for name, pair in envelope["pairs"].items():
        for side in "AB":
            assert of_side(tmp_path, name, side) == {"ours": RED, "theirs": BLUE}[pair[side]]


def test_order_is_drawn_and_a_seed_draws_it_again(make, tmp_path):
    for folder, seed in (("pairs", "3"), ("again", "3"), ("other", "4")):
        assert make("--seed", seed, output=folder, envelope=f"hidden/{folder}.json") == 0
    first, again, other = (read_envelope(tmp_path, f"hidden/{name}.json") for name in ("pairs", "again", "other"))
    assert first == again
    assert first["pairs"] != other["pairs"]
    assert {pair["A"] for pair in [*first["pairs"].values(), *other["pairs"].values()]} == {"ours", "theirs"}
    assert (tmp_path / "pairs/pair-001.png").read_bytes() == (tmp_path / "again/pair-001.png").read_bytes()


def test_nothing_that_viewers_see_tells_the_source(make, tmp_path):
    assert make() == 0
    names = sorted(path.name for path in (tmp_path / "pairs").iterdir())
    assert names == ["ballot.md", *(f"pair-{number:03d}.png" for number in range(1, 9))]
    ballot = (tmp_path / "pairs/ballot.md").read_text()
    assert "A, B or tie? What is wrong with\neach?" in ballot
    assert '{"pair": "pair-001", "choice": "A"' in ballot
    assert not any(word in ballot for word in ("ours", "theirs"))
    for path in (tmp_path / "pairs").glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert set(picture.info) <= {"icc_profile"}
            assert not picture.getexif()
        assert not any(word in path.read_bytes() for word in (b"ours", b"theirs", b"envelope", b"tEXt", b"iTXt"))


@pytest.mark.parametrize(
    ("extra", "places", "message"),
    [
        ([], {"envelope": "pairs/envelope.json"}, "where viewers look; choose another place"),
        ([], {"output": "photos"}, "is not empty; choose another folder"),
    ],
)
def test_a_jury_that_would_not_be_blind_is_refused(make, capsys, extra, places, message):
    assert make(*extra, **places) == 2
    assert message in capsys.readouterr().err


def test_sources_without_a_common_photograph_are_refused(make, tmp_path, capsys):
    for name in PHOTOGRAPHS:
        (tmp_path / f"theirs/sea/{name}.png").rename(tmp_path / f"theirs/sea/x{name}.png")
    assert make() == 2
    assert "no photograph has a pastiche of its name in both" in capsys.readouterr().err


def test_crops_are_of_the_flattest_and_the_busiest_place_and_pixel_for_pixel(sheet):
    rough = np.random.default_rng(0).integers(0, 256, (400, 1200, 3), dtype=np.uint8)
    rough[:, :600] = 128  # flat at the left
    flat, busy = sheet.flattest_and_busiest(rough, np.random.default_rng(1))
    side = sheet.CROP
    assert flat[1] * (1200 - side) <= 600 - side + 10
    assert busy[1] * (1200 - side) >= 590
    found = sheet.crop(rough, busy)
    assert found.shape == (side, side, 3)
    top, left = round(busy[0] * (400 - side)), round(busy[1] * (1200 - side))
    np.testing.assert_array_equal(found, rough[top : top + side, left : left + side])


def test_a_large_pastiche_is_shown_at_640_px_and_a_small_picture_is_all_crop(sheet):
    large, small = np.zeros((400, 1200, 3), np.uint8), np.zeros((100, 90, 3), np.uint8)
    found = sheet.pair_sheet(small, small, large, large, np.random.default_rng(0))
    assert found.shape[1] == 2 * 640 + 3 * 12
    assert sheet.crop(small, (1.0, 0.5)).shape == small.shape


ENVELOPE = {
    "format": "fast_nst.jury/1",
    "sources": ["ours", "theirs"],
    "pairs": {
        "pair-001": {"style": "sea", "photograph": "one", "A": "ours", "B": "theirs"},
        "pair-002": {"style": "sea", "photograph": "two", "A": "theirs", "B": "ours"},
        "pair-003": {"style": "hill", "photograph": "one", "A": "theirs", "B": "ours"},
    },
}


def answers(*choices):
    return "".join(
        json.dumps({"pair": f"pair-{number:03d}", "choice": choice, "wrong_a": f"a{number}", "wrong_b": f"b{number}"})
        + "\n\n"
        for number, choice in enumerate(choices, start=1)
    )


@pytest.fixture
def open_it(jury, tmp_path, monkeypatch):
    """Return a function that opens the envelope with ballots of the texts given, and returns exit code and results."""

    def run(*texts):
        (tmp_path / "envelope.json").write_text(json.dumps(ENVELOPE))
        ballots = [tmp_path / f"viewer-{number}.jsonl" for number in range(1, len(texts) + 1)]
        for path, text in zip(ballots, texts, strict=True):
            path.write_text(text)
        output = tmp_path / "results.json"
        files = [tmp_path / "envelope.json", *ballots, "-o", output]
        monkeypatch.setattr(sys, "argv", ["jury.py", "open", *map(str, files)])
        code = jury.main()
        return code, json.loads(output.read_text()) if output.is_file() else None

    return run


def test_wins_ties_and_losses_are_of_the_first_source(open_it, capsys):
    code, found = open_it(answers("A", "A", "tie"), answers("A", "B", "B"), answers("B", "A"))
    assert code == 0
    # pair 1: ours wins 2 to 1; pair 2, where ours is B: loses 2 to 1; pair 3: a tie and a win, so a win
    assert [pair["outcome"] for pair in found["pairs"]] == ["wins", "losses", "wins"]
    assert found["styles"]["sea"]["pairs"] == {"wins": 1, "ties": 0, "losses": 1}
    assert found["styles"]["sea"]["won_or_tied"] == 0.5
    assert found["in_all"]["votes"] == {"wins": 4, "ties": 1, "losses": 3}
    assert found["viewers"] == {"viewer-1": 3, "viewer-2": 3, "viewer-3": 2}
    # of two viewers each: pair 1 one of three agrees, pair 2 one of three, pair 3 none of one
    assert found["agreement"] == pytest.approx(2 / 7)
    out = capsys.readouterr().out
    assert "| sea | 1, 0, 1 | 50% |" in out
    assert "Two of them said the same in 29%." in out


def test_the_words_are_told_by_the_sources_names(open_it):
    _, found = open_it(answers("A", "A", "tie"))
    first, second = (pair["votes"]["viewer-1"] for pair in found["pairs"][:2])
    assert (first["wrong with ours"], first["wrong with theirs"]) == ("a1", "b1")
    assert (second["wrong with ours"], second["wrong with theirs"]) == ("b2", "a2")
    assert found["agreement"] is None


def test_as_many_for_either_is_a_tie(count):
    assert count.verdict(["wins", "losses"]) == "ties"
    assert count.verdict(["ties", "ties", "losses"]) == "losses"
    assert count.verdict(["ties", "ties"]) == "ties"


@pytest.mark.parametrize(
    ("good", "of", "low", "high"),
    [(6, 10, 0.3127, 0.8318), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (24, 40, 0.4460, 0.7365), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilsons(count, good, of, low, high):
    # 6 of 10: (0.6 + 0.19207 ± 1.96 √(0.024 + 0.0096)) / 1.38415
    assert count.wilson(good, of) == pytest.approx((low, high), abs=2e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "line 1: no JSON object"),
        (answers("C"), "choice 'C'; expected a pair of the envelope, once, and one of A, B, tie"),
        (answers("A") + answers("B"), "line 3: pair 'pair-001'"),
        (answers("A", "A", "A", "A"), "pair 'pair-004'"),
    ],
)
def test_a_ballot_that_is_not_understood_is_refused(open_it, capsys, text, message):
    assert open_it(text) == (2, None)
    assert message in capsys.readouterr().err


def test_viewers_of_one_name_and_a_missing_ballot_are_refused(count, tmp_path):
    (tmp_path / "x").mkdir()
    for path in (tmp_path / "ballot.jsonl", tmp_path / "x/ballot.jsonl"):
        path.write_text(answers("A"))
    with pytest.raises(count.ConfigError, match="2 ballots have 1 names"):
        count.read_ballots([tmp_path / "ballot.jsonl", tmp_path / "x/ballot.jsonl"], ENVELOPE["pairs"])
    with pytest.raises(count.ConfigError, match="cannot be read as a ballot"):
        count.read_ballots([tmp_path / "gone.jsonl"], ENVELOPE["pairs"])
    with pytest.raises(count.ConfigError, match="cannot be read as an envelope"):
        count.read_envelope(tmp_path / "gone.json")
