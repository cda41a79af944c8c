"""The loss network against torchvision's own, and every weight file a person may come with."""

import hashlib
import itertools
import os
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file
from skimage import data
from torch import Tensor, nn
from torch.testing import assert_close

from fast_nst.errors import ConfigError, WeightsError
from fast_nst.perceptual import VggFeatures, gram_matrix, to_image
from fast_nst.perceptual.vgg import (
    MINI_WEIGHTS,
    check_layers,
    convolution_names,
    held_layers,
    layer_names,
    load_weights,
)

SHALLOW_LAYERS = [f"{kind}{layer}" for kind in ("conv", "relu") for layer in ("1_1", "1_2", "2_1", "2_2")]
MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
CAFFE_MEAN = torch.tensor([123.68, 116.779, 103.939]).view(1, 3, 1, 1)


@pytest.fixture(scope="module", params=["vgg16", "vgg19"])
def whole(request) -> tuple[str, nn.Sequential]:
    """A network's name and torchvision's own convolutional part, with random weights."""
    with torch.device("meta"):  # 100 million weights of the classifier that nobody needs
        features = getattr(torchvision.models, request.param)(weights=None).features
    features.to_empty(device="cpu")
    torch.manual_seed(0)
    for module in features:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            nn.init.normal_(module.bias, std=0.1)
    return request.param, features


@pytest.fixture
def give_weights(monkeypatch):
    """Return a function that stands in for torchvision's download."""

    def give(outcome: dict[str, Tensor] | Exception) -> None:
        def get_state_dict(self, *args, **kwargs) -> dict[str, Tensor]:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(torchvision.models.VGG16_Weights, "get_state_dict", get_state_dict)
        monkeypatch.setattr(torchvision.models.VGG19_Weights, "get_state_dict", get_state_dict)

    return give


def activations_by_name(features: nn.Sequential, normalized: Tensor, *, average: bool = False) -> dict[str, Tensor]:
    """Run torchvision's layers one by one and name each by counting poolings and convolutions, as the papers do."""
    found, hidden, block, number = {}, normalized, 1, 0
    for module in features[:-1]:  # less the pooling before the classifier
        if isinstance(module, nn.MaxPool2d):
            hidden = nn.functional.avg_pool2d(hidden, 2) if average else module(hidden)
            block, number = block + 1, 0
            continue
        number += isinstance(module, nn.Conv2d)
        hidden = module(hidden.clone())  # torchvision rectifies in place
        found[f"{'conv' if isinstance(module, nn.Conv2d) else 'relu'}{block}_{number}"] = hidden
    return found


# Activations


@pytest.mark.parametrize("pooling", ["max", "average"])
@torch.no_grad()
def test_every_layer_is_the_one_torchvision_computes(whole, give_weights, image, pooling):
    name, features = whole
    give_weights({f"features.{key}": weight for key, weight in features.state_dict().items()})
    expected = activations_by_name(features, (image - MEAN) / STD, average=pooling == "average")
    found = VggFeatures(expected, network=name, pooling=pooling)(image)
    assert found.keys() == expected.keys()
    assert len(found) == {"vgg16": 2 * 13, "vgg19": 2 * 16}[name]
    for layer, activations in expected.items():
        assert_close(found[layer], activations, atol=1e-4, rtol=1e-4, msg=lambda text, layer=layer: f"{layer}: {text}")


def test_a_layer_has_the_index_it_has_in_torchvision(whole):
    name, features = whole
    assert list(convolution_names(name).values()) == [i for i, m in enumerate(features) if isinstance(m, nn.Conv2d)]


def test_caffe_weights_get_an_image_of_0_to_255_less_its_mean(vgg_state, vgg_file, image):
    network = VggFeatures(["conv1_1"], network=vgg_file, input_convention="caffe")
    weight, bias = vgg_state["features.0.weight"], vgg_state["features.0.bias"]
    expected = nn.functional.conv2d(255 * image - CAFFE_MEAN, weight, bias, padding=1)
    assert_close(network(image)["conv1_1"], expected, atol=1e-3, rtol=1e-4)


