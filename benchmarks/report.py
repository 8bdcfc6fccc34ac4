"""What every benchmark writes: a Markdown table with the machine and the versions that it was measured with."""

from pathlib import Path

import psutil

from resnet_edu import runs

HERE = Path(__file__).resolve().parent


def write_report(name, title, columns, rows, *, note, suffix=""):
    """Write benchmarks/NAME.md and print it; rows are lists of values in the order of the columns.

    `suffix` tells apart the reports of one script.
    """
    used = runs.versions()
    lines = [
        f"# {title}",
        "",
        note,
        "",
        f"Machine: {used['device']}, {psutil.virtual_memory().total / 2**30:.0f} GiB memory. "
        f"{used['python']}, {used['keras']}, {used['backend']}. "
        f"Written by `benchmarks/{name}.py`.",
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(map(str, row)) + " |" for row in rows),
        "",
    ]
    text = "\n".join(lines)
    (HERE / f"{name}{suffix}.md").write_text(text)
    print(text)
