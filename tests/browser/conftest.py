# SPDX-License-Identifier: LGPL-2.1-or-later
import base64
import os
import pathlib
import signal
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import chromium  # noqa: E402
import gradebook  # noqa: E402

SCREENSHOTS = pathlib.Path(os.environ.get("GRADEBOOK_SCREENSHOTS", gradebook.BUILD / "screenshots"))


def pytest_configure(config):
    # Told to stop, end as after Ctrl+C: with what was started ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.fixture
def cluster(tmp_path):
    c = gradebook.Cluster(tmp_path)
    yield c
    c.close()


class Browser:
    """Headless Chromium with the window as large as asked for."""

    def __init__(self, profile, width, height, dark, script=True):
        self.driver = chromium.open_chromium(profile, script)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 2 if width < 600 else 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def __getattr__(self, name):
        return getattr(self.driver, name)

    def next_page(self):
        """with: what is done within leads to another page, which is there at its end."""
        return chromium.next_page(self.driver)

    def shoot(self, name):
        """Keeps a picture of the window, or of the whole page where that is longer."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))


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
