# SPDX-License-Identifier: BSD-3-Clause
"""A browser for tests: headless Chromium spoken to over a pipe with the DevTools protocol.

Only the standard library is used. Messages are JSON, each ended by a NUL byte; Chromium reads them
from descriptor 3 and answers on descriptor 4 (--remote-debugging-pipe).
"""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-extensions", "--disable-default-apps", "--mute-audio", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
]


def find_chromium():
    names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
    return next((path for path in map(shutil.which, names) if path), None)


class Page:
    """One tab. Calls of the protocol by name; events are kept as they come."""

    def __init__(self, path, width=1400, height=1250):
        self.folder = tempfile.mkdtemp(prefix="tg-chromium-")
        self.events = []
        self.last_id = 0
        self.session = None
        self.buffer = b""
        to_child, self.writer = os.pipe()
        self.reader, from_child = os.pipe()
        self.log = open(os.path.join(self.folder, "chromium.log"), "wb")
        # The child must have its ends as 3 and 4; a shell moves them there without a fork hook.
        command = f'exec "$0" "$@" 3<&{to_child} 4>&{from_child}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, path, *FLAGS, f"--user-data-dir={self.folder}/profile",
             f"--window-size={width},{height}", "about:blank"],
            pass_fds=(to_child, from_child), stdout=self.log, stderr=self.log)
        os.close(to_child)
        os.close(from_child)
        targets = self.wait_for_target()
        self.session = self.call("Target.attachToTarget", targetId=targets, flatten=True)[
            "sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def wait_for_target(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for target in self.call("Target.getTargets")["targetInfos"]:
                if target["type"] == "page":
                    return target["targetId"]
            time.sleep(0.05)
        raise TimeoutError("Chromium opened no page")

    def receive(self, seconds):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], seconds)
            part = os.read(self.reader, 1 << 20) if ready else None
            if not part:
                raise TimeoutError("Chromium ended or did not answer; see " + self.log.name)
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, seconds=60, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session and not method.startswith("Target."):
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.writer, data):]
        while True:
            answer = self.receive(seconds)
            if answer.get("id") == self.last_id:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            if "method" in answer:
                self.events.append(answer)

    def open(self, url, seconds=60):
        self.call("Page.navigate", url=url)
        end = time.monotonic() + seconds
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.events.append(self.receive(max(0.1, end - time.monotonic())))
        self.settle()

    def run(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                           awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def settle(self):
        """Waits until what was asked for is drawn."""
        self.run("new Promise(d => requestAnimationFrame(() => requestAnimationFrame(d)))")

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", buttons=0, clickCount=1)
        self.settle()

    def drag(self, x, y, to_x, modifiers=0):
        self.mouse("mouseMoved", x, y, modifiers=modifiers)
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1,
                   modifiers=modifiers)
        for part in (0.25, 0.5, 0.75, 1):
            self.mouse("mouseMoved", x + (to_x - x) * part, y, button="left", buttons=1,
                       modifiers=modifiers)
        self.mouse("mouseReleased", to_x, y, button="left", buttons=0, clickCount=1,
                   modifiers=modifiers)
        self.settle()

    def wheel(self, x, y, by):
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=by)
        self.settle()

    def key(self, key, text=None):
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key,
                  **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)
        self.settle()

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def complaints(self):
        """Errors and warnings of the console, uncaught exceptions, and requests that left."""
        found = []
        for event in self.events:
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif event["method"] == "Runtime.consoleAPICalled":
                if params["type"] in ("error", "warning", "assert"):
                    found.append(str(params["args"]))
            elif event["method"] == "Log.entryAdded":
                if params["entry"]["level"] in ("error", "warning"):
                    found.append(str(params["entry"]))
            elif event["method"] == "Network.requestWillBeSent":
                if not params["request"]["url"].startswith("file:"):
                    found.append("request: " + params["request"]["url"])
            elif event["method"] == "Page.javascriptDialogOpening":
                found.append("dialog: " + params["message"])
        return found

    def close(self):
        try:
            self.session = None
            self.call("Browser.close", seconds=5)
            self.process.wait(10)
        except (OSError, TimeoutError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.writer)
        os.close(self.reader)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
