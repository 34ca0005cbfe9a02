"""The folder of a stage's state: what is written when, and damage that is never used."""

from __future__ import annotations

import dataclasses
import json
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fd2.runtime.interruption import StoppedError, watched_signals
from fd2.runtime.job import Job, StateSettings
from fd2.runtime.state import Snapshot, StageState, stage_state

SHAPED = {"stage": "pretrain", "settings": {"rate": 0.1, "range": (1, 2)}}


@pytest.fixture
def opened(job: Job, tmp_path: Path) -> Callable[..., object]:
    def of(shaped: dict[str, object] = SHAPED, seconds: float = 0, **changes: object) -> object:
        where = StateSettings(tmp_path / "state", seconds)
        return stage_state(dataclasses.replace(job, state=where, **changes), shaped)

    return of


def counted(state: StageState, upto: int) -> None:
    for step in range(upto):
        state.part("loop").checkpoint(
            lambda: Snapshot({"x": torch.full((3,), float(step))}, {"step": step})  # noqa: B023
        )


def test_the_two_newest_snapshots_are_kept(opened: Callable[..., StageState]) -> None:
    with opened() as state:
        assert state.part("loop").restore() is None
        counted(state, 12)
        names = sorted(path.name for path in state.folder.iterdir())
        assert names == ["loop.10.safetensors", "loop.11.safetensors"]
        kept = state.part("loop").restore()
        assert kept.facts == {"step": 11} and kept.tensors["x"].tolist() == [11, 11, 11]
        state.part("loop.12").save(Snapshot({}))
        assert state.part("loop").restore().facts == {"step": 11}
        state.part("loop").remove()
        assert [path.name for path in state.folder.iterdir()] == ["loop.12.0.safetensors"]
        state.remove()
        assert not state.folder.exists()


def test_nothing_is_written_before_its_time(opened: Callable[..., StageState]) -> None:
    with opened(seconds=3600) as state:
        counted(state, 5)
        assert not state.folder.exists()


@pytest.fixture
def heard() -> Iterator[None]:
    """SIGINT as on a terminal; a shell starts what runs in the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_a_signal_is_obeyed_between_two_steps(
    opened: Callable[..., StageState], number: signal.Signals
) -> None:
    before = signal.getsignal(number)
    with opened(seconds=3600) as state:
        signal.raise_signal(number)
        assert signal.getsignal(number) == before, "a second signal does what it always does"
        with pytest.raises(StoppedError) as stopped:
            counted(state, 3)
    assert stopped.value.exit_code == 128 + number
    assert f"stopped by {number.name}" in str(stopped.value)
    assert str(state.folder) in stopped.value.where
    with opened(seconds=3600) as state:
        assert state.part("loop").restore().facts == {"step": 0}


@pytest.mark.usefixtures("heard")
def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    with watched_signals() as interruption:
        assert interruption.number is None
        assert signal.getsignal(signal.SIGTERM) != before[0]
    after = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)]
    assert after == before


def test_the_global_generator_belongs_to_the_state(opened: Callable[..., StageState]) -> None:
    with opened() as state:
        torch.manual_seed(5)
        torch.rand(7)
        counted(state, 1)
        expected = torch.rand(3)
        torch.manual_seed(6)
        state.part("loop").restore()
        assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("way", ["truncated", "flipped"])
def test_damaged_state_is_told_dropped_and_never_used(
    opened: Callable[..., StageState], way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(0)
    for _ in range(40):
        with opened() as state:
            counted(state, 3)
            newest = state.folder / "loop.2.safetensors"
            content = bytearray(newest.read_bytes())
            position = rng.randrange(len(content))
            if way == "truncated":
                content = content[:position]
            else:
                content[position] ^= 1 << rng.randrange(8)
            newest.write_bytes(content)
            kept = state.part("loop").restore()
            if kept.facts["step"] == 2:
                # A bit of the header's white space or of an unused name.
                assert kept.tensors["x"].tolist() == [2, 2, 2] and way == "flipped"
            else:
                assert kept.facts["step"] == 1 and kept.tensors["x"].tolist() == [1, 1, 1]
                assert "dropping a damaged state file" in capsys.readouterr().out
                assert not newest.exists()
            state.remove()


def test_a_snapshot_without_digests_is_never_used(opened: Callable[..., StageState]) -> None:
    with opened() as state:
        counted(state, 2)
        newest = state.folder / "loop.1.safetensors"
        with safe_open(newest, framework="pt") as stream:
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
            content = json.loads(stream.metadata()["fd2"])
        for key in ("metadata_sha256", "tensors_sha256", "artefact"):
            del content[key]
        metadata = {"fd2": json.dumps({**content, "format": 1})}
        save_file({**tensors, "x": torch.full((3,), 9.0)}, newest, metadata)
        assert state.part("loop").restore().facts == {"step": 0}
        assert not newest.exists()


def test_state_of_other_jobs_is_not_seen(
    opened: Callable[..., StageState], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened() as state:
        counted(state, 1)
        mine = state.folder / "loop.0.safetensors"
    others = [
        opened({**SHAPED, "settings": {"rate": 0.2}}),
        opened({**SHAPED, "inputs": {"a": "b"}}),
        opened({**SHAPED, "stage": "evaluate"}),
        opened(threads=2),
    ]
    for other in others:
        with other as state:
            assert state.part("loop").restore() is None
            # Nor when it is put there by hand.
            state.folder.mkdir(parents=True)
            (state.folder / mine.name).write_bytes(mine.read_bytes())
            assert state.part("loop").restore() is None
            assert "state of another job" in capsys.readouterr().out
    with opened() as state:
        (state.folder / "other.0.safetensors").write_bytes(mine.read_bytes())
        assert state.part("other").restore() is None
        assert state.part("loop").restore() is not None
