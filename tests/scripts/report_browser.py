#!/usr/bin/env python3
"""Opens pages of `weir trace --html` in Chromium, over its debugging pipe, and checks them.

    report_browser.py [--axe FILE] [--shots FOLDER] CHROMIUM PAGE[=PEAK]...
    report_browser.py --speedscope FOLDER CHROMIUM STACKS...

For each page a line "PAGE: second frame after N ms, ..."; a line "PAGE: not ok: ..." for each thing
that is wrong, and then exit status 1. 3: Chromium does not start here.

A page is right if nothing but the file is asked for, nothing is written to the console and nothing is
thrown, weirCheck() is true, the page's peak is PEAK, it can be read without scrolling sideways at 1280
pixels and, dark, at 400, with scripts and without, and every button and key works. With --axe
axe-core looks at it, too.
"""
import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

TIMEOUT = 120  # seconds, for one answer

FRAMES = """
addEventListener("DOMContentLoaded", () => requestAnimationFrame(() => requestAnimationFrame(() => {
  window.secondFrame = performance.now();
})));
"""

# Everything that can be pressed, once; then keys on both pictures.
PRESS = """
(() => {
  const shown = e => e.getClientRects().length > 0;
  let pressed = 0;
  for (const b of document.querySelectorAll("button")) if (shown(b)) { b.click(); pressed++; }
  for (const d of document.querySelectorAll("details")) { d.open = true; pressed++; }
  const tell = (e, key) => e.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
  for (const c of document.querySelectorAll("canvas"))
    for (const key of ["ArrowRight", "ArrowLeft", "ArrowDown", "ArrowUp", "+", "-", "P", "End", "Home", "Enter",
                       "Escape", "0"]) { tell(c, key); pressed++; }
  for (const r of document.querySelectorAll("#legend tr[tabindex]")) { tell(r, "Enter"); tell(r, "Enter"); pressed++; }
  const find = document.querySelector("input");
  if (find) { find.value = "a"; find.dispatchEvent(new Event("input", {bubbles: true})); find.value = "";
    find.dispatchEvent(new Event("input", {bubbles: true})); pressed++; }
  return pressed;
})()
"""

# What is wider than the window and is no scroller of its own.
WIDE = """
(() => {
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (over <= 0) return "";
  const inside = e => { for (let p = e.parentElement; p; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== "visible") return true; return false; };
  const wide = [...document.querySelectorAll("main *")].filter(e =>
    e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !inside(e));
  return over + " pixels: " + wide.slice(0, 3).map(e => e.tagName + "." + e.className + "#" + e.id).join(", ");
})()
"""


# How far the bill has to be scrolled within its own box.
BILL = """
(() => {
  const bill = document.getElementById("bill"), box = bill && bill.closest(".scroll");
  return box ? box.scrollWidth - box.clientWidth : 0;
})()
"""


class Browser:
    """One Chromium; messages are JSON, each ended by a NUL, on descriptors 3 and 4."""

    def __init__(self, program):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_read, self.to = os.pipe()
        self.from_, from_write = os.pipe()

        def place():
            # Above 3 and 4 first, so that neither is closed by the other.
            a, b = os.dup(to_read), os.dup(from_write)
            while min(a, b) < 5:
                a, b = os.dup(a), os.dup(b)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.child = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe",
             "--user-data-dir=" + self.profile.name, "about:blank"],
            close_fds=False, preexec_fn=place, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.rest, self.number, self.events = b"", 0, []
        # A browser that hangs is ended; the read of its pipe ends with it.
        self.watch = None

    def message(self):
        while b"\0" not in self.rest:
            self.watch = threading.Timer(TIMEOUT, self.child.kill)
            self.watch.start()
            more = os.read(self.from_, 1 << 20)
            self.watch.cancel()
            if not more:
                raise EOFError("Chromium ended")
            self.rest += more
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, session=None, **params):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data):]
        while True:
            answer = self.message()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        """The first such event since the list was emptied."""
        while True:
            for event in self.events:
                if event.get("method") == method:
                    return event
            self.events.append(self.message())

    def close(self):
        try:
            self.call("Browser.close")
        except (EOFError, OSError):
            pass
        self.child.wait()
        self.profile.cleanup()


