"""Where a run came from: noted in its folder when it begins, so that one that goes on still knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from lib.checkpoints import ModelCard
from lib.checkpoints.card import NETWORK
from lib.formats import write_atomic

ORIGIN_FILE = "origin.json"


class Origin(BaseModel):
    """What a resumed run cannot see any more.

    Attributes:
        told: where it began, in words.
        parent: version of the model that it went on from.
        learnt_before: fingerprints of the images that this model had learnt from.
        all_known: these are all of them; a model's file may not say what it has learnt from.
        network: what its network is, see :class:`~lib.checkpoints.ModelCard`, and its landmarks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    told: str
    parent: str | None = None
    learnt_before: tuple[str, ...] = ()
    all_known: bool = True
    network: dict[str, Any] = {}

    @field_validator("network")
    @classmethod
    def _of_older_runs(cls, network: dict[str, Any]) -> dict[str, Any]:
        """A run that began before a field came into being has what the field is by default."""
        fields = {name: ModelCard.model_fields[name] for name in NETWORK}
        return {**{name: field.default for name, field in fields.items() if not field.is_required()}, **network}

    @classmethod
    def of(cls, told: str, parent: ModelCard | None, card: ModelCard) -> Origin:
        """The origin of a run that begins."""
        before = parent.data.train if parent is not None and parent.data is not None else ()
        version = None if parent is None else parent.version
        all_known = parent is None or parent.names_all_learnt
        return cls(told=told, parent=version, learnt_before=before, all_known=all_known, network=network_of(card))

    def write(self, folder: Path) -> None:
        """Note it in the run's folder."""
        write_atomic(folder / ORIGIN_FILE, self.model_dump_json(indent=1))


def read_origin(folder: Path) -> Origin:
    """What was noted in a run's folder."""
    return Origin.model_validate_json((folder / ORIGIN_FILE).read_bytes())


def network_of(card: ModelCard) -> dict[str, Any]:
    """What must be the same for a run to go on, as plain data."""
    plain = card.model_dump(mode="json", include=set(NETWORK))
    return {**plain, "landmarks": list(card.landmark_set.names)}
