"""One JupyterLab and one Chromium for all browser tests. In CI a missing Chromium is a failure."""

import os

import pytest
from playwright.sync_api import sync_playwright

from .jupyter import Lab, close_notebook, launch_chromium


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


@pytest.fixture
def browsing(browser):
    """The browser; pages that a test opened are closed after it, and their kernels stopped."""
    yield browser
    for context in browser.contexts:
        for page in context.pages:
            close_notebook(page)
