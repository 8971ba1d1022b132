"""A network as a server asks it; what only a GPU does is tested where there is one."""

import threading

import pytest
import torch

from lib.networks import FARNet, Recorded, for_serving

SIZE = (64, 96)
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")


@pytest.fixture
def network() -> FARNet:
    torch.manual_seed(0)
    return FARNet("lite", num_landmarks=5).eval()


@torch.no_grad()
def test_on_a_cpu_it_gives_the_same_maps(network):
    image = torch.rand(1, 1, *SIZE)
    expected = network.details(image)
    served = for_serving(network, torch.device("cpu"), SIZE)
    for found, wanted in zip(served.details(image), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-4 * max(1.0, wanted.abs().max().item()))
    assert not any(parameter.requires_grad for parameter in served.parameters())


def test_on_a_cpu_it_is_the_network_itself_so_that_its_weights_are_there_once(network):
    assert for_serving(network, torch.device("cpu"), SIZE) is network


@needs_gpu
@torch.no_grad()
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_recording_gives_the_maps_of_the_network(network, half, compiled):
    device = torch.device("cuda")
    images = torch.rand(4, 1, *SIZE, device=device)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        expected = [network.to(device).details(image[None])[0] for image in images]
    served = for_serving(network, device, SIZE, half=half, compiled=False)
    assert isinstance(served, Recorded)
    assert not compiled or served.use_compiled()
    for image, wanted in zip(images, expected, strict=True):
        found = served.details(image[None])[0]
        assert found.dtype == torch.float32
        assert (found - wanted).norm() < 0.02 * wanted.norm()
    assert served.details(images)[0].shape == (4, 5, *SIZE)  # of another shape than was recorded


@needs_gpu
@torch.no_grad()
def test_threads_get_their_own_answers_while_it_compiles(network):
    device = torch.device("cuda")
    served = for_serving(network, device, SIZE)
    images = torch.rand(6, 1, 1, *SIZE, device=device)
    expected = [served.details(image)[0] for image in images]
    wrong: list[int] = []

    def ask(index: int) -> None:
        found = (served.details(images[index])[0] for _ in range(200))
        wrong.extend(index for maps in found if not torch.allclose(maps, expected[index], rtol=0.01, atol=0.01))

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(images))]
    for thread in threads:
        thread.start()
    for thread in [*threads, *(other for other in threading.enumerate() if other.name == "compile")]:
        thread.join()
    assert wrong == []
