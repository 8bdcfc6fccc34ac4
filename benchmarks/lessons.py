"""How long each lesson runs and how much memory it needs, kernel included: `python benchmarks/lessons.py`.

Memory is the largest sum of resident memory of the kernel and its children, sampled while the lesson runs.
mybinder.org gives 2 GB.
"""

import threading
import time

import nbformat
import psutil
from nbclient import NotebookClient
from report import HERE, write_report

LESSONS = sorted((HERE.parent / "notebooks").glob("*.ipynb"))
SAMPLE_SECONDS = 0.05
LIMIT_GIB = 1.5


def measure_lesson(path):
    """Run a lesson once; return seconds, kernel start included, and peak memory in GiB."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}})
    done, peak = threading.Event(), [0]

    def watch():
        while not done.wait(SAMPLE_SECONDS):
            kernels = psutil.Process().children(recursive=True)
            peak[0] = max(peak[0], sum(map(_resident, kernels)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.monotonic()
    try:
        client.execute()
    finally:
        done.set()
        watcher.join()
    return time.monotonic() - start, peak[0] / 2**30


def _resident(process):
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def main():
    rows = []
    for path in LESSONS:
        seconds, gib = measure_lesson(path)
        rows.append([path.stem, f"{seconds:.0f}", f"{gib:.2f}"])
    write_report(
        "lessons",
        "Time and memory of each lesson",
        ["lesson", "Run All, seconds", "peak memory, GiB"],
        rows,
        note=f"Kernel start and all cells, no CIFAR-10, no network. The aim is under {LIMIT_GIB} GiB a lesson.",
    )


if __name__ == "__main__":
    main()
