"""A headless Chromium for tests of pages; tests without one are skipped by name (exit status 77)."""
import hashlib
import pathlib
import shutil
import sys

try:
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
except ImportError:
    webdriver = None

LAPTOP, PHONE = (1280, 800), (390, 844)


def skip_without_browser():
    for there, what in ((webdriver, "python3-selenium"), (shutil.which("chromium"), "chromium"),
                        (shutil.which("chromedriver"), "chromium-driver")):
        if not there:
            print(f"skipped: {what} is not installed; tools/setup installs it")
            sys.exit(77)


class Browser:
    def __init__(self):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.set_page_load_timeout(120)

    def close(self):
        self.driver.quit()

    def size(self, size):
        self.command("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1], deviceScaleFactor=1,
                     mobile=size == PHONE)

    def prefers(self, scheme):
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def command(self, name, **parameters):
        self.driver.execute_cdp_cmd(name, parameters)

    def open(self, path, size=LAPTOP, scheme="light"):
        self.size(size)
        self.prefers(scheme)
        self.driver.get(pathlib.Path(path).resolve().as_uri())

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def one(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.one(selector).get_property("textContent")

    def hover(self, selector, across, down):
        """The mouse goes to a place in an element, in shares of its size."""
        element = self.one(selector)
        self.script("arguments[0].scrollIntoView({block: 'center'})", element)
        box = element.rect
        x, y = (int((share - 0.5) * box[side]) for share, side in ((across, "width"), (down, "height")))
        ActionChains(self.driver).move_to_element_with_offset(element, x - 3, y).move_by_offset(3, 0).perform()

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def errors(self):
        return [row["message"] for row in self.driver.get_log("browser") if row["level"] == "SEVERE"]

    def pixels(self, selector):
        """A digest of what a canvas shows."""
        data = self.script("return document.querySelector(arguments[0]).toDataURL()", selector)
        return hashlib.sha256(data.encode()).hexdigest()

    def screenshot(self, path):
        """The whole page."""
        width, height = self.script("return [innerWidth, document.documentElement.scrollHeight]")
        self.size((width, height))
        self.driver.save_screenshot(path)
