"""Real photographs come, go, and come back: changes are told, and no result is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from fd2.artifacts.earlier import CHANGES, earlier_data
from fd2.artifacts.records import read_content
from fd2.errors import FD2Error
from fd2.lineage import origin
from fd2.planning.image_folders import folder_change
from fd2.runtime.taken_back import Wanted, take_back
from fd2.stages.prepare import PrepareSettings, prepare
from fd2.stages.select_images import select_images

if TYPE_CHECKING:
    from tests.conftest import Chain

SET = "distilled/cells/random/plain/base/ipc2"


class Evening:
    """A folder of photographs, and the results made from it."""

    def __init__(self, chain: Chain, folder: Path) -> None:
        self.photos = Path(shutil.copytree(chain.images, folder / "photos"))
        self.results = folder / "results"
        self._chain = chain
        self.settings = PrepareSettings("cells", "imagefolder", 32, {"path": str(self.photos)})
        self.files = [self.results / f"{SET}.{suffix}" for suffix in ("safetensors", "json")]

    def prepare(self) -> dict[str, Any]:
        """Run the stage as Snakemake does, which deletes its outputs first; give its record."""
        data = self.results / "data/cells"
        shutil.rmtree(data, ignore_errors=True)
        prepare(self.settings, data, self._chain.job, results=self.results)
        return read_content(data / "record.json")

    def select(self) -> dict[str, bytes]:
        """Choose two images of each class; give the files' contents."""
        chosen = self._chain.select_settings("random", 2)
        data = self.results / "data/cells"
        select_images(chosen, data, None, [], *self.files, self._chain.job)
        return self.contents()

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.files}

    def wanted(self, **changes: Any) -> Wanted:
        settings = json.loads(json.dumps(asdict(self._chain.select_settings("random", 2))))
        return Wanted(self.files, [{**settings, **changes}], [], {})

    def planned(self) -> dict[str, Any]:
        """The settings of the stage, as the rule gives them."""
        told = asdict(self.settings)
        del told["zca"]  # there only where a dataset asks for it
        return told


@pytest.fixture
def evening(chain: Chain, tmp_path: Path) -> Evening:
    return Evening(chain, tmp_path)


@pytest.fixture
def changed(evening: Evening, tmp_path: Path) -> Iterator[Evening]:
    """After a first run: three photographs added, one removed, one renamed, one edited."""
    evening.prepare()
    evening.select()
    shutil.copytree(evening.photos, tmp_path / "before")
    first = evening.photos / "train" / "mono_000"
    names = sorted(first.iterdir())
    others = sorted((evening.photos / "train" / "mono_100").iterdir())
    for number in range(3):
        with Image.open(others[number]) as image:
            image.transpose(Image.Transpose.ROTATE_90).save(first / f"new{number}.png")
    names[0].unlink()
    names[1].rename(first / "renamed.png")
    with Image.open(names[2]) as image:
        edited = image.copy()
    edited.putpixel((0, 0), 255 - edited.getpixel((0, 0)))
    edited.save(names[2])
    yield evening


def undo(evening: Evening) -> None:
    shutil.rmtree(evening.photos)
    shutil.copytree(evening.photos.with_name("before"), evening.photos)


def test_each_change_is_told_by_name(changed: Evening, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((changed.photos.with_name("before") / "train/mono_000").iterdir())
    planned = folder_change(changed.planned(), changed.results)
    assert planned is not None and planned.kept == 1 and planned.back is None
    names = " ".join(planned.told)
    assert all(name in names for name in ("new0.png", "new2.png", before[0].name))
    told = changed.prepare()[CHANGES]["told"]
    capsys.readouterr()
    expected = {
        "pictures to train on that came: 3": "train/mono_000/new0.png",
        "pictures to train on that went: 1": before[0].name,
        "pictures with another name: 1": f"{before[1].name} → train/mono_000/renamed.png",
        "pictures with other content: 1": before[2].name,
    }
    assert len(told) == len(expected)
    for beginning, name in expected.items():
        line = next(line for line in told if line.startswith(beginning))
        assert name in line
    # Prepared again without a change, the record tells the same; nothing is left to say before.
    assert changed.prepare()[CHANGES]["told"] == told
    assert folder_change(changed.planned(), changed.results) is None


def test_results_are_kept_and_come_back_with_the_pictures(changed: Evening) -> None:
    made = changed.contents()
    earlier = earlier_data(changed.results, "cells")[0]
    changed.prepare()
    assert not any(path.exists() for path in changed.files)
    kept = [earlier.folder / path.relative_to(changed.results) for path in changed.files]
    assert {path.name: path.read_bytes() for path in kept} == made
    found = origin(changed.results, kept[1])
    assert found is not None and found.faults == ()
    assert not take_back(changed.wanted())
    others = changed.select()
    assert others != made
    undo(changed)
    planned = folder_change(changed.planned(), changed.results)
    assert planned is not None and planned.back is not None
    assert (planned.back.digest, planned.back.count()) == (earlier.digest, 1)
    changed.prepare()
    assert not any(path.exists() for path in changed.files)
    assert not take_back(changed.wanted(seed=1))
    assert not take_back(replace(changed.wanted(), code={"src/fd2/stages/other.py": "0"}))
    assert not take_back(replace(changed.wanted(), inputs=[changed.photos / "none"][:0] + kept[:1]))
    # Records leave out what is not set.
    assert take_back(changed.wanted(storage=None))
    assert changed.contents() == made
    # Both are kept: with the other pictures their results come back too.
    assert [one.count() for one in earlier_data(changed.results, "cells")] == [1, 1]


def test_pictures_that_are_refused_meanwhile_cost_no_result(evening: Evening) -> None:
    evening.prepare()
    made = evening.select()
    broken = evening.photos / "train" / "mono_000" / "broken.png"
    broken.write_bytes(b"not a picture")
    with pytest.raises(FD2Error, match=r"broken\.png|gives? no picture"):
        evening.prepare()
    broken.unlink()
    evening.prepare()
    assert evening.contents() == made
    # Snakemake deletes it, and runs its job again.
    for path in evening.files:
        path.unlink()
    assert take_back(evening.wanted()) and evening.contents() == made


def test_a_damaged_result_is_made_anew(changed: Evening) -> None:
    changed.prepare()
    undo(changed)
    changed.prepare()
    earlier = earlier_data(changed.results, "cells")[-1]
    tensors = earlier.folder / f"{SET}.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(bytes(content))
    assert not take_back(changed.wanted())
    tensors.unlink()
    assert not take_back(changed.wanted())
