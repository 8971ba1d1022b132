"""A changed landmark set: what stayed keeps its weights, exactly where that can be."""

import re
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.checkpoints import ModelCard, build_network, carry_over, load_model, save_model
from lib.landmarks import LandmarkSet
from lib.networks import FARNet


def card(names, **changes) -> ModelCard:
    landmarks = [{"name": name, "abbreviation": name, "definition": f"Point {name}."} for name in names]
    landmark_set = LandmarkSet.parse(
        {"name": "test", "title": "Test", "input_size": [64, 64], "landmarks": landmarks}, source="test"
    )
    settings = {"model": "farnet_test", "version": "v1", "encoder": "lite", "input_size": (64, 64), "sigma": 3.0}
    return ModelCard(**settings | {"landmark_set": landmark_set} | changes)


@cache
def _state(count: int, **changes) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    network = build_network(card("abcdefg"[:count], **changes))
    with torch.no_grad():  # batch statistics of their own, so that buffers must be carried as well
        network.train()(torch.rand(2, 1, 64, 64))
    return network.state_dict()


def trained(names, **changes) -> FARNet:
    """A network in the place of a trained one."""
    network = build_network(card(names, **changes))
    network.load_state_dict(_state(len(names), **changes))
    return network.eval()


def carried(old_names, new_names, seed=2, **changes) -> tuple[FARNet, FARNet, tuple[str, ...]]:
    """The old network, the new one and the names that were carried."""
    old = trained(old_names, **changes)
    torch.manual_seed(seed)
    new = build_network(card(new_names, **changes))
    names = carry_over(new, old.state_dict(), card(old_names, **changes), card(new_names, **changes))
    return old, new.eval(), names


@torch.no_grad()
def maps(network: FARNet, image: torch.Tensor, names, wanted) -> tuple[torch.Tensor, torch.Tensor]:
    """Fine and coarse maps of the wanted landmarks; batch statistics are used but not changed."""
    features = network.aggregation(network.encoder((image - network.mean) / network.std))
    places = [names.index(name) for name in wanted]
    return network(image)[:, places], network.coarse_head(features)[:, places]


def images() -> torch.Tensor:
    return torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(3))


