"""``torch.compile`` where it works: it needs a compiler, and in torch 2.13 a folder without blanks in its path."""

from __future__ import annotations

import torch._dynamo
from torch import nn
from torch._dynamo.utils import counters


def compile_if_possible(network: nn.Module) -> None:
    """Compile a network in place, at its first call; what cannot be compiled is computed as it is, and logged."""
    counters.clear()
    torch._dynamo.config.suppress_errors = True
    network.compile()


def was_compiled() -> bool:
    """Whether all of it was, after the first call."""
    return counters["frames"]["ok"] == counters["frames"]["total"] > 0
