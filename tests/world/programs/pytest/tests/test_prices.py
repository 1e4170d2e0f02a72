import asyncio
import logging

import pytest
from shop.prices import fetch, total


def test_total():
    assert total([1, 2]) == 3


def test_nothing():
    with pytest.raises(ValueError, match="nothing"):
        total([])


def test_fetch(caplog, capfd):
    logging.getLogger("shop").warning("looking")
    print("aloud")
    assert asyncio.run(fetch("apple")) == 3
    assert [record.getMessage() for record in caplog.records] == ["looking"]
    assert capfd.readouterr() == ("aloud\n", "")


def test_that_fails():
    assert total([1, 2]) == 4