def assert_same_maps(old, new, old_names, new_names, wanted):
    for before, after in zip(
        maps(old, images(), old_names, wanted), maps(new, images(), new_names, wanted), strict=True
    ):
        assert torch.allclose(before, after, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("new_names", ["dbca", "abcdef", "xaybzcd", "dxcbay"])
@pytest.mark.parametrize("image_kernel", [3, 1])
def test_added_and_reordered_landmarks_leave_the_others_as_they_were(new_names, image_kernel):
    old, new, names = carried("abcd", new_names, image_kernel=image_kernel)
    assert names == tuple(name for name in new_names if name in "abcd")
    assert_same_maps(old, new, "abcd", new_names, "abcd")


@pytest.mark.parametrize("new_names", ["dbca", "xaybzcd", "db", "xcz"])
def test_without_refinement_what_stayed_keeps_its_maps_also_where_landmarks_were_removed(new_names):
    stayed = [name for name in new_names if name in "abcd"]
    old, new, names = carried("abcd", new_names, aggregation="fpn", refinement=False)
    assert list(names) == stayed
    assert_same_maps(old, new, "abcd", new_names, stayed)


@settings(max_examples=12, deadline=None)
@given(st.permutations("abcdefg"), st.integers(1, 5), st.permutations("abcdefg"))
def test_any_larger_set_in_any_order_keeps_the_maps(old_order, count, new_order):
    old_names = old_order[:count]
    extra = [name for name in new_order if name not in old_names][: 1 + count // 2]
    new_names = [name for name in new_order if name in old_names or name in extra]
    old, new, names = carried(old_names, new_names)
    assert set(names) == set(old_names)
    assert_same_maps(old, new, old_names, new_names, old_names)


@settings(max_examples=12, deadline=None)
@given(st.permutations("abcdefg"), st.integers(1, 6), st.permutations("abcdefg"), st.integers(1, 6))
def test_any_two_sets_share_trunk_and_coarse_maps(old_order, old_count, new_order, new_count):
    old_names, new_names = old_order[:old_count], new_order[:new_count]
    old, new, names = carried(old_names, new_names)
    assert names == tuple(name for name in new_names if name in old_names)
    for before, after in zip(old.encoder.parameters(), new.encoder.parameters(), strict=True):
        assert torch.equal(before, after)
    _, coarse = maps(old, images(), old_names, names)
    assert torch.allclose(maps(new, images(), new_names, names)[1], coarse, atol=2e-6, rtol=1e-5)


def test_added_landmarks_keep_their_fresh_weights():
    _, new, _ = carried("abc", "axbc", seed=7)
    torch.manual_seed(7)
    fresh = build_network(card("axbc"))
    assert torch.equal(new.coarse_head[1].weight[1], fresh.coarse_head[1].weight[1])
    assert torch.equal(new.refinement.head[1].weight[1], fresh.refinement.head[1].weight[1])
    hidden = new.refinement.head[0].out_channels - 4 + 1
    assert torch.equal(new.refinement.head[0].weight[hidden], fresh.refinement.head[0].weight[hidden])
    assert torch.equal(new.refinement.head[0].bias[hidden], fresh.refinement.head[0].bias[hidden])


def test_gradients_reach_every_weight_the_zeroed_ones_too():
    _, new, _ = carried("abc", "xbcya")
    fine, coarse = new.train()(images().expand(2, -1, -1, -1))
    (fine - 0.5).square().mean().add((coarse - 0.5).square().mean()).backward()
    for name, parameter in new.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    for key in ("0.weight", "1.weight"):
        weight = new.refinement.head.get_parameter(key)
        silent = weight == 0
        assert silent.any()
        assert (weight.grad[silent] != 0).all(), key


def test_what_added_landmarks_learn_can_help_the_others():
    _, new, _ = carried("ab", "abx")
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(new.parameters(), lr=0.05)
    for _ in range(2):
        fine, _ = new.train()(images().expand(2, -1, -1, -1))
        (fine - 0.5).square().mean().backward()
        optimizer.step()
    head = new.refinement.head
    assert (head[1].weight[:2, -1] != 0).all()  # from the hidden channel of x to the maps of a and b
    assert (head[0].weight[:-1, -1] != 0).all()  # from the coarse map of x to the other hidden channels


def drawn_together(old: FARNet, removed: int, count: int) -> torch.Tensor:
    """The old fine maps where the coarse map at ``removed`` is silent: all that a smaller network can know."""
    with torch.no_grad():
        head = old.refinement.head
        kept = head[0].weight.clone()
        head[0].weight[:, head[0].in_channels - count + removed] = 0
        fine = old(images())
        head[0].weight.copy_(kept)
    return fine


def test_a_removed_landmark_takes_only_its_coarse_map_with_it():
    old, new, names = carried("abcd", "dab")
    assert names == ("d", "a", "b")
    expected = drawn_together(old, "abcd".index("c"), 4)[:, [3, 0, 1]]
    fine, _ = maps(new, images(), "dab", "dab")
    assert torch.allclose(fine, expected, atol=2e-6, rtol=1e-5)
    whole, _ = maps(old, images(), "abcd", "dab")
    assert (fine - whole).norm() < 0.3 * whole.norm()
    assert not torch.allclose(fine, whole, atol=1e-4)  # otherwise this would show nothing


def test_removed_and_added_at_once():
    old, new, _ = carried("abcd", "xdab")
    expected = drawn_together(old, "abcd".index("c"), 4)[:, [3, 0, 1]]
    assert torch.allclose(maps(new, images(), "xdab", "dab")[0], expected, atol=2e-6, rtol=1e-5)


def test_no_name_in_common_carries_what_belongs_to_all():
    old, new, names = carried("abc", "vwxyz", seed=5)
    torch.manual_seed(5)
    fresh = build_network(card("vwxyz"))
    assert names == ()
    before, after, untrained = old.state_dict(), new.state_dict(), fresh.state_dict()
    for key in before:
        if not key.startswith(("coarse_head.1", "refinement.head")):
            assert torch.equal(before[key], after[key]), key
    for key in ("coarse_head.1.weight", "coarse_head.1.bias", "refinement.head.1.weight", "refinement.head.1.bias"):
        assert torch.equal(after[key], untrained[key]), key
    for key in ("refinement.head.0.weight", "refinement.head.0.bias"):
        shared = before[key].shape[0] - 3
        old_block, new_block = before[key][:shared], after[key][:shared]
        if old_block.ndim > 1:
            assert torch.equal(new_block[:, shared:], untrained[key][:shared, shared:])
            old_block, new_block = old_block[:, :shared], new_block[:, :shared]
        assert torch.equal(old_block, new_block), key
        assert torch.equal(after[key][shared:], untrained[key][shared:]), key


def test_the_same_names_load_as_they_are():
    old, new, names = carried("abc", "abc")
    assert names == ("a", "b", "c")
    for key, value in new.state_dict().items():
        assert torch.equal(value, old.state_dict()[key]), key


@pytest.mark.parametrize("new_names", ["abc", "cxab", "ca"])
def test_weights_stored_as_float16(tmp_path, new_names):
    old = trained("abc")
    save_model(tmp_path / "half.pt", old.state_dict(), card("abc"), half=True)
    state = torch.load(tmp_path / "half.pt", weights_only=True)["model"]
    torch.manual_seed(2)
    new = build_network(card(new_names)).eval()
    carry_over(new, state, card("abc"), card(new_names))
    assert {value.dtype for value in new.parameters()} == {torch.float32}
    if "b" in new_names:
        assert_same_maps(load_model(tmp_path / "half.pt")[0], new, "abc", new_names, "abc")


@pytest.mark.parametrize("names", ["abc", "ba"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_given_state_is_not_changed(names, dtype):
    state = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in trained("abc").state_dict().items()
    }
    before = {key: value.clone() for key, value in state.items()}
    carry_over(build_network(card(names)), state, card("abc"), card(names))
    assert state.keys() == before.keys()
    assert all(torch.equal(state[key], before[key]) for key in before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder": "densenet121"}, "its encoder is densenet121, that of the new model is lite."),
        ({"width": 0.25}, "its width is 0.25, that of the new model is 0.125."),
        ({"image_kernel": 1}, "its image kernel is 1, that of the new model is 3."),
        ({"aggregation": "unet"}, "its aggregation is unet, that of the new model is msfa."),
        ({"refinement": False}, "its refinement is left out, that of the new model is there."),
    ],
)
def test_another_network_is_refused_before_anything_is_built_of_it(change, said):
    network = build_network(card("ab"))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    sentence = f"The weights of model 'farnet_test' v1 cannot be carried over: {said}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        carry_over(network, {}, card("abc", **change), card("ab"))
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_the_width_of_the_encoder_may_be_said_or_not():
    network = build_network(card("abc"))
    assert carry_over(network, trained("ab").state_dict(), card("ab", width=0.125), card("abc")) == ("a", "b")


@pytest.mark.parametrize("names", ["ab", "abc"])
@pytest.mark.parametrize("key", ["encoder.stages.0.features_conv0.weight", "refinement.head.0.bias"])
def test_an_incomplete_state_is_refused(names, key):
    state = dict(trained("ab").state_dict())
    del state[key]
    with pytest.raises(RuntimeError, match=f'Missing key.*"{re.escape(key)}"'):
        carry_over(build_network(card(names)), state, card("ab"), card(names))
