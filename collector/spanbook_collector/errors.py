"""What can go wrong in the collector, for people: what could not be done, and the way out."""


class SpanbookError(Exception):
    """An error to be shown as `error: …` with a `hint: …` line beneath it."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(SpanbookError):
    """The configuration cannot be used; nothing was started."""

    exit_code = 2


class StartError(SpanbookError):
    """A part cannot start: a port is taken, a directory cannot be written, the store is too old."""

    exit_code = 2