class Tab:
    def __init__(self, browser, width, height=900, dark=False, scripts=True, media=""):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                  mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        if scripts:
            self.call("Page.addScriptToEvaluateOnNewDocument", source=FRAMES)
        else:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def open(self, path, fragment=""):
        self.browser.events = []
        url = "file://" + os.path.abspath(path) + fragment
        self.call("Page.navigate", url=url)
        self.browser.wait("Page.loadEventFired")
        return url

    def run(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return answer["result"].get("value")

    def shot(self, path, whole=True, height=None):
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height or 12000), "scale": 1}
            data = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        else:
            data = self.call("Page.captureScreenshot")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def pdf(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"]))

    def wrong(self, url):
        """What the page asked for, said, or threw."""
        for event in self.browser.events:
            method, params = event.get("method", ""), event.get("params", {})
            if method == "Network.requestWillBeSent" and params["request"]["url"] != url:
                yield "it asks for " + params["request"]["url"][:200]
            elif method == "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                yield "it throws " + details.get("exception", {}).get("description", details["text"])
            elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                yield "on the console: " + str([a.get("value") for a in params["args"]])
            elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                yield "in the log: " + params["entry"]["text"]
            elif method == "Page.javascriptDialogOpening":
                yield "it opens a dialog: " + params["message"]

    def drag(self):
        """The pointer over each picture: moves, drags, and clicks twice."""
        for name in ("strip", "icicle"):
            place = self.run("(() => { const e = document.getElementById('%s'); if (!e || e.hidden) return null; "
                             "e.scrollIntoView(); const r = e.getBoundingClientRect(); "
                             "return [r.x, r.y, r.width, r.height]; })()" % name)
            if not place:
                continue
            at = lambda f, g: {"x": place[0] + place[2] * f, "y": place[1] + min(place[3], 200) * g}
            mouse = lambda kind, f, g, clicks=0: self.call(
                "Input.dispatchMouseEvent", type=kind, button="left" if clicks or kind == "mouseMoved" else "none",
                buttons=1 if clicks else 0, clickCount=clicks, **at(f, g))
            mouse("mouseMoved", .2, .5)
            mouse("mousePressed", .3, .5, 1)
            mouse("mouseMoved", .5, .6)
            mouse("mouseReleased", .6, .6, 1)
            for clicks in (1, 2):
                mouse("mousePressed", .4, .1, clicks)
                mouse("mouseReleased", .4, .1, clicks)
            self.call("Input.dispatchMouseEvent", type="mouseWheel", deltaX=0, deltaY=-100, modifiers=2, **at(.4, .1))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)


SECOND = """
new Promise(done => { const look = () => window.secondFrame ? done(window.secondFrame) : setTimeout(look, 5); look(); })
"""


def checks(tab, path, peak, axe):
    url = tab.open(path)
    frame = tab.run(SECOND)
    if tab.run("window.weirCheck()") is not True:
        yield "weirCheck() is not true"
    has = tab.run('document.getElementById("peak").dataset.peak')
    if peak is not None and has != peak:
        yield "its peak is %s, not %s" % (has, peak)
    foreign = tab.run('document.querySelectorAll("img,iframe,link,object,embed,script[src],main script").length')
    if foreign or not tab.run('document.title').endswith(": memory"):
        yield "names became markup"
    wide = tab.run(WIDE)
    if wide:
        yield "it is too wide by " + wide
    over = tab.run(BILL)
    if over > 0:
        yield "the bill has to be scrolled by %d pixels" % over
    if tab.run(PRESS) < 10:
        yield "there is next to nothing to press"
    tab.drag()
    tab.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    wide = tab.run(WIDE)
    if wide:
        yield "with all opened it is too wide by " + wide
    if tab.run("window.weirCheck()") is not True:
        yield "weirCheck() is not true after all was pressed"
    if axe:
        tab.run(axe)
        result = tab.run('axe.run().then(r => r.violations.map(v => v.id + ": " + v.help + ": " + '
                         'v.nodes.slice(0, 2).map(n => n.target.join(" ")).join("; ")))')
        for violation in result:
            yield "axe: " + violation
    yield from tab.wrong(url)
    yield frame


