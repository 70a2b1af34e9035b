"""Pickles, deep copies and the life of models."""

import copy
import gc
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyframe.callbacks import Callback
from pyframe.models import Model
from tests.models.helpers import classifier, data, same_weights
from tests.models.test_sequential import Net


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_go_on_where_the_original_is(clone: Callable[[Any], Any]) -> None:
    """Weights, slots, counters and random state are copied: training goes on with equal bits."""
    x, y = data()
    model = classifier(dropout=0.3, metrics=["accuracy"])
    model.fit(x, y, epochs=2, verbose=0)
    other = clone(model)
    np.testing.assert_array_equal(model.predict(x), other.predict(x))
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations) > 0
    one = model.fit(x, y, epochs=2, shuffle=False, verbose=0).history
    two = other.fit(x, y, epochs=2, shuffle=False, verbose=0).history
    assert one == two
    assert same_weights(model, other)
    # They share nothing.
    other.set_weights([w * 0 for w in other.get_weights()])
    assert not same_weights(model, other)


def test_copies_of_models_that_were_never_used() -> None:
    model = copy.deepcopy(classifier())
    x, y = data()
    model.fit(x, y, verbose=0)
    net = pickle.loads(pickle.dumps(Net()))
    assert net.predict(x).shape == (70, 2)


class Plain(Callback):
    """A callback that keeps the model for the time of the training."""


@pytest.mark.parametrize("make", [lambda: classifier(dropout=0.5, metrics=["accuracy"]), Net])
def test_models_are_freed_by_reference_count(make: Callable[[], Model]) -> None:
    x, y = data()
    gc.collect()
    gc.disable()
    try:
        model = make()
        if not model.compiled:
            model.compile("adam", "mse")
            y = np.zeros((70, 2))
        model.fit(x, y, epochs=2, verbose=0, validation_split=0.3, callbacks=[Plain()])
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        model(x, training=True)
        model.train_on_batch(x, y)
        reference = weakref.ref(model)
        del model
        assert reference() is None
    finally:
        gc.enable()
