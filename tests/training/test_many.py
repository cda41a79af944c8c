"""Networks of many styles: what a run is told of its paintings, what it draws, where it starts, and one style more."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from fast_nst.cli import main
from fast_nst.errors import ConfigError, ImageError, ModelError
from fast_nst.images import Picture, write_picture
from fast_nst.inference import Stylizer
from fast_nst.training.checkpoint import load_checkpoint
from fast_nst.training.config import TrainConfig
from fast_nst.training.data import Crops
from fast_nst.training.module import Lot, StyleTransferModule, draw_lot
from fast_nst.training.paintings import Painting, paintings_in
from fast_nst.training.run import read_objectives, train
from fast_nst.training.start import Start, begin

COLOURS = {"red_hill": (200, 40, 40), "Blue Wave": (30, 60, 200), "grey": (120, 120, 120)}


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    """A folder with three paintings, each of one colour and grain."""
    folder, rng = tmp_path_factory.mktemp("gallery"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        grain = rng.normal(0, 30, (70, 70, 1))
        write_picture(folder / f"{name}.png", Picture((np.array(colour) + grain).clip(0, 255).astype(np.uint8)))
    return folder


@pytest.fixture(scope="session")
def many(config, gallery):
    """Return a function that makes the configuration of a tiny run on all three, with changes."""

    def make(**changes):
        return config(style=(), paintings=paintings_in(gallery), fixed_strength=False, **changes)

    return make


@pytest.fixture(scope="session")
def grown(many, tmp_path_factory):
    """A network of three styles, trained for some steps: its file and its run's folder."""
    folder = tmp_path_factory.mktemp("many") / "run"
    train(many(max_steps=6), folder.with_suffix(".onnx"), folder, show_bar=False)
    return folder.with_suffix(".onnx"), folder


def module_of(made):
    return StyleTransferModule(made.plain(), read_objectives(made))


# Paintings


def test_styles_are_called_after_their_files(gallery):
    assert list(paintings_in(gallery)) == ["blue-wave", "grey", "red-hill"]
    assert paintings_in(gallery)["blue-wave"] == {"style": str(gallery / "Blue Wave.png")}


def test_two_files_of_one_name_are_refused(tmp_path):
    for name in ("a_b.png", "a-b.png"):
        write_picture(tmp_path / name, Picture(np.zeros((4, 4, 3), np.uint8)))
    paintings_in(tmp_path / "a_b.png")
    with pytest.raises(ConfigError, match=r"would both be the style a-b; rename one of them"):
        paintings_in(tmp_path)


def test_a_folder_without_pictures_is_told(tmp_path):
    with pytest.raises(ImageError):
        paintings_in(tmp_path)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"style": "a.jpg", "titel": "A"}, "paintings: hill: no option 'titel'; did you mean 'title'"),
        ({"title": "A"}, "paintings: hill: style names no painting"),
        ("a.jpg", r"paintings: hill: expected options such as `style: hill\.jpg`, got 'a\.jpg'"),
    ],
)
def test_what_is_told_of_a_painting_is_checked(config, told, message):
    with pytest.raises(ConfigError, match=message):
        config(style=(), paintings={"hill": told})


def test_one_style_or_many_but_not_both(config):
    with pytest.raises(ConfigError, match=r"either one style's painting .* or a folder with a painting for each style"):
        config(paintings={"hill": {"style": "a.jpg"}})
    with pytest.raises(ConfigError, match="either one style's painting"):
        config(style=())


def test_a_configuration_of_many_survives_plain_values(many):
    made = many()
    assert TrainConfig.from_plain(json.loads(json.dumps(made.plain()))) == made
    assert [painting.name for painting in made.all_paintings()] == ["blue-wave", "grey", "red-hill"]


def test_a_run_of_one_style_has_one_painting(config, painting):
    (only,) = config(title="Stripes").all_paintings()
    assert only == Painting("the-stripes", (str(painting),), title="Stripes")


def test_a_paintings_own_weights_win(many, gallery):
    told = paintings_in(gallery)
    told["grey"]["style_weight"] = 9.0
    made = many()
    paintings = [Painting.from_plain(name, one) for name, one in told.items()]
    weights = [made.objective_of(painting).style_weight for painting in paintings]
    assert weights == [made.objective.style_weight, 9.0, made.objective.style_weight]


