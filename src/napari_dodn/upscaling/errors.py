"""The error of this room."""


class UpscaleError(ValueError):
    """A job that cannot be done as asked; the message is one sentence for the person at the screen."""
