# SPDX-License-Identifier: LGPL-2.1-or-later
import base64
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import gradebook  # noqa: E402

SCREENSHOTS = pathlib.Path(os.environ.get("GRADEBOOK_SCREENSHOTS", gradebook.BUILD / "screenshots"))


@pytest.fixture
def cluster(tmp_path):
    c = gradebook.Cluster(tmp_path)
    yield c
    c.close()


class Browser:
    """Headless Chromium with the window as large as asked for."""

    def __init__(self, profile, width, height, dark, script=True):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--hide-scrollbars", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        if not script:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_page_load_timeout(20)
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 2 if width < 600 else 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def __getattr__(self, name):
        return getattr(self.driver, name)

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