def test_relu_is_the_rectified_conv(vgg_file, image):
    found = VggFeatures(["conv1_2", "relu1_2"], network=vgg_file)(image)
    assert found["conv1_2"].min() < 0
    assert_close(found["relu1_2"], found["conv1_2"].clamp_min(0))


def test_the_network_ends_at_the_deepest_layer_asked_for(vgg_file):
    assert list(VggFeatures(["relu2_1", "conv1_1"], network=vgg_file).convolutions) == ["conv1_1", "conv1_2", "conv2_1"]


def test_a_pass_stops_at_the_deepest_layer_it_is_asked_for(vgg_file, image):
    network, ran = VggFeatures(["relu1_1", "relu2_2"], network=vgg_file), []
    for name, convolution in network.convolutions.items():
        convolution.register_forward_hook(lambda *_, name=name: ran.append(name))
    assert network(image, ["relu1_1"]).keys() == {"relu1_1"}
    assert ran == ["conv1_1"]


def test_the_network_is_frozen_and_its_image_is_not(vgg_file, image):
    network = VggFeatures(["relu2_2"], network=vgg_file)
    image.requires_grad_()
    network(image)["relu2_2"].square().mean().backward()
    assert image.grad.abs().mean() > 0
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in network.parameters())


def test_the_image_is_not_changed(vgg_file, image):
    before = image.clone()
    VggFeatures(SHALLOW_LAYERS, network=vgg_file)(image)
    assert torch.equal(image, before)


def test_activations_are_not_changed_by_the_layers_after_them(vgg_file, image):
    alone = VggFeatures(["conv1_1"], network=vgg_file)(image)["conv1_1"]
    assert torch.equal(VggFeatures(SHALLOW_LAYERS, network=vgg_file)(image)["conv1_1"], alone)


def test_bfloat16_is_close_to_float32_and_returns_it(vgg_file, image):
    exact = VggFeatures(SHALLOW_LAYERS, network=vgg_file)(image)
    quick = VggFeatures(SHALLOW_LAYERS, network=vgg_file, arithmetic="bfloat16")(image)
    for layer, activations in quick.items():
        assert activations.dtype == torch.float32
        error = (activations - exact[layer]).norm() / exact[layer].norm()
        assert 0 < error < 0.02, layer


def test_float32_stays_float32_inside_a_mixed_precision_run(vgg_file, image):
    network = VggFeatures(["relu2_2"], network=vgg_file)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(image)["relu2_2"]
    assert torch.equal(found, network(image)["relu2_2"])


def test_a_layer_that_was_not_asked_for_at_construction_cannot_be_had_later(vgg_file, image):
    network = VggFeatures(["relu1_2"], network=vgg_file)
    with pytest.raises(ValueError, match=r"\['relu1_1', 'relu2_1'\] were not asked for at construction"):
        network(image, ["relu1_2", "relu2_1", "relu1_1"])


@pytest.mark.parametrize("shape", [(3, 24, 20), (1, 1, 24, 20), (1, 24, 20, 3)])
def test_an_image_of_another_shape_is_named(vgg_file, shape):
    with pytest.raises(ValueError, match=r"image must be \(N, 3, H, W\), got"):
        VggFeatures(["relu1_1"], network=vgg_file)(torch.zeros(shape))


# Layer names


@pytest.mark.parametrize(
    ("layer", "nearest"), [("relu3_33", "relu3_3"), ("Relu2_1", "relu2_1"), ("conv6_1", "conv1_1|conv5_1|conv1_6")]
)
def test_an_unknown_layer_suggests_the_nearest(layer, nearest):
    with pytest.raises(ConfigError, match=rf"vgg19 has no layer '{layer}'; did you mean '({nearest})'\?"):
        check_layers([layer], "vgg19")


