"""Settings shared by all tests."""

from collections.abc import Iterator

import pytest

from pyframe import _core, config


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
