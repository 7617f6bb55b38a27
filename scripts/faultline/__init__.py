"""faultline's command line: everything of the project that is Python and not SQL."""


class UsageError(Exception):
    """What was asked for cannot be done as asked; the message says why and what would work. Exit code 2."""