def test_vgg16_has_no_fourth_layer_in_its_third_block():
    check_layers(["relu3_4"], "vgg19")
    with pytest.raises(ConfigError, match="vgg16 has no layer 'relu3_4'"):
        check_layers(["relu3_4"], "vgg16")


def test_an_unknown_layer_is_found_before_any_weights_are_downloaded():
    with pytest.raises(ConfigError, match="no layer 'relu9_9'"):
        VggFeatures(["relu9_9"])


# Weight files


def write(path: Path, state: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path, metadata)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["cut.pth", "cut.pt", "cut.safetensors"])
def test_weights_are_read_from_every_kind_of_file(tmp_path, vgg_state, vgg_file, image, name):
    path = write(tmp_path / name, vgg_state)
    found = VggFeatures(["relu2_2"], network=str(path), input_convention="torchvision")(image)
    assert torch.equal(found["relu2_2"], VggFeatures(["relu2_2"], network=vgg_file)(image)["relu2_2"])


def test_half_precision_weights_are_widened(tmp_path, vgg_state, image):
    halves = {key: weight.half() for key, weight in vgg_state.items()}
    path = write(tmp_path / "half.safetensors", halves, {"input": "caffe"})
    assert VggFeatures(["relu1_1"], network=path)(image)["relu1_1"].dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "metadata", "convention"),
    [
        ("a.safetensors", {"input": "caffe"}, "caffe"),
        ("a.safetensors", {"input": "torchvision"}, "torchvision"),
        ("a.safetensors", {"preproc": "RGB, 0..255, minus mean [123.68,116.779,103.939]"}, "caffe"),
        ("vgg19-dcbb9e9d.pth", None, "torchvision"),
        ("vgg16-397923af.pth", None, "torchvision"),
    ],
)
def test_a_file_says_which_input_it_expects(tmp_path, vgg_state, name, metadata, convention):
    assert load_weights(write(tmp_path / name, vgg_state, metadata))[1] == convention


def test_the_option_wins_over_what_the_file_says(vgg_file):
    assert load_weights(vgg_file)[1] == "torchvision"
    assert load_weights(vgg_file, "caffe")[1] == "caffe"


@pytest.mark.parametrize(
    "name", ["weights.pth", "weights.safetensors", "vgg19.pth", "my-vgg19-dcbb9e9d.pth", "vgg19_bn-c79401a0.pth"]
)
def test_a_file_that_does_not_say_its_input_asks_for_the_option(tmp_path, vgg_state, name):
    with pytest.raises(WeightsError, match=r"does not say which input .*; give --vgg-input torchvision .*caffe"):
        load_weights(write(tmp_path / name, vgg_state))


def test_layers_that_mini_lacks_too_are_named_and_so_is_what_to_do(vgg_file):
    message = (
        r"shallow\.safetensors lacks conv3_1, conv3_2, conv3_3, conv3_4, conv4_1, conv4_2 of vgg19; "
        r"it holds conv1_1, conv1_2, conv2_1, conv2_2\. "
        "Ask for shallower layers, or give a whole file, or --loss-network vgg19 to let torchvision download it"
    )
    with pytest.raises(WeightsError, match=message):
        VggFeatures(["relu4_2", "relu4_1"], network=vgg_file)


def test_a_file_of_something_else_holds_no_vgg_layer(tmp_path):
    path = write(tmp_path / "other.safetensors", {"conv0.weight": torch.zeros(3)}, {"input": "caffe"})
    with pytest.raises(WeightsError, match="it holds no VGG layer"):
        VggFeatures(["relu1_1"], network=path)


def test_a_layer_without_its_bias_is_missing(tmp_path, vgg_state):
    state = {key: weight for key, weight in vgg_state.items() if key != "features.2.bias"}
    path = write(tmp_path / "unbiased.safetensors", state, {"input": "caffe"})
    with pytest.raises(WeightsError, match="lacks conv1_2 of vgg19; it holds conv1_1, conv2_1, conv2_2"):
        VggFeatures(["relu1_2"], network=path)