# What a batch is painted with


def test_lots_are_a_pure_function_of_seed_and_crops_and_cover_all_styles_and_strengths():
    lots = [draw_lot(0, (index,), 5) for index in range(400)]
    assert lots == [draw_lot(0, (index,), 5) for index in range(400)]
    assert lots != [draw_lot(1, (index,), 5) for index in range(400)]
    counts = np.bincount([lot.style for lot in lots])
    assert counts.min() > 50
    strengths = np.array([lot.strengths[0] for lot in lots])
    assert 0.4 < (strengths == 1).mean() < 0.6
    assert 0.15 < (strengths < 1).mean() < 0.35
    assert 0.15 < (strengths > 1).mean() < 0.35
    assert strengths.min() < 0.05
    assert 1.45 < strengths.max() <= 1.5


def test_crops_of_a_batch_share_a_style_and_differ_in_strength():
    lot = draw_lot(0, tuple(range(40)), 5)
    assert len(set(lot.strengths)) > 10


def test_strength_weighs_style_and_total_variation(many):
    module = module_of(many())
    content, pastiche = torch.rand(2, 2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = module.objectives[1](pastiche, module.objectives[1].content_targets(content))
    weak, strong = (module.judge(content, pastiche, Lot(1, (strength, 1.0))) for strength in (0.5, 1.5))
    torch.testing.assert_close(weak.style, plain.style * torch.tensor([0.25, 1]))
    torch.testing.assert_close(weak.tv, plain.tv * torch.tensor([0.25, 1]))
    torch.testing.assert_close(weak.content, plain.content)
    torch.testing.assert_close(weak.tone, plain.tone)
    torch.testing.assert_close(strong.style, plain.style)  # all is divided by 1.5 ** 4, lest it count for more
    torch.testing.assert_close(strong.content, plain.content / torch.tensor([1.5**4, 1]))
    torch.testing.assert_close(strong.tone, plain.tone / torch.tensor([1.5**4, 1]))
    torch.testing.assert_close(strong.total, strong.content + strong.style + strong.tone + strong.tv)


def test_each_style_is_judged_by_its_own_painting(many):
    module = module_of(many())
    content = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    painted = [float(module.judge(content, content, Lot(style, (1.0,))).style) for style in range(3)]
    assert len(set(painted)) == 3
    assert module.objectives[0].loss_network is module.objectives[2].loss_network


def test_a_step_teaches_its_style_and_the_photographs_row_and_no_other(many):
    module = module_of(many())
    number = next(index for index in range(99) if draw_lot(0, (index,), 3).strengths[0] < 0.5)
    style = draw_lot(0, (number,), 3).style
    content = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    module.training_step(Crops(content, (), (number,)), 0)["loss"].backward()
    touched = module.network.styles.grad.abs().sum(1) > 0
    assert touched.tolist() == [row == style for row in range(3)]
    assert module.network.photograph.grad.abs().sum() > 0


def test_rows_of_many_styles_learn_faster(many, config):
    groups = module_of(many()).configure_optimizers().param_groups
    assert [group["share"] for group in groups] == [1.0, 3]
    assert module_of(config()).configure_optimizers().param_groups[1]["share"] == 1


# Where a run starts


def test_each_style_starts_from_the_nearest_of_the_other_network(many):
    module = module_of(many())
    torch.manual_seed(0)
    rows = module.network.styles.detach()[:1] + 0.5 * torch.randn(4, module.network.styles.shape[1])
    weights = {**module.network.state_dict(), "styles": rows}
    crops = torch.rand(2, 3, 64, 64)
    begin(module, Start("tiny", weights), crops)
    for number in range(3):
        losses = []
        for row in rows:
            module.network.styles.data[number] = row
            pastiche = module.network(crops, torch.eye(3)[number])
            losses.append(module.judge(crops, pastiche, Lot(number, (1.0, 1.0))).total.mean().item())
        begin(module, Start("tiny", weights), crops)
        assert torch.equal(module.network.styles[number], rows[int(np.argmin(losses))])


def test_a_style_of_the_same_name_goes_on_with_its_own_row(many):
    module = module_of(many())
    rows = torch.randn(2, module.network.styles.shape[1])
    begin(
        module,
        Start("tiny", {**module.network.state_dict(), "styles": rows}, ("other", "grey")),
        torch.rand(1, 3, 64, 64),
    )
    assert torch.equal(module.network.styles[1], rows[1])


def test_a_network_without_strengths_lends_the_mean_of_its_rows_to_the_photograph(many):
    module = module_of(many())
    weights = module.network.state_dict()
    weights.pop("photograph")
    weights["styles"] = torch.randn(4, weights["styles"].shape[1] // 3)
    begin(module, Start("tiny", weights), torch.rand(1, 3, 64, 64))
    torch.testing.assert_close(module.network.photograph.data, weights["styles"].mean(0))
    assert all(torch.equal(third, row.chunk(3)[0]) for row in module.network.styles for third in row.chunk(3))


# Whole runs


def test_a_run_gives_one_file_with_all_styles_and_strengths(grown):
    stylizer = Stylizer(grown[0])
    assert stylizer.styles == ("blue-wave", "grey", "red-hill")
    assert stylizer.most_strength == 1.5
    assert stylizer.metadata["title"] == "3 styles"
    told = json.loads(stylizer.metadata["styles"])
    assert all(style["style_weight"] > 0 for style in told)  # balanced for each
    content = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Stylizer(f"{grown[0]}/grey", strength=0)(content), content)


def test_the_checkpoint_of_such_a_run_can_be_read_and_started_from(grown, many, tmp_path, no_export):
    trained = load_checkpoint(grown[1] / "last.ckpt")
    assert trained.network.style_count == 3
    again = many(max_steps=1, init_from=str(grown[1] / "last.ckpt"), learning_rate=1e-9)
    train(again, tmp_path / "again.onnx", tmp_path / "again", show_bar=False)
    after = load_checkpoint(tmp_path / "again" / "last.ckpt").network
    torch.testing.assert_close(after.photograph, trained.network.photograph, atol=1e-5, rtol=0)


@pytest.mark.parametrize("source", ["file", "run"])
def test_a_painting_joins_a_network_and_the_others_stay_to_the_bit(grown, config, painting, tmp_path, source):
    file, folder = grown
    made = config(
        add_to=str(file if source == "file" else folder), max_steps=3, from_scratch=False, preview_every=0, seed=3
    )
    outcome = train(made, tmp_path / "four.onnx", tmp_path / "run", show_bar=False)
    assert outcome.parity <= 3  # kernels are read back from float16
    four = Stylizer(tmp_path / "four.onnx")
    assert four.styles == ("blue-wave", "grey", "red-hill", "the-stripes")
    content = np.random.default_rng(0).integers(0, 256, (65, 70, 3), dtype=np.uint8)
    for name in ("blue-wave", "grey", "red-hill"):
        before = Stylizer(f"{file}/{name}", strength=0.7)(content)
        np.testing.assert_array_equal(four.choose([name], strength=0.7)(content), before)
    start, end = load_checkpoint(folder / "last.ckpt").network, load_checkpoint(tmp_path / "run" / "last.ckpt").network
    torch.testing.assert_close(end.layers[0][0][1].weight, start.layers[0][0][1].weight, rtol=2e-3, atol=1e-4)
    assert not torch.isclose(end.styles, start.styles).all(1).any()  # a row of its own
    one, other = (four.choose([name])(content) for name in ("grey", "the-stripes"))
    assert (one != other).any()


def test_a_name_that_is_taken_is_refused_before_anything_is_learnt(grown, config, gallery, tmp_path):
    made = config(style=(str(gallery / "grey.png"),), add_to=str(grown[0]), from_scratch=False)
    with pytest.raises(ModelError, match="has a style 'grey' already"):
        train(made, tmp_path / "four.onnx", tmp_path / "run", show_bar=False)
    assert not (tmp_path / "run").exists()


def test_a_network_of_one_style_takes_no_other(finished_run, config, tmp_path):
    made = config(add_to=str(finished_run.model), from_scratch=False)
    with pytest.raises(ModelError, match="no network of many styles"):
        train(made, tmp_path / "two.onnx", tmp_path / "run", show_bar=False)


def test_what_adds_to_a_network_starts_from_nothing_else(config):
    with pytest.raises(ConfigError, match="brings its own weights and gets one painting"):
        config(add_to="many.onnx", from_scratch=True)
    with pytest.raises(ConfigError, match="brings its own weights and gets one painting"):
        config(add_to="many.onnx", from_scratch=False, init_from="last.ckpt")


def test_a_run_that_adds_goes_on_where_it_was(grown, config, tmp_path):
    made = config(add_to=str(grown[0]), max_steps=2, checkpoint_every=1, from_scratch=False, preview_every=0)
    train(made, tmp_path / "four.onnx", tmp_path / "run", show_bar=False)
    rows = load_checkpoint(tmp_path / "run" / "last.ckpt").config
    assert Path(rows.add_to) == tmp_path / "run" / "source.onnx"
    assert Path(rows.add_to).read_bytes() == grown[0].read_bytes()
    train(
        config(**{**_changed(rows), "max_steps": 4}),
        tmp_path / "four.onnx",
        tmp_path / "run",
        resume=True,
        show_bar=False,
    )
    assert load_checkpoint(tmp_path / "run" / "last.ckpt").step == 4


def test_a_file_may_be_replaced_by_itself_and_one_style_more(grown, config, painting, tmp_path, capsys):
    file = tmp_path / "mine.onnx"
    shutil.copy(grown[0], file)
    options = tmp_path / "options.yaml"
    plain = config(style=(), paintings={"the-stripes": {"style": str(painting)}}).plain()
    rest = {name: plain[name] for name in ("content_dir", "loss_network", "workers", "accelerator", "precision")}
    rest |= {"content_layers": "relu2_1", "style_layers": "relu1_1,relu2_1", "style_levels": 2, "style_size": 64}
    options.write_text(yaml.safe_dump(rest | {"crop_size": 64, "max_steps": 1, "preview_every": 0}))
    told = ["train", "--config", str(options), "--style", str(painting), "--add-to", str(file), "--quiet"]
    assert main([*told, "-o", str(file), "--overwrite", "--run-dir", str(tmp_path / "run")]) == 0
    assert Stylizer(file).styles == ("blue-wave", "grey", "red-hill", "the-stripes")
    assert main(["train", "--resume", str(tmp_path / "run"), "--max-steps", "2", "--quiet"]) == 0
    assert Stylizer(file).styles == ("blue-wave", "grey", "red-hill", "the-stripes")
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "again.onnx")]) == 0
    assert (tmp_path / "again.onnx").read_bytes() == file.read_bytes()
    capsys.readouterr()


