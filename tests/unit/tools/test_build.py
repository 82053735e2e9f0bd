"""What build.py makes of its words."""

import pytest

import build


@pytest.mark.parametrize(
    ("words", "tight"),
    [
        (["--enrich", "mine.py", "--level", "tight"], True),
        (["--level=tight"], True),
        (["--enrich", "tight.py"], False),
        ([], False),
    ],
)
def test_tight_code_needs_the_packages_of_the_tests(words: list[str], tight: bool) -> None:
    assert build.is_tight(words) is tight
