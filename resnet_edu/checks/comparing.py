"""How a check compares a function with the right one at several calls, and recognizes usual mistakes."""

import contextlib
import copy
import functools
import math
import warnings

import numpy as np

from resnet_edu.checks.answers import NothingReturnedError, call, wrong


def as_number(value):
    """Return the value as a float, or None where it is not one number."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        if not isinstance(value, str):
            return float(value)
    return None


def number(value, what):
    """Read one number."""
    result = as_number(value)
    if result is None:
        wrong(f"{what} gave {type(value).__name__}, not a number.", "Return one number.")
    return result


class Call:
    """One call of the learner's function: its arguments, always copied, and how they are shown."""

    def __init__(self, *arguments, shown=None, **keywords):
        self.arguments, self.keywords = arguments, keywords
        named = [f"{name}={value!r}" for name, value in keywords.items()]
        self.shown = shown or f"({', '.join([*map(repr, arguments), *named])})"

    def of(self, function):
        return function(*copy.deepcopy(self.arguments), **copy.deepcopy(self.keywords))


def compare(answer, name, calls, *, read=number, **comparison):
    """Compare a function with the right one at all calls, or else with usual mistakes; see `diagnose`."""
    diagnose(ask(answer, name, calls, read), name, calls, **comparison)


def ask(answer, name, calls, read=number):
    """Return the learner's result at each call, as `read(result, what)` understands it."""
    got = []
    for each in calls:
        what = f"{name}{each.shown}"
        with warnings.catch_warnings(action="ignore"):
            try:
                got.append(read(call(each.of, answer) if callable(answer) else call(answer), what))
            except NothingReturnedError:
                if not got:
                    raise
                wrong(f"{what} gave nothing.", "Every way through the function needs a return.")
    return got


def diagnose(got, name, calls, *, right, mistakes, hint, close=None, tell=None):
    """Say what is wrong with the results of all calls, unless nothing is.

    A mistake is `(function, symptom, hint)`; it is recognized only if it agrees at every call. `close(a, b)` says
    whether two results agree, `tell(got, wanted)` in which way they do not.
    """
    close, tell = close or close_numbers(), tell or tell_number

    def agrees(function):
        return all(close(value, each.of(function)) for value, each in zip(got, calls, strict=True))

    if agrees(right):
        return
    place = next(i for i, each in enumerate(calls) if not close(got[i], each.of(right)))
    shown = f"{name}{calls[place].shown} {tell(got[place], calls[place].of(right))}"
    for function, symptom, remedy in mistakes:
        if agrees(function):
            wrong(f"{shown}: {symptom}", remedy)
    if len(got) > 1 and all(close(value, got[0]) for value in got):
        wrong(f"{shown}, and the same at every other call.", "The result must depend on the arguments.")
    wrong(f"{shown}.", hint)


def diagnose_pairs(got, name, calls, *parts):
    """Diagnose the two numbers of each result one after the other; `parts` holds the keywords for each."""
    swapped = all(
        part.get("close", close_numbers())(value, each.of(part["right"]))
        for values, each in zip(got, calls, strict=True)
        for value, part in zip(reversed(values), parts, strict=True)
    )
    if swapped:
        wrong(f"{name} gave the two numbers in the wrong order.", "Read again which of the two comes first.")
    for index, part in enumerate(parts):
        diagnose([values[index] for values in got], name, calls, **part)


def close_numbers(tolerance=1e-6, floor=1e-6):
    """Return the comparison of two numbers that allows for rounding, also that of float32.

    `floor` is the absolute difference that never counts: for right values near 0 that are not small by nature.
    """
    return functools.partial(math.isclose, rel_tol=tolerance, abs_tol=floor)


def tell_number(got, wanted):
    return f"gave {got:.6g}, not {wanted:.6g}"


def tell_count(got, wanted, unit=""):
    shown = f"{got:,.0f}" if got.is_integer() else f"{got:,.2f}"
    return f"gave {shown}{unit}, not {wanted:,}"


def pair(value, what):
    """Read a tuple, list or array of two numbers."""
    if isinstance(value, str | dict | set) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        wrong(f"{what} gave {type(value).__name__}, not two numbers.", "Return both numbers: return first, second")
    try:
        size = len(value)
    except TypeError:  # an array without axes
        size = 1
    if size != 2:
        wrong(f"{what} gave {size} values, not two numbers.", "Return both numbers: return first, second")
    return number(value[0], what), number(value[1], what)


def array(value, what):
    """Read anything that NumPy makes an array of numbers of."""
    try:
        return np.array(value, float)
    except (TypeError, ValueError):
        return wrong(f"{what} gave {type(value).__name__}, not an array of numbers.", "Return one NumPy array.")


def close_arrays(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-5, atol=1e-6)
