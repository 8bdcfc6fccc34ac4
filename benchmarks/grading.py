"""What grading costs, and whether the points are right: `.venv-instructor/bin/python benchmarks/grading.py`.

It builds a course in a folder of its own, and grades generated classes of 25 to 200 submissions of one lesson, the
solution and the stub of every lesson with 20 mixed submissions of all but lesson 0, and the hostile ones. The
report is benchmarks/grading.md.
"""

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from report import write_report

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "grading")]

from students import Class, hand_in_hostile

from instructor import grade, release, sandbox

LESSON = "01_vanishing_gradients"


class PeakMemory:
    """The most memory that this process and all below it held at a time, in GiB; shared pages count once each."""

    def __enter__(self):
        self.peak, self.running = 0, True
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *exception):
        self.running = False
        self.thread.join()

    def _watch(self):
        while self.running:
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak = max(self.peak, total / 2**30)
            time.sleep(1)


def grade_class(course, folder):
    """Grade a class on two cores; return its rows by student, the seconds and the memory."""
    start = time.monotonic()
    with PeakMemory() as memory:
        rows = grade.grade(folder, course, jobs=2, level=sandbox.best_level())
    return {(row["student"], row["assignment"]): row for row in rows}, time.monotonic() - start, memory.peak


def measure_class(course, scratch, count):
    """Grade `count` mixed submissions of one lesson."""
    classroom = Class(course, scratch / f"class{count}")
    expected = {f"s{i:03}": classroom.hand_in_mixed(f"s{i:03}", LESSON, i) for i in range(count)}
    rows, seconds, memory = grade_class(course, classroom.folder)
    right = sum(rows[s, LESSON]["points"] == f"{sum(points.values()):g}" for s, points in expected.items())
    return [
        f"{count} of {LESSON}",
        f"{right} of {count}",
        f"{seconds:.0f}",
        f"{seconds / count:.2f}",
        f"{memory:.2f}",
    ]


def measure_all_lessons(course, scratch):
    """Grade the solution and the stub of every lesson, and 20 mixed submissions of all but lesson 0."""
    classroom, expected = Class(course, scratch / "mixed"), {}
    for lesson in sorted(path.stem for path in (course / "source").glob("*/*.ipynb")):
        most = sum(classroom.points(lesson).values())
        classroom.hand_in("solution", lesson, classroom.solutions(lesson))
        classroom.hand_in("stub", lesson, {})
        expected |= {("solution", lesson): most, ("stub", lesson): 0}
    lessons = sorted({lesson for _, lesson in expected})
    for i in range(20):
        lesson = lessons[1 + i % (len(lessons) - 1)]
        expected[f"m{i:02}", lesson] = sum(classroom.hand_in_mixed(f"m{i:02}", lesson, i // 3 + i).values())
    rows, seconds, memory = grade_class(course, classroom.folder)
    wrong = {
        key: (rows[key]["points"], points)
        for key, points in expected.items()
        if rows[key]["points"] != f"{points:g}"
    }
    print("not as expected:", wrong)
    count = len(expected)
    what = "solution and stub of every lesson, 20 mixed"
    return [what, f"{count - len(wrong)} of {count}", f"{seconds:.0f}", f"{seconds / count:.2f}", f"{memory:.2f}"]


def measure_hostile(course, scratch):
    """Grade the hostile submissions beside two others."""
    classroom = Class(course, scratch / "hostile")
    reasons = hand_in_hostile(classroom, LESSON, ROOT)
    classroom.hand_in("solution", LESSON, classroom.solutions(LESSON))
    classroom.hand_in("stub", LESSON, {})
    rows, seconds, memory = grade_class(course, classroom.folder)
    right = sum(
        bool(rows[s, LESSON]["remark"]) and reason in rows[s, LESSON]["remark"] for s, reason in reasons.items()
    )
    others = [rows[s, LESSON]["points"] for s in ("solution", "stub")] == ["8", "0"]
    for student in reasons:
        print(student, rows[student, LESSON])
    count = len(reasons) + 2
    what = f"{len(reasons)} hostile, the solution, the stub"
    return [what, f"{right + 2 * others} of {count}", f"{seconds:.0f}", f"{seconds / count:.2f}", f"{memory:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=200, help="submissions in the largest class")
    most = parser.parse_args().most
    if sandbox.best_level() not in ("namespaces", "user"):
        sys.exit("This system offers no sandbox, and hostile submissions run in nothing else.")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        course = scratch / "course"
        release.build_course(course, "benchmark")
        rows = [measure_all_lessons(course, scratch), measure_hostile(course, scratch)]
        rows += [measure_class(course, scratch, most // part) for part in (8, 4, 2, 1)]
    write_report(
        "grading",
        "Grading a class",
        ["submissions", "as expected", "seconds", "seconds each", "peak memory, GiB"],
        rows,
        note="`make grade` with two submissions at once: running them, booking the points, writing the feedback. "
        "As expected: the points of a generated mix of right, wrong and missing answers; of a hostile one, "
        f"a reason in its row. A hostile cell may run {sandbox.Limits().cell_seconds:g} s. "
        f"Sandbox: {sandbox.best_level()}. Other programs were running, too.",
    )


if __name__ == "__main__":
    main()
