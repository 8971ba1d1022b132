"""What is deleted when a run begins, and what is not."""

from lib.trainers.best import BEST_FILE
from lib.trainers.plan import KEEP_RUNS, KEEP_WEIGHTS, SAMPLES_FILE, make_room
from lib.trainers.state import STATE_FILE


def make_run(runs, name):
    folder = runs / name
    folder.mkdir(parents=True)
    for file in (SAMPLES_FILE, BEST_FILE, STATE_FILE, ".state.pt.1.tmp"):
        (folder / file).write_text("content")
    return folder


def test_what_others_are_writing_beside_the_runs_is_left_alone(tmp_path):
    run = make_run(tmp_path, "20260101_000000")
    being_published = tmp_path / "versions" / ".20260101_000000.pt.2.tmp"
    being_published.parent.mkdir()
    being_published.write_text("half")
    make_room(tmp_path, "20260101_000000")
    assert being_published.exists()
    assert not (run / ".state.pt.1.tmp").exists()
    assert (run / STATE_FILE).exists()


def test_what_cannot_be_deleted_stops_no_training(tmp_path, monkeypatch):
    names = [f"20260101_{number:06}" for number in range(KEEP_RUNS + 2)]
    for name in names:
        make_run(tmp_path, name)

    def refuse(*_, **__):
        raise PermissionError("in use by another program")

    with monkeypatch.context() as patch:
        patch.setattr("os.unlink", refuse)
        patch.setattr("os.rmdir", refuse)
        make_room(tmp_path, names[-1])
    assert all((tmp_path / name / STATE_FILE).exists() for name in names)
    make_room(tmp_path, names[-1])
    assert sorted(path.name for path in tmp_path.iterdir()) == names[2:]
    assert [name for name in names if (tmp_path / name / STATE_FILE).exists()] == names[-1:]
    assert [name for name in names if (tmp_path / name / BEST_FILE).exists()] == names[-KEEP_WEIGHTS:]
