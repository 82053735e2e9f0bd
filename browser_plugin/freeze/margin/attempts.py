# mypy: ignore-errors
"""How the margin calls: what fails is part of it."""


def attempt(function, *arguments):
    """Return the answer, or the error as text with the lines it went through."""
    try:
        return function(*arguments)
    except Exception as error:
        lines = []
        trace = error.__traceback__
        while trace is not None:
            lines.append(trace.tb_lineno)
            trace = trace.tb_next
        return "%s: %s %r %s" % (type(error).__name__, error, error, lines)
