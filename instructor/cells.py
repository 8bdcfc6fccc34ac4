"""Runs cells inside the sandbox, and notices whether they changed what tests rely on."""

import builtins
import math
import sys
import types

SHOWN = 20_000  # characters of a cell's output that are kept


class Bounded:
    """A stream that keeps the first characters and counts the others."""

    encoding = "utf-8"

    def __init__(self):
        self.parts, self.size = [], 0

    def write(self, text):
        if self.size < SHOWN:
            self.parts.append(text[: SHOWN - self.size])
        self.size += len(text)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False

    def text(self):
        return "".join(self.parts) + (f"\n… {self.size - SHOWN:,} more characters" if self.size > SHOWN else "")


def run_cell(shell, source):
    """Run a cell as IPython does; return what it printed, its error and a remark for the instructor."""
    stream = Bounded()
    sys.stdout = sys.stderr = stream
    result = shell.run_cell(source, store_history=False)
    problem = result.error_before_exec or result.error_in_exec
    error = f"{type(problem).__name__}: {problem}"[:2000] if problem is not None else ""
    remark = f"printed {stream.size:,} characters" if stream.size > 50 * SHOWN else ""
    if isinstance(problem, MemoryError):
        remark = "asked for more memory than a submission may use"
    return stream.text(), error, remark


def fingerprint():
    """Remember what tests rely on: the course's module, and the functions of Python and NumPy."""
    modules = {name: module for name, module in sys.modules.items() if name.startswith("resnet_edu")}
    modules |= {module.__name__: module for module in (builtins, math, sys.modules["numpy"])}
    remembered = {}
    for name, module in modules.items():
        for key, value in vars(module).copy().items():
            if isinstance(value, type) and value.__module__ == name:
                for member, function in vars(value).copy().items():
                    if callable(function) or isinstance(function, property):
                        remembered[name, key, member] = _identity(function)
            if callable(value):
                remembered[name, key, None] = _identity(value)
    return modules, remembered


def _identity(value):
    return value, getattr(value, "__code__", None), getattr(value, "__defaults__", None)


def altered(intact):
    """Return the name of something that tests rely on and that is not what it was, if there is such a thing."""
    modules, remembered = intact
    for name, module in modules.items():
        if name in sys.modules and sys.modules[name] is not module:
            return name
    for (name, key, member), before in remembered.items():
        now = vars(modules[name]).get(key)
        if member is not None:
            now = vars(now).get(member) if isinstance(now, type | types.ModuleType) else None
        if any(a is not b for a, b in zip(_identity(now), before, strict=True)):
            return f"{name}.{key}" + (f".{member}" if member else "")
    return None
