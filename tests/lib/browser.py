# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person in front of headless Chromium: looks, fills in, presses, and keeps pictures."""

import base64
import os
import pathlib

import chromium
from gradebook import BUILD
from people import PASSWORD
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By

SCREENSHOTS = pathlib.Path(os.environ.get("GRADEBOOK_SCREENSHOTS", BUILD / "screenshots"))


class Browser:
    """Chromium with the window as large as asked for; under 600 wide it is a phone."""

    def __init__(self, profile, width=1280, height=900, dark=False, script=True):
        self.driver = chromium.open_chromium(profile, script)
        self.look(width, height, dark)

    def __getattr__(self, name):
        return getattr(self.driver, name)

    def look(self, width, height, dark):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                                    {"width": width, "height": height, "deviceScaleFactor": 2 if width < 600 else 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                    {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def next_page(self):
        """with: what is done within leads to another page, which is there at its end."""
        return chromium.next_page(self.driver)

    def shoot(self, name):
        """Keeps a picture of the window, or of the whole page where that is longer."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))


def heading(browser):
    """"" while one page gives way to the next."""
    try:
        return browser.find_element(By.TAG_NAME, "h1").text
    except WebDriverException:
        return ""


def cells(browser):
    return [[c.text for c in row.find_elements(By.CSS_SELECTOR, "th, td") if c.is_displayed()]
            for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr")]


def fill(browser, **fields):
    for name, value in fields.items():
        field = browser.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)


def press(browser, selector="main form button"):
    """Clicks the button and waits for the page that comes of it."""
    with browser.next_page():
        browser.find_element(By.CSS_SELECTOR, selector).click()


def sign_in(browser, town, login, password=PASSWORD):
    browser.get(town.url + "/sign-in")
    fill(browser, Login=login, Password=password)
    press(browser)
