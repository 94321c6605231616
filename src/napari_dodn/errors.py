"""The one kind of error that is meant for the person at the screen."""


class UserError(ValueError):
    """Something that a user asked for and cannot have.

    The message is one sentence: what is wrong, in which file or field, and what to do. The command
    line prints it and napari shows it, without a traceback. Every room has its own subclass.
    """