def test_weights_of_a_vgg_with_batch_norm_are_refused_even_where_the_first_layers_fit(tmp_path, vgg_state):
    state = vgg_state | {"features.1.weight": torch.zeros(64)}
    path = write(tmp_path / "other.safetensors", state, {"input": "torchvision"})
    with pytest.raises(WeightsError, match=r"holds features.1.weight, which vgg19 has not; is it a file of"):
        VggFeatures(["relu1_1"], network=path)


def test_weights_of_another_shape_are_named(tmp_path, vgg_state):
    state = vgg_state | {"features.2.weight": torch.zeros(32, 64, 3, 3)}
    path = write(tmp_path / "slim.safetensors", state, {"input": "caffe"})
    with pytest.raises(WeightsError, match=r"conv1_2 has shape \(32, 64, 3, 3\), expected \(64, 64, 3, 3\)"):
        VggFeatures(["relu1_2"], network=path)


@pytest.fixture
def narrow_file(tmp_path) -> Path:
    """A small copy up to conv1_2, of 5 and 4 channels, and a head that sees 3 components of the latter."""
    generator = torch.Generator().manual_seed(3)
    shapes = {
        "features.0.weight": (5, 3, 3, 3),
        "features.0.bias": (5,),
        "features.2.weight": (4, 5, 3, 3),
        "features.2.bias": (4,),
        "heads.relu1_2.weight": (3, 4, 1, 1),
        "heads.relu1_2.bias": (3,),
    }
    state = {key: torch.randn(shape, generator=generator) for key, shape in shapes.items()}
    return write(tmp_path / "narrow.safetensors", state, {"input": "torchvision"})


def test_a_small_copy_returns_what_its_head_makes_of_its_channels(narrow_file, image):
    state = load_weights(narrow_file).state
    hidden = (image - MEAN) / STD
    for index in (0, 2):
        weight, bias = state[f"features.{index}.weight"], state[f"features.{index}.bias"]
        hidden = F.conv2d(hidden, weight, bias, padding=1).relu()
    head = state["heads.relu1_2.weight"][:, :, 0, 0]
    expected = torch.einsum("oc,nchw->nohw", head, hidden) + state["heads.relu1_2.bias"].view(1, 3, 1, 1)
    assert_close(VggFeatures(["relu1_2"], network=narrow_file)(image)["relu1_2"], expected, atol=1e-4, rtol=1e-4)


def test_a_small_copy_has_no_activations_before_the_rectifier(narrow_file):
    with pytest.raises(ConfigError, match="mini has no layer 'conv1_2'"):
        VggFeatures(["conv1_2"], network=narrow_file)


def test_a_small_copy_whose_channels_do_not_fit_together_is_named(tmp_path, narrow_file):
    state = load_weights(narrow_file).state | {"features.2.weight": torch.zeros(4, 6, 3, 3)}
    path = write(tmp_path / "odd.safetensors", state, {"input": "torchvision"})
    with pytest.raises(WeightsError, match=r"conv1_2 has shape \(4, 6, 3, 3\), expected \(4, 5, 3, 3\)"):
        VggFeatures(["relu1_2"], network=path)


SHALLOW_OF_MINI = [layer for layer in layer_names("vgg19") if layer.startswith("relu") and layer <= "relu3_4"]


@pytest.fixture(scope="module")
def mini() -> VggFeatures:
    """The small copy that comes with the package, whole."""
    return VggFeatures(layer_names("mini"), network="mini")


