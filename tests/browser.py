"""A headless Chromium, spoken to through two pipes (Chrome DevTools Protocol)."""

import json
import os
import select
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
KEYS = {"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, " ": 32}
PATIENCE = 30


class Browser:
    """One page; every call waits for the answer. Errors of the page are collected."""

    def __init__(self, folder):
        into, self.to_browser = os.pipe()
        self.from_browser, out = os.pipe()
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        shell = f'exec {PROGRAM} "$@" 3<&{into} 4>&{out}'
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        flags += [f"--user-data-dir={folder}", "--window-size=1366,768", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "bash", *flags], pass_fds=(into, out), stderr=subprocess.DEVNULL
        )
        os.close(into)
        os.close(out)
        self.buffer, self.number, self.session, self.errors = b"", 0, None, []
        page = next(
            target
            for target in self.call("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        )
        found = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self.session = found["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        os.close(self.to_browser)
        os.close(self.from_browser)

    def message(self):
        while b"\0" not in self.buffer:
            if not select.select([self.from_browser], [], [], PATIENCE)[0]:
                raise TimeoutError("the browser does not answer")
            self.buffer += os.read(self.from_browser, 1 << 16)
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        command = {"id": self.number, "method": method, "params": parameters}
        command |= {"sessionId": self.session} if self.session else {}
        os.write(self.to_browser, json.dumps(command).encode() + b"\0")
        while (answer := self.message()).get("id") != self.number:
            self.notice(answer)
        return answer["result"]

    def notice(self, event):
        method, details = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.errors.append(details["exceptionDetails"]["text"])
        elif method == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.errors.append(details["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = details["request"]["url"]
            if not url.startswith(("file:", "data:")):
                self.errors.append(f"asked for {url}")

    def open(self, path, address=""):
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=f"file://{path}{address}")
        while self.run("document.readyState") != "complete":
            pass

    def run(self, expression):
        """The value of an expression in the page, which may be a promise."""
        found = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def mouse(self, kind, x, y, **more):
        parameters = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1, **more}
        self.call("Input.dispatchMouseEvent", **parameters)

    def click(self, x, y):
        self.mouse("mousePressed", x, y)
        self.mouse("mouseReleased", x, y)

    def middle(self, selector):
        """The middle of an element on the screen."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        return self.run(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")

    def press(self, key):
        code = KEYS.get(key, ord(key[0]))
        text = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            more = text if kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **more
            )

    def type(self, text):
        for character in text:
            self.press(character)
