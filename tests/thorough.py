"""How often a property is asked: as often as it says in CI, a fifth of that on the machine of somebody who waits."""

import os


def examples(most: int) -> int:
    return most if os.environ.get("CI") else max(5, most // 5)
