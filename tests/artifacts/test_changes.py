"""Pictures that came, went, were renamed, moved or edited, each told once."""

from __future__ import annotations

from dataclasses import replace

from fd2.artifacts.changes import Picture, changes


def told(before: dict[str, Picture], now: dict[str, Picture]) -> dict[str, tuple[str, ...]]:
    return {remark.what: remark.first for remark in changes(before, now)}


BEFORE = {
    "a/1.png": Picture("a", "train", "one"),
    "a/2.png": Picture("a", "train", "two"),
    "a/3.png": Picture("a", "test", "three"),
    "b/4.png": Picture("b", "train", "four"),
}


def test_nothing_is_told_of_the_same_pictures() -> None:
    assert told(BEFORE, dict(reversed(BEFORE.items()))) == {}


def test_each_change_has_its_words() -> None:
    now = {
        "a/2 new.png": BEFORE["a/2.png"],
        "a/3.png": replace(BEFORE["a/3.png"], split="train"),
        "a/4.png": replace(BEFORE["b/4.png"], class_name="a"),
        "b/5.png": Picture("b", "test", "five"),
        "a/1.png": replace(BEFORE["a/1.png"], sha256="edited"),
    }
    assert told(BEFORE, now) == {
        "pictures with another name": ("a/2.png → a/2 new.png",),
        "pictures to test on that are to train on": ("a/3.png",),
        "pictures that are in another class": ("b/4.png → a/4.png",),
        "pictures to test on that came": ("b/5.png",),
        "pictures with other content": ("a/1.png",),
    }
    gone = {name: one for name, one in BEFORE.items() if name != "a/1.png"}
    assert told(BEFORE, gone) == {"pictures to train on that went": ("a/1.png",)}


def test_of_copies_each_has_one_new_name() -> None:
    before = {name: Picture("a", "train", "same") for name in ("1", "2")}
    now = {name: Picture("a", "train", "same") for name in ("3", "4", "5")}
    assert told(before, now) == {
        "pictures with another name": ("1 → 3", "2 → 4"),
        "pictures to train on that came": ("5",),
    }


def test_listed_files_are_compared_by_name() -> None:
    now = {name: replace(one, sha256=None) for name, one in BEFORE.items()}
    assert told(BEFORE, now) == {}
    now["a/5.png"] = now.pop("a/1.png")
    assert told(BEFORE, now) == {
        "pictures to train on that came": ("a/5.png",),
        "pictures to train on that went": ("a/1.png",),
    }
