"""What a stage may answer besides bytes."""


class Refused(ValueError):
    """The request is not OTLP or breaks a limit; nothing of it was kept, and sending it again will not help.

    The message goes to the client. It names places, numbers and limits, never content.
    """
