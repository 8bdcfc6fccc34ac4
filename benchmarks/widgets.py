"""From key press to new picture in the page, in lessons 1, 3 and 5: `python benchmarks/widgets.py`.

JupyterLab and a headless Chromium run on the same machine as the kernel.
"""

import random
import statistics
import sys
import tempfile
from pathlib import Path

from report import HERE, write_report

sys.path.insert(0, str(HERE.parent))

from playwright.sync_api import sync_playwright

from tests.browser.jupyter import (
    Lab,
    change,
    close_notebooks,
    launch_chromium,
    make_widget,
    move_to_depth,
    open_notebook,
    run_all,
)

MOVES = 30


def main():
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = Lab(Path(folder))
        browser = launch_chromium(playwright)
        for name, call, measure in [
            ("01_vanishing_gradients", "explore_gradients(", measure_lesson_1),
            ("03_residual_block", "explore_shortcuts(", measure_lesson_3),
            ("05_resnet_v2", "explore_gradients(", measure_lesson_5),
        ]:
            page = open_notebook(browser, lab, f"{name}.ipynb")
            run_all(page)
            make_widget(page, call)
            moves = list(measure(page, random.Random(0)))
            rows += [[name, *row] for row in summarize(moves)]
            close_notebooks(browser)
        browser.close()
        lab.stop()
    write_report(
        "widgets",
        "From key press to new picture",
        ["lesson", "setting", "moves", "median, s", "95th percentile, s", "longest, s"],
        rows,
        note=f"{MOVES} moves a lesson to random settings, each of them new to its session, and as many back to "
        "the setting before. Measured in the page, from the key press until picture and summary are there.",
    )


def measure_lesson_1(page, choices):
    """Yield `(group, seconds)` of moves of the depth, with and without batch normalization."""
    normalize = page.get_by_label("batch norm")
    depth = 20
    for _ in range(MOVES):
        if choices.random() < 0.5:
            change(page, lambda: normalize.press("Space"), f"depth {depth},")
        depth = yield from move_there_and_back(page, choices, depth, range(8, 111, 6))


def measure_lesson_5(page, choices):
    """Yield the same of the depths that v1 and v2 have, with one network or the other."""
    network = page.get_by_label("network")
    depth, shown = 20, "ResNet v1"
    for _ in range(MOVES):
        chosen = choices.choice(["ResNet v1", "ResNet v2"])
        if chosen != shown:
            change(page, lambda name=chosen: network.select_option(name), f"{chosen}, depth {depth},")
            shown = chosen
        depth = yield from move_there_and_back(page, choices, depth, range(20, 111, 18))


def move_there_and_back(page, choices, depth, depths):
    """Yield the moves to another depth, with weights that are new, back, and there again; return that depth."""
    redraw = page.get_by_role("button", name="draw new weights")
    change(page, lambda: redraw.press("Enter"), f"depth {depth},")
    new = choices.choice([other for other in depths if other != depth])
    yield f"depth {'up to 56' if new <= 56 else 'over 56'}, new", move_to_depth(page, new)
    yield "seen before", move_to_depth(page, depth)
    move_to_depth(page, new)
    return new


def measure_lesson_3(page, choices):
    """Yield moves of the position, by two scales, one with batch normalization and one without."""
    field = page.get_by_role("spinbutton", name="position")
    normalize, scale = page.get_by_label("batch normalization"), page.get_by_label("shortcut ×")
    picture = "img[alt*='F(x), with']"

    def move(position):
        field.fill(str(position))
        return change(page, lambda: field.press("Enter"), "F(x), with", picture=picture)

    positions = choices.sample(range(0, 100, 5), MOVES // 2)
    before = 100
    for chosen in ("0.99", "0.9"):
        change(page, lambda name=chosen: scale.select_option(name), "F(x), with", picture=picture)
        change(page, lambda: normalize.press("Space"), "F(x), with", picture=picture)
        for position in positions:
            yield "new", move(position)
            yield "seen before", move(before)
            move(position)
            before = position


def summarize(moves):
    """Yield a row for each group: number of moves, median, 95th percentile, longest."""
    for group in sorted({group for group, _ in moves}):
        times = sorted(seconds for other, seconds in moves if other == group)
        percentile = times[round(0.95 * (len(times) - 1))]
        figures = statistics.median(times), percentile, times[-1]
        yield [group, len(times), *(f"{seconds:.2f}" for seconds in figures)]


if __name__ == "__main__":
    main()
