"""The table of results of a public set: each training of each setting on each test part, in numbers and in words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lib.evaluation.evaluation import REPORT_JSON
from lib.evaluation.evaluation_table import Column, Figure, by_wrist, columns, table_figures
from lib.evaluation.wording import count
from lib.formats import json_text, write_atomic

SETTING_JSON = "setting.json"
_SHARED, _SHARED_OPTIONS = ("protocol", "shrunk"), ("val_split",)
"""What all rows of a folder have in common: they learn from the same studies."""
_WITH, _AND = ("machine", "code"), " and "
"""What a row may be computed on and with in several."""


class SettingError(ValueError):
    """Trainings that cannot stand in one table; one sentence."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the trainings of a row have in common.

    Args:
        protocol: its name.
        shrunk: how many times smaller the files are than the published ones.
        variant: in the paper's words.
        encoder, input_size: of the network.
        begun_with: in words.
        options: of the training.
        machine: in words; of all that have trained for the row, see :meth:`note_training`.
        code: version of this software, likewise.
    """

    protocol: str
    shrunk: float
    variant: str
    encoder: str
    input_size: tuple[int, int]
    begun_with: str
    options: Mapping[str, Any]
    machine: str
    code: str

    def write(self, folder: Path, may_change: Sequence[str] = ()) -> None:
        """Into the folder of the row, beside those of the other rows.

        Args:
            folder: made where absent.
            may_change: options that say nothing of the results.

        Raises:
            SettingError: the row has begun with another setting, or the other rows are of another protocol, of files
                of another size, or have held out another share.
        """
        own = asdict(replace(self, options={key: self.options[key] for key in self.options if key not in may_change}))
        own = json.loads(json_text(own))
        for other in sorted(folder.parent.glob(f"*/{SETTING_JSON}")):
            noted = json.loads(other.read_text(encoding="utf-8"))
            if other.parent == folder:
                if apart := [*_apart(own, noted, own), *_apart(own["options"], noted["options"], own["options"])]:
                    raise SettingError(
                        f"{folder} has begun with another {apart[0]}: give the same again, or a new row another name."
                    )
                own |= {key: noted[key] for key in _WITH}  # until something is trained here and now
            elif apart := [*_apart(own, noted, _SHARED), *_apart(own["options"], noted["options"], _SHARED_OPTIONS)]:
                raise SettingError(
                    f"{folder.parent} has results of another {apart[0]}, which cannot stand beside these: choose "
                    "another folder."
                )
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / SETTING_JSON, json_text(own))

    def note_training(self, folder: Path) -> None:
        """Add machine and version to those that have trained for the row in a folder, see :meth:`write`."""
        noted = json.loads((folder / SETTING_JSON).read_text(encoding="utf-8"))
        for key in _WITH:
            known = str(noted[key]).split(_AND)
            noted[key] = _AND.join(dict.fromkeys((*known, str(getattr(self, key)))))
        write_atomic(folder / SETTING_JSON, json_text(noted))


def _apart(one: Mapping[str, Any], other: Mapping[str, Any], keys: Iterable[str]) -> list[str]:
    """The first keys whose values differ; what a row was computed on and with may."""
    return [key for key in keys if key not in ("options", *_WITH) and one.get(key) != other.get(key)]


def write_results(folder: Path, title: str, tests: Sequence[str]) -> None:
    """Write ``results.json`` and ``results.md`` from the evaluations in ``NAME/seed_N/TEST``.

    Args:
        folder: with a folder a row in it.
        title: of the protocol.
        tests: names of the test parts.
    """
    rows = {path.parent.name: _row(path.parent, tests) for path in sorted(folder.glob(f"*/{SETTING_JSON}"))}
    write_atomic(folder / "results.json", json_text({"title": title, "rows": rows}))
    write_atomic(folder / "results.md", "\n".join(_page(title, tests, rows)) + "\n")


def _row(folder: Path, tests: Sequence[str]) -> dict[str, Any]:
    """Setting, and by test, view and seed the figures."""
    setting = json.loads((folder / SETTING_JSON).read_text(encoding="utf-8"))
    found: dict[str, Any] = {}
    for test in tests:
        for seed in _seeds(folder):
            if (report := folder / f"seed_{seed}" / test / REPORT_JSON).is_file():
                for view in json.loads(report.read_text(encoding="utf-8"))["views"]:
                    for way, figures in by_wrist(view).items():
                        name = f"{view['name']}, {way}" if way else view["name"]
                        found.setdefault(test, {}).setdefault(name, {})[str(seed)] = figures
    return {"setting": setting, "tests": found}


def _seeds(folder: Path) -> list[int]:
    names = (path.name.removeprefix("seed_") for path in folder.glob("seed_*"))
    return sorted(int(name) for name in names if name.isdecimal())


def _page(title: str, tests: Sequence[str], rows: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {title}\n"
    for test in tests:
        views = list(dict.fromkeys(view for row in rows.values() for view in row["tests"].get(test, {})))
        for view in views:
            yield f"## {test}, against {view}\n"
            yield from _table([(name, row["tests"].get(test, {}).get(view, {})) for name, row in rows.items()])
            yield ""
    yield "## Settings\n"
    for name, row in rows.items():
        setting = row["setting"]
        size = " x ".join(map(str, setting["input_size"]))
        yield (
            f"- **{name}**: {setting['variant']}; encoder {setting['encoder']}, {size}, begun with "
            f"{setting['begun_with']}; {_course(setting['options'])}; {setting['machine']}; code {setting['code']}"
        )
    yield "\nIn brackets: 95 % by drawing patients anew; of several seeds, mean and lowest to highest."


def _course(options: Mapping[str, Any]) -> str:
    """``45 epochs, batches of 4, adamw 0.002``."""
    epochs = options["max_epochs"] or f"as many as show {options['image_budget']} radiographs,"
    batch = options["train_batch_size"] * options["accumulate"]
    return f"{epochs} epochs, batches of {batch}, {options['optimizer']} {options['learning_rate']:g}"


def _table(rows: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    shown = [(name, seeds) for name, seeds in rows if seeds]
    first = next(iter(shown[0][1].values()))
    heads = _columns(first)
    yield "| | seed | images | " + " | ".join(column.head for column in heads) + " |"
    yield "|---|---|---|" + "---|" * len(heads)
    for name, seeds in shown:
        of_seeds = {seed: table_figures(told) for seed, told in seeds.items()}
        for seed, figures in of_seeds.items():
            cells = (_cell(figures.get(column.key), column.digits) for column in heads)
            yield f"| {name} | {seed} | {seeds[seed]['images']} | {' | '.join(cells)} |"
        if len(of_seeds) > 1:
            cells = (_spread([figures.get(column.key) for figures in of_seeds.values()], column) for column in heads)
            yield f"| **{name}** | {count(len(of_seeds), 'seed')} | | {' | '.join(cells)} |"


def _columns(told: Mapping[str, Any]) -> tuple[Column, ...]:
    if "spine" in told:
        return columns("spine", ())
    in_mm = told["images_with_mm"] == told["images"]
    return columns("mm" if in_mm else "px", map(float, told["sdr"]))


def _cell(figure: Figure | None, digits: int) -> str:
    if figure is None:
        return ""
    return figure.text(digits) + (f" ({figure.range(digits)})" if figure.range(digits) else "")


def _spread(figures: Sequence[Figure | None], column: Column) -> str:
    values = [figure.value for figure in figures if figure is not None and figure.value is not None]
    if len(values) < len(figures):
        return ""
    mean, low, high = (f"{value:.{column.digits}f}" for value in (np.mean(values), min(values), max(values)))
    return f"**{mean}** ({low}–{high})"
