"""Places for the snapshots of tests, and the seed of those that draw their cases."""

import os
import random
import unittest

_numbers = iter(range(1, 1 << 30))


def fresh(name="snapshot"):
    """A place where nothing is."""
    return os.path.join(os.environ["TSNAP_TEST_FOLDER"], f"{name}-{os.getpid()}-{next(_numbers)}")


def seeded():
    """A generator whose seed is printed; TSNAP_TEST_SEED repeats a run."""
    seed = int(os.environ.get("TSNAP_TEST_SEED") or random.SystemRandom().randrange(1 << 31))
    print(f"seed {seed}")
    return random.Random(seed)


def main():
    unittest.main(verbosity=1)