def plain(tab, path):
    url = tab.open(path)
    tree = tab.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    for what in ("#peak", "#bill", "#legend", "svg path"):
        if not tab.call("DOM.querySelector", nodeId=tree, selector=what)["nodeId"]:
            yield "without scripts there is no " + what
    metrics = tab.call("Page.getLayoutMetrics")
    over = metrics["cssContentSize"]["width"] - metrics["cssLayoutViewport"]["clientWidth"]
    if over > 0:
        yield "without scripts it is too wide by %d pixels" % over
    yield from tab.wrong(url)


def page(browser, path, peak, axe, shots):
    name = os.path.splitext(os.path.basename(path))[0]
    wrong, frames = [], []
    for width in (1280, 400):
        tab = Tab(browser, width, dark=width == 400)
        for what in checks(tab, path, peak, axe):
            if isinstance(what, str):
                wrong.append("%d pixels: %s" % (width, what))
            elif what is not None:
                frames.append(what)
        tab.close()
        if width == 1280 and not axe:
            continue
        tab = Tab(browser, width, scripts=False)
        wrong += ["%d pixels: %s" % (width, what) for what in plain(tab, path)]
        tab.close()
    if shots:
        for kind, options in {"light": {"width": 1280}, "dark": {"width": 1280, "dark": True},
                              "narrow": {"width": 400}, "plain": {"width": 1280, "scripts": False}}.items():
            tab = Tab(browser, **options)
            tab.open(path)
            if options.get("scripts", True):
                tab.run(SECOND)
            tab.shot(os.path.join(shots, name + "-" + kind + ".png"))
            if kind == "light":
                tab.shot(os.path.join(shots, name + "-first.png"), whole=False)
                tab.pdf(os.path.join(shots, name + ".pdf"))
            tab.close()
    print("%s: %d bytes, second frame after %.0f ms at best, %.0f at worst" %
          (name, os.path.getsize(path), min(frames), max(frames)))
    for what in wrong:
        print("%s: not ok: %s" % (name, what))
    return not wrong


def speedscope(browser, folder, path):
    """Folded stacks, given to speedscope as its own command does: by a script beside its page."""
    name = os.path.basename(path)
    with tempfile.TemporaryDirectory() as copy, open(path, "rb") as stacks:
        shutil.copytree(folder, copy, dirs_exist_ok=True)
        with open(os.path.join(copy, "profile.js"), "w", encoding="ascii") as script:
            script.write("speedscope.loadFileFromBase64(%s, %s)" %
                         (json.dumps(name), json.dumps(base64.b64encode(stacks.read()).decode())))
        tab = Tab(browser, 1280)
        tab.open(os.path.join(copy, "index.html"), "#localProfilePath=" + os.path.join(copy, "profile.js"))
        title = tab.run("""new Promise(done => { let n = 0; const look = () =>
            document.title.includes(%s) || n++ > 200 ? done(document.title) : setTimeout(look, 50); look(); })""" %
                        json.dumps(name))
        tab.close()
    right = name in title
    print("speedscope: %s" % title if right else "speedscope: not ok: it does not open %s: %s" % (name, title))
    return right


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--axe")
    parser.add_argument("--shots")
    parser.add_argument("--speedscope")
    parser.add_argument("chromium")
    parser.add_argument("pages", nargs="+")
    options = parser.parse_args()
    axe = open(options.axe, encoding="utf-8").read() if options.axe else None
    try:
        browser = Browser(options.chromium)
        print(browser.call("Browser.getVersion")["product"])
    except (OSError, EOFError, RuntimeError) as error:
        print("Chromium does not start here: %s" % error)
        return 3
    right = True
    for given in options.pages:
        path, _, peak = given.partition("=")
        right &= speedscope(browser, options.speedscope, path) if options.speedscope else page(
            browser, path, peak or None, axe, options.shots)
        sys.stdout.flush()
    browser.close()
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
