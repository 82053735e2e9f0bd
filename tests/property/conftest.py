"""These tests start no process, speak to no other machine, and write only below pytest's folder."""

from collections.abc import Iterator

import pytest

from tests.support.confinement import confined


@pytest.fixture(autouse=True)
def _confined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with confined(tmp_path_factory.getbasetemp()):
        yield
