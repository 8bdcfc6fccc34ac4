"""From key press to new picture in the page, lesson 1's widget: `python benchmarks/widgets.py`.

JupyterLab and a headless Chromium run on the same machine as the kernel. Every setting is new to its session.
"""

import random
import statistics
import sys
import tempfile
from pathlib import Path

from report import HERE, write_report

sys.path.insert(0, str(HERE.parent))

from playwright.sync_api import sync_playwright

from tests.browser.jupyter import Lab, change, launch_chromium, move_to_depth, open_widget

MOVES = 30


def main():
    choices = random.Random(0)
    seconds = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        browser = launch_chromium(playwright)
        page = open_widget(browser, lab, "01_vanishing_gradients.ipynb", "explore_gradients(")
        redraw, normalize = page.get_by_role("button", name="draw new weights"), page.get_by_label("batch norm")
        depth = 20
        for _ in range(MOVES):
            # New weights before each move: no setting can have been computed before.
            change(page, lambda: redraw.press("Enter"), f"depth {depth},")
            if choices.random() < 0.5:
                change(page, lambda: normalize.press("Space"), f"depth {depth},")
            depth = choices.choice([other for other in range(8, 111, 6) if other != depth])
            seconds.setdefault(_group(depth), []).append(move_to_depth(page, depth))
        browser.close()
        lab.stop()
    rows = [
        [
            group,
            len(times),
            f"{statistics.median(times):.2f}",
            f"{_percentile(times, 95):.2f}",
            f"{max(times):.2f}",
        ]
        for group, times in seconds.items()
    ]
    write_report(
        "widgets",
        "From key press to new picture",
        ["depth", "moves", "median, s", "95th percentile, s", "longest, s"],
        rows,
        note=f"Lesson 1, {MOVES} moves of the depth to random values with and without batch normalization; each "
        "setting is new. Measured in the page, from the key press until picture and summary are there.",
    )


def _group(depth):
    return "up to 56" if depth <= 56 else "62 to 110"


def _percentile(times, percent):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


if __name__ == "__main__":
    main()
