"""The Quartz validator accepts the examples of the format's reference, and rejects near misses."""

import pytest

from tooling.databricks_setup.bundle.quartz import quartz_faults

GOOD = """
0 0 12 * * ?
0 15 10 ? * *
0 15 10 * * ? 2005
0 0/5 14,18 * * ?
0 0-5 14 * * ?
0 10,44 14 ? 3 WED
0 15 10 ? * mon-FRI
0 15 10 15 * ?
0 15 10 L * ?
0 15 10 L-2 * ?
0 15 10 LW * ?
0 15 10 15W * ?
0 15 10 ? * 6L
0 15 10 ? * 6L 2022-2025
0 15 10 ? * 6#3
0 0 12 1/5 * ?
0 11 11 11 11 ?
*/20 * 8-18/2 ? JAN-JUN 2-6 *
"""

BAD = """
@daily
0 3 * * *
0 0 3 * * *
0 0 3 ? * ?
60 0 3 * * ?
0 60 3 * * ?
0 0 24 * * ?
0 0 3 0 * ?
0 0 3 32 * ?
0 0 3 * 13 ?
0 0 3 ? * 0
0 0 3 ? * 8
0 0 3 ? * MUN
0 0 3 ? * 9L
0 0 3 ? * 6#6
0 0 3 40W * ?
0 0 3 L-31 * ?
0 0 3 5-40 * ?
0 0/0 3 * * ?
0 0/70 3 * * ?
0 0 3- * * ?
0 0 1,,2 * * ?
0 0 ? * * ?
0 0 3 * * ? 1900
0 0 3 * * ? 2030 1
"""


@pytest.mark.parametrize("expression", GOOD.strip().splitlines())
def test_an_example_of_the_reference_is_valid(expression: str) -> None:
    assert quartz_faults(expression) == []


@pytest.mark.parametrize("expression", BAD.strip().splitlines())
def test_a_near_miss_is_invalid(expression: str) -> None:
    assert quartz_faults(expression)
