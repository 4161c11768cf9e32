"""Chromium without a window for tests of pages; without it, or without selenium, the test is skipped."""
import os
import shutil
import sys
import time

try:
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    print("skipped: no selenium (Debian: python3-selenium)")
    sys.exit(77)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from annotate_stand import check  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
if not CHROMIUM or not DRIVER:
    print("skipped: no chromium and chromedriver")
    sys.exit(77)


class Browser:
    """pictures: the folder they go to, if any."""

    pictures = None

    def __init__(self, width=1280, height=800, dark=False):
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--window-size={width},{height}"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})

    def open(self, address):
        self.driver.get(address)

    def js(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def keys(self, *keys):
        for key in keys:
            webdriver.ActionChains(self.driver).send_keys(key).perform()

    def text(self, where):
        return self.driver.find_element(By.CSS_SELECTOR, where).text

    def until(self, what, holds):
        """Waits for what a person would wait for; judged by what happened."""
        end = time.monotonic() + 40
        while time.monotonic() < end:
            try:
                value = holds()
                if value:
                    return value
            except WebDriverException:
                pass
            time.sleep(0.03)
        raise SystemExit(f"FAILED: {what}: {self.text('body')[:800]}")

    def item(self):
        """The id of the item that is shown."""
        return self.js("const d = localStorage.getItem('drover:draft'); return document.getElementById('task').hidden ? null : document.getElementById('prompt').innerText + document.getElementById('places').innerText")

    def shown(self, words):
        self.until("the item with '" + words + "'", lambda: self.js("return !document.getElementById('task').hidden") and words in self.text("#task"))

    def saved(self):
        self.until("saved", lambda: "Saved." in self.text("main") or self.js("return document.getElementById('task').hidden"))

    def picture(self, name):
        if self.pictures:
            self.driver.save_screenshot(os.path.join(self.pictures, name + ".png"))

    def quiet(self):
        """No script of a model's ran, nothing was loaded from elsewhere, and the page's own had no error but refusals we made."""
        check(self.driver.title.startswith("drover annotate"), "a script ran: the title is", self.driver.title)
        loud = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE" and "/api/" not in line["message"] and "ERR_" not in line["message"]]
        check(not loud, loud)

    def end(self):
        self.driver.quit()