@torch.no_grad()
def test_mini_comes_with_the_package_and_ends_at_relu5_1(mini):
    assert layer_names("mini") == [*SHALLOW_OF_MINI, "relu4_1", "relu5_1"]
    assert MINI_WEIGHTS.stat().st_size <= 1_500_000
    found = mini(torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0)))
    assert found.keys() == set(layer_names("mini"))
    for layer, activations in found.items():
        scale = 2 ** (int(layer[4]) - 1)
        assert activations.shape[2:] == (64 // scale, 48 // scale), layer
        assert activations.isfinite().all()
        assert activations.shape[1] >= {1: 16, 2: 48, 3: 96, 4: 84, 5: 84}[int(layer[4])]


def test_the_weights_of_mini_are_normal_float16(mini):
    for name, parameter in mini.named_parameters():
        if name.endswith("weight"):  # below 6e-5 a float16 loses its digits one by one
            assert parameter.abs().median() > 6.2e-5, name


@pytest.mark.parametrize("layer", ["relu4_2", "relu4_4", "relu5_2", "conv4_1"])
def test_a_layer_without_a_head_cannot_be_asked_of_mini(layer):
    with pytest.raises(
        ConfigError, match=f"mini has no layer '{layer}'; it has relu1_1, .*, relu3_4, relu4_1, relu5_1"
    ) as caught:
        VggFeatures([layer], network="mini")
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def cut_mini(tmp_path_factory) -> Path:
    """`mini` without its deep part, as it once was."""
    weights = load_weights("mini")
    shallow = {f"features.{index}." for index in list(convolution_names("mini").values())[:8]}
    shallow |= {f"heads.{layer}." for layer in SHALLOW_OF_MINI}
    state = {key: tensor for key, tensor in weights.state.items() if key[: key.rindex(".") + 1] in shallow}
    return write(tmp_path_factory.mktemp("cut") / "cut.safetensors", state, {"input": weights.convention})


@torch.no_grad()
def test_mini_without_its_deep_part_takes_that_from_mini(cut_mini, mini, image):
    layers = [*SHALLOW_OF_MINI, "relu5_1"]
    found, whole = VggFeatures(layers, network=cut_mini)(image), mini(image, layers)
    assert all(torch.equal(found[layer], whole[layer]) for layer in layers)


@torch.no_grad()
def test_the_layers_that_a_cut_file_lacks_come_from_mini(vgg_file, mini, image):
    both = VggFeatures(["relu2_2", "relu1_2", "relu3_1", "relu4_1"], network=vgg_file)
    found = both(image)
    assert found.keys() == {"relu1_2", "relu2_2", "relu3_1", "relu4_1"}
    own, of_mini = VggFeatures(["relu1_2", "relu2_2"], network=vgg_file)(image), mini(image, ["relu3_1", "relu4_1"])
    assert all(torch.equal(found[layer], one) for layer, one in (own | of_mini).items())
    for layer in found:
        assert both(image, [layer]).keys() == {layer}
        assert torch.equal(both(image, [layer])[layer], found[layer])


def test_the_shallow_part_of_mini_is_the_one_that_networks_were_trained_with(cut_mini):
    state = load_weights(cut_mini).state
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(state[key].numpy().tobytes())
    assert digest.hexdigest() == "0ba427f7720d64946bb4e1f77c7afaf0fcfed229c9e60c78edcf66b294f23fab"


@torch.no_grad()
@pytest.mark.parametrize(
    ("layer", "distances"), [("relu4_1", (0.536, 0.677, 0.682)), ("relu5_1", (0.533, 0.561, 0.797))]
)
def test_pictures_are_about_as_far_apart_in_mini_as_in_its_teacher(mini, layer, distances):
    # Corners of 256 px of scikit-image's coffee, chelsea and rocket. Distances are squared ones between the Gram
    # matrices of the distilled encoder's relu4_1 and relu5_1, as shares of both's energy: of the first and the second
    # picture, the first and the third, the second and the third. (The astronaut's face is left out: mini sees it with
    # half of the strength that it has at relu5_1, as is said beside its file.)
    pictures = (data.coffee(), data.chelsea(), data.rocket())
    grams = [gram_matrix(mini(to_image(picture[:256, :256].copy()), [layer])[layer]) for picture in pictures]
    found = [
        float((one - other).square().sum() / (one.square().sum() + other.square().sum()))
        for one, other in itertools.combinations(grams, 2)
    ]
    assert found == pytest.approx(distances, abs=0.2)


@pytest.mark.parametrize(("index", "architecture"), [(14, "vgg19"), (16, "vgg19"), (17, "vgg16"), (19, "vgg19")])
def test_the_keys_of_a_file_tell_which_vgg_it_is(tmp_path, vgg_state, index, architecture):
    state = vgg_state | {f"features.{index}.weight": torch.zeros(1)}
    assert load_weights(write(tmp_path / "a.safetensors", state, {"input": "caffe"})).architecture == architecture


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all, but a sentence long enough to be read as a header"])
def test_a_broken_file_is_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match=f"cannot read VGG weights from .*{name}: .") as caught:
        load_weights(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors"])
def test_a_truncated_file_is_one_line(tmp_path, vgg_state, name):
    path = write(tmp_path / name, vgg_state)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(WeightsError, match=f"cannot read VGG weights from .*{name}: .") as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_a_pickled_module_is_refused_and_not_run(tmp_path):
    torch.save(nn.Linear(1, 1), tmp_path / "module.pth")
    with pytest.raises(WeightsError, match=r"cannot read VGG weights from .*module\.pth"):
        load_weights(tmp_path / "module.pth")


def test_a_lone_tensor_is_no_weight_file(tmp_path):
    torch.save(torch.zeros(3), tmp_path / "tensor.pth")
    with pytest.raises(WeightsError, match="holds a Tensor, expected a dictionary of tensors"):
        load_weights(tmp_path / "tensor.pth")


def test_a_missing_file_says_that_torchvision_can_download_one(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights at .*absent\.pth; give --loss-network vgg19"):
        load_weights(tmp_path / "absent.pth")


# Download


@pytest.mark.parametrize(
    "error", [URLError("name resolution failed"), RuntimeError('invalid hash value (expected "dcbb9e9d")')]
)
@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_a_failed_download_says_where_the_weights_are(give_weights, network, error):
    give_weights(error)
    reason = "name resolution failed" if isinstance(error, URLError) else "invalid hash"
    address = f"https://download.pytorch.org/models/{network}-"
    with pytest.raises(WeightsError, match=f"(?s)cannot download .*{reason}.*--loss-network mini.*{address}") as caught:
        VggFeatures(["relu1_1"], network=network)
    assert "\n" not in str(caught.value)


def test_the_download_is_checked_by_its_hash_and_shows_its_progress(monkeypatch, vgg_state):
    asked = {}
    monkeypatch.setattr(
        torchvision.models.VGG19_Weights, "get_state_dict", lambda self, **options: asked.update(options) or vgg_state
    )
    VggFeatures(["relu1_1"])
    assert asked == {"progress": True, "check_hash": True}


def test_what_a_file_holds_is_read_again_only_where_it_has_changed(tmp_path, monkeypatch):
    path, reads = tmp_path / "cut.safetensors", []
    monkeypatch.setattr("fast_nst.perceptual.vgg.load_weights", lambda *asked: reads.append(1) or load_weights(*asked))
    for number, held in enumerate((["relu1_1"], ["relu1_1", "relu1_2", "relu2_1"])):
        count = len(held)
        save_file({f"features.{index}.weight": torch.zeros(1) for index in (0, 2, 5)[:count]}, path)
        os.utime(path, ns=(number, number))
        assert held_layers(path) == held_layers(str(path)) == held
    assert len(reads) == 2
    assert held_layers("mini")[-2:] == ["relu4_1", "relu5_1"]
    assert held_layers("vgg16")[-1] == "relu5_3"
