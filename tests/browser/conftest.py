# SPDX-License-Identifier: LGPL-2.1-or-later
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import gradebook  # noqa: E402
from browser import Browser  # noqa: E402


def pytest_configure(config):
    # Told to stop, end as after Ctrl+C: with what was started ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def cluster(tmp_path):
    c = gradebook.Cluster(tmp_path)
    yield c
    c.close()


@pytest.fixture
def open_browser(tmp_path):
    opened = []

    def open_one(width=1280, height=900, dark=False, script=True):
        browser = Browser(tmp_path / f"profile-{len(opened)}", width, height, dark, script)
        opened.append(browser)
        return browser

    yield open_one
    for browser in opened:
        browser.quit()
