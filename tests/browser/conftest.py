"""One JupyterLab and one Chromium for all browser tests of a process. In CI a missing Chromium is a failure.

A test that takes the fixture `page` says by its parameter `lesson` which one it wants. The lesson is opened and
run once for all its tests; each makes its widget anew by running the widget's cell again.
"""

import os

import pytest
from playwright.sync_api import sync_playwright
from xdist.scheduler import LoadScopeScheduling

from .jupyter import Lab, close_notebooks, launch_chromium, open_notebook, run_all


class LessonScheduling(LoadScopeScheduling):
    """Gives all tests of one lesson to one process. (Pytest 9.2 loses the groups of `--dist=loadgroup`.)"""

    def _split_scope(self, nodeid):
        return nodeid.rpartition("[")[2]


def pytest_xdist_make_scheduler(config, log):
    return LessonScheduling(config, log)


def pytest_collection_modifyitems(items):
    """Bring the tests of one lesson together, so that one kernel after the other is needed."""
    items.sort(key=lambda item: item.callspec.params.get("lesson", "") if hasattr(item, "callspec") else "")


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = launch_chromium(playwright)
        if chromium is None:
            message = "no Chromium: install it (apt-get install chromium, or playwright install chromium)"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def opened():
    """The page of the lesson that is open, by its name."""
    return {}


@pytest.fixture
def page(browser, lab, opened, lesson):
    """A page with this lesson, all of its cells run."""
    if lesson not in opened or opened[lesson].is_closed():
        close_notebooks(browser)
        page = open_notebook(browser, lab, lesson)
        run_all(page)
        opened[lesson] = page
    return opened[lesson]


@pytest.fixture
def fresh_page(browser, lab, lesson):
    """A page with this lesson, no cell run."""
    close_notebooks(browser)
    yield open_notebook(browser, lab, lesson)
    close_notebooks(browser)
