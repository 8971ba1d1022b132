"""FARNet: one tester for every encoder, and the sizes of the released network."""

import pytest
import torch

from lib.networks import AGGREGATIONS, ENCODERS, FARNet, ImageBatchNorm2d, nearest_input_size
from lib.networks.heads import LinearHead
from lib.networks.upsampling import upsample

SIZE = (64, 96)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("encoder", ENCODERS)
class TestEveryEncoder:
    """What holds for one network holds for all."""

    def test_shapes_gradients_and_declared_channels(self, encoder):
        network = FARNet(encoder, num_landmarks=5, width=0.25).train()
        image = torch.rand(2, 3, *SIZE)
        fine, coarse = network(image)
        assert fine.shape == (2, 5, *SIZE)
        assert coarse.shape == (2, 5, SIZE[0] // 2, SIZE[1] // 2)
        features = network.encoder(image)
        assert tuple(feature.shape[1] for feature in features) == network.encoder.channels
        assert [SIZE[0] // feature.shape[2] for feature in features] == [2, 4, 8, 16, 32]
        for _ in range(3 if "efficientnet" in encoder else 1):  # which leaves out blocks at random while it trains
            fine, coarse = network(image)
            (fine.square().mean() + coarse.square().mean()).backward()
        without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
        assert without == []
        # a weight whose gradient is exactly zero everywhere is dead as well; biases before a batch norm are the known
        # exception
        dead = [
            name for name, parameter in network.named_parameters() if parameter.ndim > 1 and not parameter.grad.any()
        ]
        assert dead == []

    def test_fused_save_load_channels_last_and_float16_weights(self, encoder, tmp_path):
        network = FARNet(encoder, num_landmarks=5, width=0.25).train()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0  # statistics that fit: with 0 and 1, a hundred random layers blow up any rounding
        with torch.no_grad():
            network(torch.rand(4, 3, *SIZE))
        network.eval()
        image = torch.rand(1, 1, *SIZE)
        with torch.no_grad():
            fine = network(image)
            scale = fine.abs().max()
            torch.save(network.state_dict(), tmp_path / "weights.pt")
            loaded = FARNet(encoder, num_landmarks=5, width=0.25).eval()
            loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
            assert torch.equal(loaded(image), fine)
            exact = loaded.double()(image.double())
            fused = network.double().fused()
            assert torch.allclose(fused(image.double()), exact, atol=1e-9 * max(1.0, scale.item()), rtol=0)
            rounding, rewritten = (fine - exact).abs().max(), (fused.float()(image) - exact).abs().max()
            assert rewritten <= 3 * rounding + 1e-6 * scale  # no farther from the truth than as it was
            network.float()
            turned = loaded.to(memory_format=torch.channels_last)(image.double())
            assert torch.allclose(turned, exact, atol=1e-6 * scale.item(), rtol=0)
            halved = {key: value.half() if value.ndim > 1 else value for key, value in network.state_dict().items()}
            loaded.load_state_dict(halved)
            assert (
                loaded(image.double()) - exact
            ).norm() < 0.2 * exact.norm()  # random weights; trained ones differ far less


def test_parameters_are_those_of_the_paper_without_the_dead_ones():
    parameters = sum(parameter.numel() for parameter in FARNet("densenet121", 19).parameters())
    assert parameters == pytest.approx(61.22e6, rel=1e-3)


@pytest.mark.parametrize(("landmarks", "millions"), [(37, 61.26), (68, 61.35)])
def test_parameters_grow_with_landmarks_as_in_the_released_network(landmarks, millions):
    assert sum(p.numel() for p in FARNet(num_landmarks=landmarks).parameters()) == pytest.approx(
        millions * 1e6, rel=1e-3
    )


def test_lite_is_under_one_and_a_half_million_parameters():
    assert sum(parameter.numel() for parameter in FARNet("lite", 68).parameters()) < 1.5e6


def test_layers_of_table_1b():
    network = FARNet("densenet121", 19)
    sizes = {
        name: (module.in_channels, module.out_channels, module.kernel_size[0], module.stride[0])
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Conv2d) and not name.startswith("encoder")
    }
    assert list(sizes.values()) == [
        (1024, 512, 3, 1), (512, 256, 1, 1),  # a5
        (1280, 256, 1, 1), (768, 256, 1, 1), (512, 256, 1, 1),  # a4, a3, a2
        (256, 512, 3, 2), (768, 512, 1, 1),  # b3
        (512, 1024, 3, 2), (1280, 1024, 1, 1),  # b4
        (1024, 2048, 3, 2), (2304, 1024, 3, 1), (1024, 256, 1, 1),  # b5
        (1280, 256, 1, 1), (768, 256, 1, 1), (512, 128, 1, 1), (192, 64, 1, 1),  # c4 to c1
        (64, 64, 3, 1), (64, 19, 1, 1),  # coarse head
        (3, 32, 3, 1),  # image stem, 3x3 as in the figure
        (115, 115, 3, 1), (115, 19, 1, 1),  # refinement
    ]  # fmt: skip


def test_the_released_code_s_image_stem_is_a_choice():
    assert FARNet("lite", image_kernel=1).refinement.image_stem[0].kernel_size == (1, 1)


def test_evaluation_gives_the_fine_maps_alone():
    with torch.no_grad():
        assert FARNet("lite", 3).eval()(torch.rand(1, 1, 64, 64)).shape == (1, 3, 64, 64)


def test_grey_and_equal_channels_are_the_same():
    network = FARNet("lite", 3).eval()
    grey = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.allclose(network(grey), network(grey.expand(-1, 3, -1, -1)), atol=1e-5)


def test_imagenet_statistics_are_applied_to_0_to_1():
    network = FARNet("lite", 3).eval()
    seen = []
    network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.full((1, 1, 32, 32), 0.5))
    assert seen[0][0, :, 0, 0].tolist() == pytest.approx(
        [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    )


@pytest.mark.parametrize(
    ("size", "good"),
    [((801, 640), "800 x 640"), ((800, 650), "800 x 640"), ((20, 64), "32 x 64"), ((2400, 1935), "2400 x 1920")],
)
def test_other_sizes_are_refused_with_the_nearest_good_one(size, good):
    with pytest.raises(ValueError, match=f"nearest good size is {good}"):
        FARNet("lite")(torch.rand(1, 1, *size))


def test_nearest_input_size():
    assert nearest_input_size(400, 320) == (384, 320)
    assert nearest_input_size(1, 5000) == (32, 4992)


def test_unknown_encoder_and_no_landmarks():
    with pytest.raises(ValueError, match="Unknown encoder 'vgg16': choose one of densenet121"):
        FARNet("vgg16")
    with pytest.raises(ValueError, match="Unknown aggregation 'hrnet': choose one of msfa, msfa_add, unet, fpn"):
        FARNet("lite", aggregation="hrnet")
    with pytest.raises(ValueError, match="at least one landmark, got 0"):
        FARNet("lite", 0)


def test_a_fused_head_is_exact_at_the_border_too():
    head = LinearHead(6, 4).double()
    features = torch.rand(2, 6, 7, 9, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(head.fused()(features), head(features), atol=1e-12)


def test_fusing_leaves_the_network_as_it_was():
    network = FARNet("lite", 3)
    network.fused()
    assert isinstance(network.coarse_head, LinearHead)
    assert isinstance(network.refinement.head, LinearHead)


@pytest.mark.parametrize("refinement", [True, False])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
class TestEveryAggregation:
    """What holds for one way to aggregate holds for all."""

    def test_shapes_and_gradients(self, aggregation, refinement):
        network = FARNet("lite", 5, aggregation=aggregation, refinement=refinement).train()
        fine, coarse = network(torch.rand(2, 1, *SIZE))
        assert fine.shape == (2, 5, *SIZE)
        assert coarse.shape == (2, 5, SIZE[0] // 2, SIZE[1] // 2)
        fine.square().mean().backward()  # the fine maps alone: some are trained without coarse ones
        assert [name for name, part in network.named_parameters() if part.grad is None] == []
        assert [name for name, part in network.named_parameters() if part.ndim > 1 and not part.grad.any()] == []

    @torch.no_grad()
    def test_fused_and_loaded(self, aggregation, refinement):
        network = FARNet("lite", 5, aggregation=aggregation, refinement=refinement).eval()
        image = torch.rand(1, 1, *SIZE)
        fine = network(image)
        assert torch.allclose(network.fused()(image), fine, atol=1e-4 * max(1.0, fine.abs().max().item()))
        loaded = FARNet("lite", 5, aggregation=aggregation, refinement=refinement).eval()
        loaded.load_state_dict(network.state_dict())
        assert torch.equal(loaded(image), fine)

    @torch.no_grad()
    def test_every_level_of_the_encoder_is_seen(self, aggregation, refinement):
        network = FARNet("lite", 5, aggregation=aggregation, refinement=refinement).eval()
        levels = tuple(network.encoder(torch.rand(1, 3, *SIZE)))
        drawn = network.aggregation(levels)
        for level in range(5):
            others = [torch.zeros_like(seen) if place == level else seen for place, seen in enumerate(levels)]
            assert not torch.equal(network.aggregation(others), drawn)


def test_without_refinement_the_fine_maps_are_the_coarse_ones():
    with torch.no_grad():
        fine, coarse, _ = FARNet("lite", 3, aggregation="fpn", refinement=False).eval().details(torch.rand(1, 1, *SIZE))
    assert torch.equal(fine, upsample(coarse))


def test_the_aggregation_with_additions_has_the_layers_of_the_other_but_for_what_is_added():
    """Beside: 1280 channels to 256; added: the encoder's 1024 to 256, and 256 to 256."""
    beside, added = (FARNet("densenet121", 19, aggregation=name).aggregation for name in ("msfa", "msfa_add"))
    assert [part.mix[0].in_channels for part in (beside.up1_level4, added.up1_level4)] == [1280, 256]
    assert (added.up1_level4.fuse.project.in_channels, added.up1_level4.fuse.project.out_channels) == (1024, 256)
    assert beside.out_channels == added.out_channels == 64


def test_inputs_of_the_released_code_reach_1100():
    network = FARNet("lite", 3, white=255.0).eval()
    seen = []
    network.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(torch.tensor([0.0, 128 / 255, 1.0]).reshape(1, 1, 1, 3).repeat_interleave(32, 3).expand(-1, -1, 32, -1))
    red = seen[0][0, 0, 0, ::32]
    assert red.tolist() == pytest.approx([(value - 0.485) / 0.229 for value in (0, 128, 255)], rel=1e-5)
    assert 1100 < seen[0].max() < 1140


class TestImageStatistics:
    """Batch normalisation as the released code has it at test time."""

    @pytest.fixture
    def network(self):
        network = FARNet("lite", 3, image_statistics=True).train()
        with torch.no_grad():
            network(torch.rand(2, 1, *SIZE))  # stored statistics of their own
        return network

    @torch.no_grad()
    def test_evaluation_is_training_with_a_batch_of_one(self, network):
        image = torch.rand(1, 1, *SIZE)
        evaluated = network.eval()(image)
        assert torch.allclose(evaluated, network.train()(image)[0], atol=1e-4 * evaluated.abs().max())
        plain = FARNet("lite", 3).eval()
        plain.load_state_dict(network.state_dict())
        assert not torch.allclose(evaluated, plain(image), atol=1e-2 * evaluated.abs().max())

    @torch.no_grad()
    def test_images_of_a_batch_do_not_see_each_other(self, network):
        images = torch.rand(3, 1, *SIZE)
        together = network.eval()(images)
        alone = torch.cat([network(image[None]) for image in images])
        assert torch.allclose(together, alone, atol=1e-4 * alone.abs().max())

    @torch.no_grad()
    def test_nothing_stored_changes_fused_or_not(self, network):
        network.eval()
        before = {key: value.clone() for key, value in network.state_dict().items()}
        fused, image = network.fused(), torch.rand(1, 1, *SIZE)
        fine = network(image)
        assert torch.allclose(fused(image), fine, atol=1e-4 * fine.abs().max())
        assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())

    def test_every_batch_norm_and_no_other_layer(self):
        plain, own = (FARNet("lite", 3, image_statistics=flag) for flag in (False, True))
        kinds = [[type(module) for module in network.modules()] for network in (plain, own)]
        assert torch.nn.BatchNorm2d not in kinds[1]
        assert [ImageBatchNorm2d if kind is torch.nn.BatchNorm2d else kind for kind in kinds[0]] == kinds[1]
        assert plain.state_dict().keys() == own.state_dict().keys()
