"""Settings shared by all tests."""

from collections.abc import Iterator

import pytest

from pyframe import _core, config
from pyframe.saving import get_custom_objects


@pytest.fixture(autouse=True)
def _engine_settings_are_put_back() -> Iterator[None]:
    """A test that changes threads, ISA level or algorithm must not change the tests after it."""
    threads, level = _core.get_num_threads(), _core.get_isa()
    algorithm, limit = _core.get_conv_algorithm(), config.memory_limit()
    yield
    _core.set_num_threads(threads)
    _core.set_isa(level)
    _core.set_conv_algorithm(algorithm)
    config.set_memory_limit(limit)


@pytest.fixture(autouse=True)
def _register_is_put_back() -> Iterator[None]:
    """A class that one test registers must be unknown to the others."""
    register = get_custom_objects()
    before = dict(register)
    yield
    register.clear()
    register.update(before)
