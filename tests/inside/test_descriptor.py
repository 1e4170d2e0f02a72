"""A descriptor that we keep is used and closed only while it is ours."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from erni_run.inside.descriptor import Descriptor, identity


@pytest.fixture
def ours(tmp_path: Path) -> Descriptor:
    return Descriptor(os.open(tmp_path / "ours", os.O_RDWR | os.O_CREAT))


def test_it_is_ours_until_we_close_it(ours: Descriptor) -> None:
    number = ours.number
    ours.close()
    assert identity(number) is None
    assert not ours.is_ours
    ours.close()


def test_what_somebody_else_has_closed_is_not_ours(ours: Descriptor) -> None:
    os.close(ours.number)
    with pytest.raises(OSError, match="somebody else") as caught:
        _ = ours.number
    assert caught.value.errno == errno.EBADF


def test_what_somebody_else_has_opened_there_is_not_closed(ours: Descriptor, tmp_path: Path) -> None:
    number = ours.number
    os.close(number)
    theirs = os.open(tmp_path / "theirs", os.O_RDWR | os.O_CREAT)
    assert theirs == number
    assert not ours.is_ours
    ours.close()
    os.write(theirs, b"theirs")
    os.close(theirs)


def test_what_was_never_open_is_not_ours(tmp_path: Path) -> None:
    closed = os.open(tmp_path, os.O_RDONLY)
    os.close(closed)
    never = Descriptor(closed)
    theirs = os.open(tmp_path, os.O_RDONLY)
    assert theirs == closed
    assert not never.is_ours
    os.close(theirs)
