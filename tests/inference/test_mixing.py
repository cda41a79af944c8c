"""Styles of a network of many, in mixtures and strengths: the model gives `(1 - s) * content + s * 200 * weights`."""

import numpy as np
import pytest

from fast_nst.errors import ConfigError, ModelError
from fast_nst.inference import Stylizer
from fast_nst.inference.zoo import StyleChoice, parse_style

CONTENT = np.full((64, 64, 3), 100, np.uint8)


def colour(stylizer):
    pastiche = stylizer(CONTENT)
    assert (pastiche == pastiche[0, 0]).all()
    return pastiche[0, 0].tolist()


def test_one_style_is_named_after_the_file(many_model):
    assert colour(Stylizer(f"{many_model}/green")) == [0, 200, 0]


def test_a_mixture_is_of_weights_in_any_unit(many_model):
    assert colour(Stylizer(f"{many_model}/red:0.3,blue:0.7")) == [60, 0, 140]
    assert colour(Stylizer(f"{many_model}/red:3,blue:7")) == [60, 0, 140]
    assert colour(Stylizer(f"{many_model}/red,blue")) == [100, 0, 100]
    assert colour(Stylizer(many_model, styles=["red", "green", "blue"], weights=[1, 1, 2])) == [50, 50, 100]
    assert colour(Stylizer(many_model, styles=["red", "green"])) == [100, 100, 0]


def test_strength_goes_from_the_photograph_to_more_than_the_style(many_model):
    of = {strength: colour(Stylizer(f"{many_model}/red", strength=strength)) for strength in (0.0, 0.5, 1.0, 1.5)}
    assert of == {0.0: [100, 100, 100], 0.5: [150, 50, 50], 1.0: [200, 0, 0], 1.5: [250, 0, 0]}


def test_another_choice_shares_the_network_and_leaves_the_first_as_it_was(many_model):
    red = Stylizer(f"{many_model}/red")
    blue = red.choose(["blue"], strength=0.5)
    assert colour(blue) == [50, 50, 150]
    assert colour(blue.choose(strength=1)) == [0, 0, 200]
    assert colour(red) == [200, 0, 0]
    assert blue._session is red._session


def test_a_file_says_what_it_has(many_model, invert_model):
    stylizer = Stylizer(many_model)
    assert stylizer.styles == stylizer.info.styles == ("red", "green", "blue")
    assert (stylizer.most_strength, stylizer.info.has_strength) == (1.5, True)
    assert Stylizer(f"{many_model}/red,blue").name == "red-blue"
    plain = Stylizer(invert_model)
    assert (plain.styles, plain.most_strength, plain.info.styles, plain.controls) == ((), None, (), {})


def test_a_text_stands_for_the_same_again(many_model, invert_model):
    mixed = Stylizer(f"{many_model}/red:3,blue:7")
    assert mixed.spec == f"{many_model}/red:3,blue:7"
    assert colour(Stylizer(mixed.spec)) == colour(mixed)
    assert Stylizer(invert_model).spec == str(invert_model)


def test_a_network_of_many_styles_wants_one_named(many_model):
    with pytest.raises(
        ConfigError, match=r"has the styles red, green, blue; name one, as .*colours\.onnx/red, or several"
    ):
        Stylizer(many_model)(CONTENT)


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ("/rde", ModelError, "has the styles red, green, blue, not 'rde'; did you mean 'red'"),
        ("/red:0,blue:0", ConfigError, "no style has a weight above 0"),
        ("/red:-1,blue:2", ConfigError, "the weight of red is -1.0, expected a number >= 0"),
        ("/red:much", ConfigError, "'red:much' is no style and its weight; expected one such as red:0.3"),
    ],
)
def test_what_is_no_mixture_is_told(many_model, wanted, error, message):
    with pytest.raises(error, match=message):
        Stylizer(f"{many_model}{wanted}")


@pytest.mark.parametrize("strength", [-0.1, 1.6])
def test_a_strength_out_of_range_is_refused(many_model, strength):
    with pytest.raises(ConfigError, match=f"the strength is {strength}, expected 0 to 1.5"):
        Stylizer(f"{many_model}/red", strength=strength)


def test_a_network_of_one_strength_or_one_style_has_no_others(invert_model):
    with pytest.raises(ConfigError, match=r"knows strength 1 only, not 0\.5"):
        Stylizer(invert_model, strength=0.5)
    with pytest.raises(ModelError, match="has but one style, not 'red'"):
        Stylizer(invert_model, styles=["red"])


def test_as_many_weights_as_styles(many_model):
    with pytest.raises(ConfigError, match="2 styles and 1 weights; expected as many of each"):
        Stylizer(many_model, styles=["red", "blue"], weights=[1])


def test_inputs_that_the_metadata_does_not_describe_break_the_contract(save_model, many_model, tmp_path):
    import onnx

    model = onnx.load(many_model)
    next(entry for entry in model.metadata_props if entry.key == "inputs").value = "{}"
    onnx.save(model, tmp_path / "silent.onnx")
    with pytest.raises(ModelError, match=r"its metadata does not describe its inputs style tensor\(float\)"):
        Stylizer(tmp_path / "silent.onnx")


def test_texts_and_what_they_stand_for(monkeypatch, tmp_path):
    monkeypatch.setattr("fast_nst.inference.zoo.shipped_styles", lambda: {"many": tmp_path, "hill": tmp_path})
    assert parse_style("hill") == StyleChoice("hill")
    assert parse_style("a/b.onnx") == StyleChoice("a/b.onnx")
    assert parse_style("C:\\a.onnx") == StyleChoice("C:\\a.onnx")
    assert parse_style("a/b.onnx/hill:0.3,wave") == StyleChoice("a/b.onnx", {"hill": 0.3, "wave": 1.0})
    assert parse_style("hill:0.3, wave:0.7") == StyleChoice("many", {"hill": 0.3, "wave": 0.7})
    assert parse_style("many/hill") == StyleChoice("many", {"hill": 1.0})
    assert parse_style("red:1,red:2,blue") == StyleChoice("many", {"red": 3.0, "blue": 1.0})
    assert parse_style("red:1") == StyleChoice("many", {"red": 1.0})
    for alone in ("red:0.5", "many.onnx/red:2"):
        with pytest.raises(ConfigError, match=r"the weight of a single style changes nothing; .* give --strength"):
            parse_style(alone)
    assert parse_style(tmp_path) == StyleChoice(tmp_path)
