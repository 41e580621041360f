"""The durable queue: append-only segments, a cursor for each reader, and the journal of batches.

`Queue` is the writing end (one process), `QueueReader` a reading end (any process). Nothing is acknowledged before it
is fsynced, and nothing is read before that either.
"""

from .cursors import forget_reader, reader_names
from .errors import QueueBroken, QueueError, QueueFormat, QueueFull, QueueInUse
from .journal import Batch, Journal
from .queue import Limits, Queue
from .reader import Lag, QueueReader
from .records import Record, Stretch
from .state import QueueState, ReaderState, inspect

__all__ = [
    "Batch",
    "Journal",
    "Lag",
    "Limits",
    "Queue",
    "QueueBroken",
    "QueueError",
    "QueueFormat",
    "QueueFull",
    "QueueInUse",
    "QueueReader",
    "QueueState",
    "ReaderState",
    "Record",
    "Stretch",
    "forget_reader",
    "inspect",
    "reader_names",
]
