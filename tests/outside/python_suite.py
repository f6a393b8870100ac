"""A pytest suite somewhere else: `pytest --weir-leaks` fails test_planted alone."""
import numpy as np

import weir

kept = []


def test_clean():
    a = np.ones(100)
    assert (a + a).sum() == 200


def test_planted():
    with weir.tag("layer1"):
        kept.append(np.ones(100))


def test_after_it():
    assert weir.zeros(5).shape == (5,)
