"""What a test finds of the one before it, in each mode of isolation: nothing, or what docs/isolation.md says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.common.exceptions import NoAlertPresentException
from selenium.webdriver.remote.webdriver import WebDriver

from jobs.browsers.isolation import own_tab
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import Isolation, Platform, TestSpec
from recovery import Adjustments, BrowserType
from tests.browser.owners import scratch_root

BROWSERS = (BrowserType.CHROME, BrowserType.FIREFOX)

LEAVE_TRACES = """
const [done] = [arguments[arguments.length - 1]];
(async () => {
  document.cookie = "trace=left; max-age=3600";
  localStorage.setItem("trace", "left");
  await new Promise((ok, no) => {
    const open = indexedDB.open("trace", 1);
    open.onupgradeneeded = () => open.result.createObjectStore("left");
    open.onsuccess = ok;
    open.onerror = no;
  });
  await (await caches.open("trace")).put("/left", new Response("left"));
  await navigator.serviceWorker.register("/worker.js");
  await navigator.serviceWorker.ready;
})().then(() => done("left"), (error) => done(String(error)));
"""

FIND_TRACES = """
const done = arguments[arguments.length - 1];
(async () => ({
  cookies: document.cookie !== "",
  localStorage: localStorage.length > 0,
  indexedDB: (await indexedDB.databases()).length > 0,
  caches: (await caches.keys()).length > 0,
  serviceWorkers: (await navigator.serviceWorker.getRegistrations()).length > 0,
  permissions: (await navigator.permissions.query({ name: arguments[0] })).state === "granted",
}))().then(done, (error) => done(String(error)));
"""
STORES = ("cookies", "localStorage", "indexedDB", "caches", "serviceWorkers", "permissions")


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        script = self.path == "/worker.js"
        body = b"self.addEventListener('fetch', () => {});" if script else b"<h1>A site</h1>"
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with scratch_root() as folder:
        yield folder


@pytest.fixture(scope="module", params=BROWSERS)
def pool(request: pytest.FixtureRequest, root: Path) -> Iterator[tuple[SessionPool, BrowserType]]:
    pool = SessionPool(Settings(scratch_dir=root))
    yield pool, request.param
    pool.close()


# To be run before a page's first device is made.
COUNT_BUFFERS = """
window.liveBuffers = new Set();
const { createBuffer } = GPUDevice.prototype, { destroy } = GPUBuffer.prototype;
GPUDevice.prototype.createBuffer = function (...given) {
  const made = createBuffer.apply(this, given);
  window.liveBuffers.add(made);
  return made;
};
GPUBuffer.prototype.destroy = function () {
  window.liveBuffers.delete(this);
  return destroy.call(this);
};
"""
HARNESS_STATE = """
let bytes = 0;
for (const buffer of window.liveBuffers) bytes += buffer.size;
return { buffers: window.liveBuffers.size, bytes, globals: Object.getOwnPropertyNames(window).sort() };
"""


def user_context(driver: WebDriver) -> str:
    [here] = [page for page in driver.browsing_context.get_tree() if page.context == driver.current_window_handle]
    return str(here.user_context)


@pytest.mark.parametrize("isolation", list(Isolation))
def test_what_a_test_leaves_is_gone_or_kept_as_documented(
    pool: tuple[SessionPool, BrowserType], site: str, isolation: Isolation
) -> None:
    sessions, browser = pool
    # Chromium under its driver grants geolocation from the start.
    permission = "camera" if browser is BrowserType.CHROME else "geolocation"
    with (
        sessions.isolated(browser, Adjustments(), frozenset(), isolation, own=True) as session,
        own_tab(session, isolation),
    ):
        driver, first = session.driver, session
        driver.get(site)
        assert driver.execute_async_script(FIND_TRACES, permission) == dict.fromkeys(STORES, False)
        assert driver.execute_async_script(LEAVE_TRACES) == "left"
        driver.permissions.set_permission(permission, "granted", site, user_context(driver))
        assert driver.execute_async_script(FIND_TRACES, permission) == dict.fromkeys(STORES, True)
        driver.switch_to.new_window("window")
        driver.switch_to.new_window("tab")
        driver.get(site)
        driver.implicitly_wait(7)
        driver.execute_script("setTimeout(() => alert('left'), 0)")

    with (
        sessions.isolated(browser, Adjustments(), frozenset(), isolation, own=True) as session,
        own_tab(session, isolation),
    ):
        driver = session.driver
        assert (session is first) is (isolation is not Isolation.BROWSER)
        assert len(driver.window_handles) == 2, "the harness's and the test's own"
        assert driver.timeouts.implicit_wait == 0
        with pytest.raises(NoAlertPresentException):
            driver.switch_to.alert.accept()
        driver.get(site)
        kept = isolation is Isolation.SESSION
        assert driver.execute_async_script(FIND_TRACES, permission) == dict.fromkeys(STORES, kept)
    if isolation is not Isolation.BROWSER:
        assert sessions.session_for(browser, Adjustments()) is first
        assert first.harness_is_heard


def test_models_run_in_every_mode_and_a_context_leaves_the_warm_harness_as_it_was(
    pool: tuple[SessionPool, BrowserType],
) -> None:
    sessions, browser = pool
    model = "bert-base-uncased"
    warm = sessions.session_for(browser, Adjustments())
    harness = warm.link
    for isolation in (Isolation.SESSION, Isolation.CONTEXT, Isolation.BROWSER):
        spec = TestSpec(
            id="test", browser=browser, model=model, model_type=catalogue()[model].type, platform=Platform.WASM,
            isolation=isolation,
        )  # fmt: skip
        result = run_test(spec, 1, browser, Adjustments(), sessions, lambda: False)
        assert result.max_abs_error <= result.tolerance
        if isolation is not Isolation.BROWSER:
            assert sessions.session_for(browser, Adjustments()) is warm
            assert warm.link is harness
    assert sessions.session_for(browser, Adjustments()) is not warm


def test_a_model_test_leaves_no_gpu_buffer_and_no_global_in_the_warm_harness(
    pool: tuple[SessionPool, BrowserType],
) -> None:
    sessions, browser = pool
    model = "bert-base-uncased"
    spec = TestSpec(
        id="test",
        browser=browser,
        model=model,
        model_type=catalogue()[model].type,
        platform=Platform.WEBGPU,
        timeout=300,
    )
    sessions.restart()
    driver = sessions.session_for(browser, Adjustments()).driver
    driver.execute_script(COUNT_BUFFERS)

    def after_tests(number: int) -> dict[str, object]:
        for _ in range(number):
            run_test(spec, 1, browser, Adjustments(), sessions, lambda: False)
        state: dict[str, object] = driver.execute_script(HARNESS_STATE)
        return state

    first = after_tests(2)
    assert after_tests(5) == first
    assert sessions.session_for(browser, Adjustments()).driver is driver