def test_a_folder_of_paintings_becomes_a_network_by_one_command(gallery, photographs, tmp_path, capsys):
    told = ["train", "--style-dir", str(gallery), "--content-dir", str(photographs), "--loss-network", "mini"]
    shape = ["--crop-size", "64", "--max-steps", "1", "--workers", "0", "--accelerator", "cpu", "--preset", "fast"]
    made = [*told, *shape, "--quiet", "--run-dir", str(tmp_path / "run"), "-o", str(tmp_path / "three.onnx")]
    assert main(made) == 0
    said = capsys.readouterr().err
    for name in ("blue-wave", "grey", "red-hill"):
        assert f"balanced for {name}: content weight 1, style weight " in said
    assert Stylizer(tmp_path / "three.onnx").styles == ("blue-wave", "grey", "red-hill")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nope.onnx", "there is no model file nope.onnx"),
        ("nope", "no checkpoint at nope"),
        ("udnie", "no network of many styles"),
    ],
)
def test_what_cannot_be_added_to_is_told(config, tmp_path, source, message):
    with pytest.raises(ModelError, match=message):
        train(config(add_to=source, from_scratch=False), tmp_path / "new.onnx", tmp_path / "run", show_bar=False)
    assert not (tmp_path / "run").exists()


def _changed(made):
    return {name: getattr(made, name) for name in ("add_to", "fixed_strength", "from_scratch", "preset", "objective")}
