"""What the queue says when it cannot do its work; a client may retry after the first two."""


class QueueError(Exception):
    """Anything that the queue refuses."""


class QueueFull(QueueError):
    """The queue has reached its byte limit, or the disk has no room: try later."""


class QueueBroken(QueueError):
    """The disk refuses writes for another reason than space: try later; the queue does too."""


class QueueInUse(QueueError):
    """Another process writes to this directory."""


class QueueFormat(QueueError):
    """The files were written by a newer Spanbook; they are left as they are."""
