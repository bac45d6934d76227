"""The one exception that a user is meant to read: one sentence, no traceback."""


class UserError(ValueError):
    """Bad input. The message names the file, the key, the value, and what is allowed."""
