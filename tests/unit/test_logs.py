"""Log lines are spared where somebody could cause any number of them."""

from forwarder.logs import Sparing


def test_few_lines_of_a_kind_pass_in_a_second_and_the_rest_is_counted() -> None:
    now = 1.0
    sparing = Sparing(lambda: now)
    said = [sparing.left_out_before("refused") for _ in range(50)]
    assert said == [0] * 20 + [None] * 30
    assert sparing.left_out_before("another") == 0
    now = 2.5
    assert [sparing.left_out_before("refused") for _ in range(2)] == [30, 0]
    assert sparing.left_out_before("another") == 0
