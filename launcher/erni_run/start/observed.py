"""An environment that remembers what it was asked for: only that can change what was made from it."""

from collections.abc import Iterator, Mapping

from erni_run.start.remembered import value_of


class Observed(Mapping[str, str]):
    """``environ``, and in ``asked`` the values of the variables that somebody has looked at, as an entry holds them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.asked: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> str:
        self.asked[name] = value_of(self._environ, name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        raise TypeError("ask for a variable by its name: what is not asked for is not remembered")

    def __len__(self) -> int:
        return len(self._environ)
