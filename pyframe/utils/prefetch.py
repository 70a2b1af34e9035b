"""Numbered batches fetched ahead by threads, handed out in their order."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any


class _Shared:
    """What the threads know; the object that the user holds is not among it."""

    def __init__(self, fetch: Callable[[Any], Any], order: Iterable[Any], limit: int) -> None:
        self.fetch = fetch
        self.order = iter(order)
        self.limit = limit
        self.changed = threading.Condition()
        self.issued = 0
        self.taken = 0
        self.results: dict[int, tuple[Any, BaseException | None]] = {}
        self.exhausted = False
        self.closed = False

    def ticket(self) -> tuple[int, Any] | None:
        """Returns the place in the queue and what to fetch for it, the next of `order`."""
        with self.changed:
            while not self.closed and self.issued - self.taken >= self.limit:
                self.changed.wait()
            if self.closed or self.exhausted:
                return None
            try:
                number = next(self.order)
            except StopIteration:
                self.exhausted = True
                self.changed.notify_all()
                return None
            except BaseException as error:
                self.results[self.issued] = None, error
                self.issued += 1
                self.exhausted = True
                self.changed.notify_all()
                return None
            place = self.issued
            self.issued += 1
            return place, number

    def put(self, place: int, value: Any, error: BaseException | None) -> None:
        with self.changed:
            self.results[place] = value, error
            self.exhausted = self.exhausted or error is not None
            self.changed.notify_all()


class AbandonedError(Exception):
    """A batch is not finished because nobody waits for it any more; seen by no user."""


class _Here(threading.local):
    shared: _Shared | None = None  # for which this thread works


_here = _Here()


def asked_whether_wanted() -> Callable[[], bool]:
    """Returns what tells whether somebody waits for the batch that this thread is at.

    It is for other threads that work on the same batch, and true where no `Prefetcher` has asked
    for the batch.
    """
    shared = _here.shared
    return lambda: shared is None or not shared.closed


def _work(shared: _Shared) -> None:
    _here.shared = shared
    while True:
        ticket = shared.ticket()
        if ticket is None:
            return
        place, number = ticket
        try:
            shared.put(place, shared.fetch(number), None)
        except AbandonedError:
            return
        except BaseException as error:
            shared.put(place, None, error)


_open: weakref.WeakSet[Prefetcher] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    """Waits for the threads: none may be at work while the interpreter is taken apart."""
    for prefetcher in list(_open):
        prefetcher.close()
    for prefetcher in list(_open):
        prefetcher.join(5.0)


class Prefetcher(Iterator[Any]):
    """Fetches batches ahead in threads.

    What `fetch` raises is raised by `next`, at the batch's own place. The threads end with the
    last batch, with `close`, and when nothing refers to the object any more.

    Args:
        fetch: gives the batch of a number; called by several threads at once.
        order: the numbers, or other things that `fetch` takes; each is taken by one thread, in
            order and not before there is room for its batch.
        workers: number of threads >= 1.
        limit: largest number of batches that are ready or in the making, >= 1.
    """

    def __init__(
        self, fetch: Callable[[Any], Any], order: Iterable[Any], workers: int, limit: int
    ) -> None:
        self._shared = _Shared(fetch, order, max(limit, 1))
        self._process = os.getpid()
        self._threads = [
            threading.Thread(
                target=_work, args=(self._shared,), name=f"pyframe-worker-{i}", daemon=True
            )
            for i in range(workers)
        ]
        _open.add(self)
        for thread in self._threads:
            thread.start()

    def __next__(self) -> Any:
        shared = self._shared
        with shared.changed:
            while shared.taken not in shared.results:
                if shared.closed or (shared.exhausted and shared.taken >= shared.issued):
                    raise StopIteration
                shared.changed.wait(1.0)
            value, error = shared.results.pop(shared.taken)
            shared.taken += 1
            shared.changed.notify_all()
        if error is not None:
            self.close()
            raise error
        return value

    def close(self) -> None:
        """Makes the threads end with the batches that they are at, or in the midst of them.

        See `asked_whether_wanted`.
        """
        if self._process != os.getpid():
            return  # of the child of a fork, which has no such threads and maybe a locked lock
        with self._shared.changed:
            self._shared.closed = True
            self._shared.changed.notify_all()

    def join(self, timeout: float) -> None:
        """Waits until the threads have ended, or for so many seconds for each."""
        if self._process == os.getpid():
            for thread in self._threads:
                thread.join(timeout)

    def __del__(self) -> None:
        if "_threads" in self.__dict__:
            self.close()
