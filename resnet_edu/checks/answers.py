"""How every check meets an answer: it runs it safely, and ends in a `Result`."""

import contextlib
import signal
import threading
from dataclasses import dataclass

# For what an error's message can contain, a better hint than to look for oneself.
ERROR_HINTS = {
    "keyword argument": "Compare the arguments of your function with those in the exercise.",
    "positional argument": "Compare the arguments of your function with those in the exercise.",
    "names should be unique": "Two layers got the same name. Build each name from the numbers of stage and block.",
}
TIME_LIMIT = 4.0  # seconds for one call of the learner's function


@dataclass(frozen=True)
class Result:
    """The outcome of a check: `status` is "correct", "wrong" or "not attempted"; the message says why."""

    status: str
    message: str
    hint: str = ""

    @property
    def passed(self):
        return self.status == "correct"

    def __repr__(self):
        sign = {"correct": "✓", "wrong": "✗", "not attempted": "○"}[self.status]
        return f"{sign} {self.message}" + (f"\n  Hint: {self.hint}" if self.hint else "")


class WrongAnswerError(Exception):
    def __init__(self, message, hint):
        super().__init__(message)
        self.result = Result("wrong", message, hint)


class NothingReturnedError(Exception):
    pass


class TooSlowError(BaseException):
    """Not an Exception, so that an answer's own `except Exception` does not swallow it."""


def error_hint(error, other="Run it by itself, outside the check, to see where."):
    """Return the hint for an exception of the learner's function, or the `other` one where none is better."""
    return next((hint for text, hint in ERROR_HINTS.items() if text in str(error)), other)


def run(answer, verify, *, hint="Run it by itself, outside the check, to see where."):
    """Turn a verification into a Result: it returns what was right, or raises what was wrong."""
    if answer is None or answer is Ellipsis:
        return Result("not attempted", "not attempted yet")
    try:
        return Result("correct", verify())
    except WrongAnswerError as wrong:
        return wrong.result
    except NothingReturnedError:
        return Result("not attempted", "not attempted yet: the function returns nothing")
    except TooSlowError:
        return Result("wrong", "no answer after many seconds.", "Is there a loop that never ends?")
    except (Exception, SystemExit) as error:
        return Result(
            "wrong", f"your answer stopped with {type(error).__name__}: {error}", error_hint(error, hint)
        )


def call(function, *arguments):
    """Call the learner's function; a stub, which returns nothing, counts as not attempted."""
    if not callable(function):
        wrong(f"a function is needed here, not {type(function).__name__}.", "Pass its name without parentheses.")
    with time_limit(TIME_LIMIT):
        result = function(*arguments)
    if result is None:
        raise NothingReturnedError
    return result


def wrong(message, hint):
    raise WrongAnswerError(message, hint)


@contextlib.contextmanager
def time_limit(seconds):
    """Stop an endless answer, where the system has timers for it: on Unix, in the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    struck = False

    def stop(signum, frame):
        nonlocal struck
        struck = True
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    # Again and again, because a bare `except:` in the answer can swallow it once.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    except Exception as error:
        if struck:  # compiled code that it met can make an error of its own of it, such as a SystemError
            raise TooSlowError from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
