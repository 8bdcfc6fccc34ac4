"""What every benchmark writes: a Markdown table with the machine and the versions that it was measured with."""

import platform
from importlib.metadata import version
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent


def write_report(name, title, columns, rows, *, note):
    """Write benchmarks/NAME.md and print it; rows are lists of values in the order of the columns."""
    lines = [
        f"# {title}",
        "",
        note,
        "",
        f"Machine: {psutil.cpu_count()} CPU cores ({_processor()}), "
        f"{psutil.virtual_memory().total / 2**30:.0f} GiB memory, no GPU used. "
        f"Python {platform.python_version()}, Keras {version('keras')}, TensorFlow {version('tensorflow')}. "
        f"Written by `benchmarks/{name}.py`.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows),
        "",
    ]
    text = "\n".join(lines)
    (HERE / f"{name}.md").write_text(text)
    print(text)


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
