"""JupyterLab on a copy of the built lessons, and a headless Chromium that uses it as a person would."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
START_SECONDS = 60
TALL = 2160  # pixels: no cell is higher
SCROLLS = 10  # tries to bring a cell into whole view, 0.3 s each
IN_WHOLE_VIEW = """() => {
    const view = document.querySelector('.jp-WindowedPanel-outer').getBoundingClientRect();
    return [...document.querySelectorAll('.jp-Notebook .jp-Cell')].filter(cell => {
        const { top, bottom, height } = cell.getBoundingClientRect();
        return height && top >= view.top - 1 && bottom <= view.bottom + 1;
    }).map(cell => Number(cell.dataset.windowedListIndex));
}"""
PICTURE = "img[alt*='depth ']"  # the gradient widget's: figures of cells have no alternative text
SUMMARY = ".resnet-edu-summary"
STATUS = "[role=status]"  # of a training panel


def launch_chromium(playwright):
    """Start a Chromium, the system's if there is one, else Playwright's own; return None where there is none."""
    system = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not system and not Path(playwright.chromium.executable_path).exists():
        return None
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    return playwright.chromium.launch(executable_path=system, args=arguments)


class Lab:
    """A running JupyterLab that serves a copy of the notebooks from `folder`."""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(ROOT / "notebooks", folder / "notebooks")
        self.log_path = folder / "server.log"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        quiet = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
        quiet.parent.mkdir(parents=True)
        quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')
        variables = {
            "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        }
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
        command += ["--ServerApp.token=", "--ServerApp.password=", "--LabApp.expose_app_in_browser=True"]
        command += [f"--ServerApp.root_dir={folder}"]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | variables)
        self._wait()

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/api", timeout=1)
                return
            except OSError:
                time.sleep(0.2)
        self.stop()
        raise TimeoutError(f"JupyterLab did not start in {START_SECONDS} s:\n{self.log()}")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def open_notebook(browser, lab, path, *, width=1280, height=720):
    """Open a notebook by its path under notebooks/ in a new page, and wait for its kernel."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(30_000)
    page.goto(f"{lab.url}/lab/tree/notebooks/{path}?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.wait_for_function(
        """() => {
            const context = window.jupyterapp.shell.currentWidget?.sessionContext;
            const kernel = context?.session?.kernel;
            return context?.isReady && kernel?.connectionStatus === 'connected' && kernel?.status === 'idle';
        }""",
        timeout=60_000,
    )
    return page


def close_notebooks(browser):
    """Close all pages and stop all kernels: each holds a gigabyte."""
    for context in browser.contexts:
        for page in context.pages:
            page.evaluate("() => { window.jupyterapp.serviceManager.sessions.shutdownAll(); }")
            page.wait_for_timeout(300)
            page.close()


def run_all(page, *, seconds=180):
    """Run all cells and wait until the last one has run."""
    start_all(page)
    wait_for_all(page, seconds=seconds)


def start_all(page):
    """Run all cells, without waiting."""
    # The promise is not returned (hence the braces): Playwright would wait for it without a time limit.
    page.evaluate("""() => {
        window.allRan = false;
        window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => { window.allRan = true; });
    }""")


def wait_for_all(page, *, seconds=180):
    """Wait until the last of the cells that were started has run."""
    page.wait_for_function("() => window.allRan", timeout=seconds * 1000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=10_000)


def cells_of(page):
    """Return the notebook's cells as JSON, whether they are in view or not."""
    return page.evaluate("""() => {
        const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
        return Array.from({length: cells.length}, (_, i) => cells.get(i).toJSON());
    }""")


def scroll_to(page, position):
    """Bring the cell at this position to the top: JupyterLab draws only the cells that are in view."""
    page.evaluate("(i) => { window.jupyterapp.shell.currentWidget.content.scrollToItem(i, 'start'); }", position)
    page.wait_for_timeout(300)


def go_through(page):
    """Show the notebook from its first cell to its last on a tall screen; yield the positions in whole view."""
    size, last = page.viewport_size, len(cells_of(page)) - 1
    page.set_viewport_size({"width": size["width"], "height": TALL})
    try:
        seen = -1
        while seen < last:
            # Again while JupyterLab draws: what gets its height later moves the cells below it.
            for _ in range(SCROLLS):
                scroll_to(page, seen + 1)
                whole = page.evaluate(IN_WHOLE_VIEW)
                if seen + 1 in whole:
                    break
            assert seen + 1 in whole, f"cell {seen + 1} is higher than {TALL} pixels, or is not drawn"
            while seen + 1 in whole:
                seen += 1
            yield whole
    finally:
        page.set_viewport_size(size)


def run_cell(page, position):
    """Run the cell at this position and wait for it."""
    page.evaluate(
        """async position => {
            const { commands, shell } = window.jupyterapp;
            shell.currentWidget.content.activeCellIndex = position;
            await commands.execute('notebook:run-cell');
        }""",
        position,
    )


def clear_outputs(page):
    """Remove what all cells have put out."""
    page.evaluate("async () => { await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); }")


def make_widget(page, call):
    """Run the cell with this call, once the cells before it have run, and bring its widget into view."""
    run_cell(page, find_call(page, call))
    scroll_to_call(page, call)
    page.wait_for_selector(SUMMARY)


def find_call(page, call):
    """Return the position of the cell that contains this text."""
    return next(i for i, cell in enumerate(cells_of(page)) if call in "".join(cell["source"]))


def scroll_to_call(page, call):
    """Bring the cell that contains this text into view."""
    scroll_to(page, find_call(page, call))


def toggle_side_bar(page):
    """Hide JupyterLab's file browser, or show it again."""
    page.evaluate("() => { window.jupyterapp.commands.execute('application:toggle-left-area'); }")


def choose_theme(page, theme):
    """Give JupyterLab this theme, by its name."""
    page.evaluate(
        """async theme => { await window.jupyterapp.commands.execute('apputils:change-theme', { theme }); }""",
        theme,
    )
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)


def wait_for_status(page, says, *, seconds=60):
    """Wait until a training panel says so; return the seconds that took."""
    start = time.perf_counter()
    page.wait_for_function(
        "([status, says]) => document.querySelector(status)?.innerText.includes(says)",
        arg=[STATUS, says],
        timeout=seconds * 1000,
    )
    return time.perf_counter() - start


def wait_for_epoch(page, epoch):
    """Wait until a training panel is in this epoch or a later one: it may have left this one already."""
    page.wait_for_function(
        "([status, epoch]) => document.querySelector(status)?.innerText.match(/epoch (\\d+) of/)?.[1] >= epoch",
        arg=[STATUS, epoch],
    )


def change(page, action, summary_says, *, picture=PICTURE):
    """Do something to a widget; return the seconds until its picture and summary show the new setting."""
    before = page.locator(picture).get_attribute("src")
    start = time.perf_counter()
    action()
    page.wait_for_function(
        """([picture, summary, before, says]) => {
            const image = document.querySelector(picture), text = document.querySelector(summary);
            return image && image.src !== before && image.complete && text.innerText.includes(says);
        }""",
        arg=[picture, SUMMARY, before, summary_says],
        timeout=10_000,
    )
    return time.perf_counter() - start


def move_to_depth(page, depth):
    """Type a depth into the gradient widget's field and press Enter; return the seconds until it is shown."""
    field = page.get_by_role("spinbutton", name="depth")
    field.fill(str(depth))
    return change(page, lambda: field.press("Enter"), f"depth {depth},")


def screenshot(page, name):
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{re.sub(r'[^a-z0-9_]+', '_', name.lower())}.png")
