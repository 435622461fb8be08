"""The warm session of a worker process, kept between tests and replaced when it must be."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from jobs.browsers.faults import AT_LAUNCH
from jobs.browsers.faults_launch import break_launch
from jobs.browsers.finding import launch_for
from jobs.browsers.launch import Launch, use_profile, wants_software_adapter
from jobs.browsers.page_server import PageServer
from jobs.browsers.prepared import Prepared, PreparedProfiles
from jobs.browsers.preparer import Preparer, profile_name
from jobs.browsers.session import BrowserSession
from jobs.browsers.spare import Spare
from jobs.browsers.trace import Trace
from jobs.scratch import sweep
from jobs.settings import Settings
from jobs.specs import FaultKind, Isolation, Platform
from recovery import Adjustments, BrowserFailure, BrowserType, Evidence, ModelType, Phase
from recovery.failures import CrashFailure, InternalFailure

# Linux's file system in memory, which is there without any setting up.
MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - the folders in it are made by ScratchFolder, as everywhere

log = logging.getLogger("breakwater.browsers")


class _Key(NamedTuple):
    """Sessions of the same key were launched alike."""

    browser: BrowserType
    software_adapter: bool
    profile_in_memory: bool
    faults: frozenset[FaultKind]


class SessionPool:
    """One session at most: a browser is large, and a worker process runs one test at a time."""

    def __init__(self, config: Settings, preparer: Preparer | None = None, profile: Path | None = None) -> None:
        """``preparer`` is told what profiles are missing; ``profile`` is the folder of the only one to be used."""
        self._config = config
        self._preparer = preparer
        self._profile = profile
        self._server: PageServer | None = None
        self._session: BrowserSession | None = None
        self._key: _Key | None = None
        self._spare = Spare()
        # Whether users' own tests came here: more will, and none shall wait for another browser then.
        self._bidi = False
        self.recycled = 0
        """Sessions that were replaced so far, well or not."""
        self._trace = Trace()
        self.struck_at: float | None = None
        """When the current attempt's fault struck, on the monotonic clock; None: it has none, or none yet."""

    @property
    def session(self) -> BrowserSession | None:
        """The live session, if there is one."""
        return self._session

    def begin_attempt(self) -> None:
        """What happens from now on belongs to a new attempt."""
        self.struck_at = None
        self._trace = Trace()
        if self._session is not None:
            self._session.trace = self._trace

    @property
    def attached(self) -> Mapping[str, bytes]:
        """What the attempt attached so far, by name."""
        return self._trace.attached

    def artefacts(self, record: Mapping[str, object]) -> dict[str, bytes]:
        """What can be kept of the attempt that has just failed, by name. ``record`` is its own account of itself."""
        if self._session is not None:
            self._session.attach_findings()
        return self._trace.contents(record)

    def session_for(
        self,
        browser: BrowserType,
        adjustments: Adjustments,
        faults: frozenset[FaultKind] = frozenset(),
        model_type: ModelType | None = None,
        platform: Platform | None = None,
    ) -> BrowserSession:
        """The warm session if it is as wanted and well, else a new one. A fault of launching always means a new one.

        ``model_type``: a new one starts with the profile that is prepared for such models; None: for no models.
        ``platform``: what that needs starts while the session's page loads, now or when it is renewed.

        Raises:
            BrowserFailure: a new one was needed and could not be started.
        """
        if adjustments.software_adapter:
            faults -= {FaultKind.NO_ADAPTER}  # which it cures: the browser is as good as any
        at_launch = faults & AT_LAUNCH
        software = wants_software_adapter(
            self._config.gpu,
            adjusted=adjustments.software_adapter,
            remote=self._config.remote_url(browser.value) is not None,
        )
        key = _Key(browser, software, adjustments.profile_in_memory, at_launch)
        session = self._session
        if session is not None and (
            at_launch
            or key != self._key
            or (self._bidi and session.lacks_bidi)
            or not session.is_well()
            or self._is_worn(session)
        ):
            self.restart()
        if self._session is None:
            session = None if faults else self._that_stood_by(key)
            self._session = session or self._launched(browser, adjustments, faults, model_type, platform)
            self._key = key
        self._session.platform = platform
        return self._session

    def _launched(
        self,
        browser: BrowserType,
        adjustments: Adjustments,
        faults: frozenset[FaultKind],
        model_type: ModelType | None,
        platform: Platform | None,
    ) -> BrowserSession:
        launch = launch_for(browser, self._config, adjustments, no_adapter=FaultKind.NO_ADAPTER in faults)
        if at_launch := faults & AT_LAUNCH:
            launch = break_launch(launch, at_launch, self._config)
            self.struck_at = time.monotonic()
        elif not faults:
            launch = self._with_profile(launch, model_type, platform)
        try:
            session = self._started(launch, adjustments, platform)
        except BrowserFailure as failure:
            if launch.prepared is None:
                raise
            log.warning("%s did not start with the profile %s: %s", browser.value, launch.prepared.name, failure)
            launch.prepared.remove()
            session = self._started(launch_for(browser, self._config, adjustments), adjustments, platform)
        log.info("%s %s started", browser.value, session.version)
        return session

    def _started(self, launch: Launch, adjustments: Adjustments, platform: Platform | None) -> BrowserSession:
        session = self._session_of(launch, adjustments, platform, self._trace)
        session.start()
        return session

    def _that_stood_by(self, key: _Key) -> BrowserSession | None:
        session = self._spare.take(key, self._config.launch_timeout)
        if session is None:
            return None
        if self._bidi and session.lacks_bidi:
            session.close()
            return None
        session.trace = self._trace
        self._trace.note("a browser stood by", browser=session.browser.value, version=session.version)
        log.info("%s %s stood by", session.browser.value, session.version)
        return session

    def _stand_by(self, adjustments: Adjustments, model_type: ModelType | None, platform: Platform | None) -> None:
        """Where browsers keep dying, let another like the session's stand by it, as long as that lasts."""
        session, key = self._session, self._key
        if not self._spare.expected:
            self._spare.drop()
            return
        # A remote one would take a second place of somebody else's machine.
        if session is None or key is None or key.faults or session.remote or self._spare.stands:
            return
        with contextlib.suppress(BrowserFailure):  # the next launch will tell
            launch = self._with_profile(launch_for(session.browser, self._config, adjustments), model_type, platform)
            self._spare.prepare(key, self._session_of(launch, adjustments, platform, Trace()))

    def _session_of(
        self, launch: Launch, adjustments: Adjustments, platform: Platform | None, trace: Trace
    ) -> BrowserSession:
        session = BrowserSession(launch, self._config_for(adjustments), self._page_server(), bidi=self._bidi)
        session.trace = trace
        session.platform = platform
        return session

    def _with_profile(self, launch: Launch, model_type: ModelType | None, platform: Platform | None) -> Launch:
        """The launch with a prepared profile, if there is one; else one is asked for, for a later launch."""
        if self._profile is not None:
            use_profile(launch.options, self._profile)
            return launch
        folder = self._config.profiles_dir
        if folder is None:
            return launch
        # One that was prepared for a launch as ever serves an adjusted one too.
        name = profile_name(launch_for(launch.browser, self._config, Adjustments()), model_type, platform)
        if name is None:
            return launch
        profiles = PreparedProfiles(folder)
        if profiles.has(name):
            return replace(launch, prepared=Prepared(profiles, name))
        if self._preparer is not None:
            self._preparer.ask_for(launch.browser, model_type)
        return launch

    def _is_worn(self, session: BrowserSession) -> bool:
        """Whether it should be replaced while it is still well."""
        reason = session.wear.reason(session.tests)
        if reason is not None:
            log.info("%s is replaced: %s", session.browser.value, reason)
            self._trace.note("session replaced", reason=reason)
        return reason is not None

    def _config_for(self, adjustments: Adjustments) -> Settings:
        if adjustments.profile_in_memory and MEMORY_DISK.is_dir():
            return self._config.model_copy(update={"scratch_dir": MEMORY_DISK})
        return self._config

    @contextlib.contextmanager
    def isolated(
        self,
        browser: BrowserType,
        adjustments: Adjustments,
        faults: frozenset[FaultKind],
        isolation: Isolation,
        *,
        own: bool = False,
        model_type: ModelType | None = None,
        platform: Platform | None = None,
    ) -> Iterator[BrowserSession]:
        """A session as ``session_for`` gives it; with isolation ``browser`` one that no other test uses.

        ``own``: for a user's own test, see ``BrowserSession``. ``model_type``, ``platform``: as ``session_for`` takes
        them.

        Raises:
            BrowserFailure: a new one was needed and could not be started.
        """
        self._bidi = self._bidi or own
        if isolation is Isolation.BROWSER:
            self.restart()
        try:
            yield self.session_for(browser, adjustments, faults, model_type, platform)
            self._stand_by(adjustments, model_type, platform)
        finally:
            if isolation is Isolation.BROWSER:
                self._key = None  # no test asks for that

    def renew(self) -> None:
        """Level 1: the same session, a new harness page.

        Raises:
            BrowserFailure: the session is gone, or can't give a new page.
        """
        if self._session is None:
            raise CrashFailure("there is no session to retry in", Evidence(phase=Phase.NAVIGATE))
        self._session.renew_harness()
        self._trace.note("harness renewed in the same session")

    def restart(self) -> None:
        """Level 2: end the session; the next test starts a new one."""
        session, self._session, self._key = self._session, None, None
        if session is not None:
            self.recycled += 1
            if not session.is_well():
                self._spare.note_loss()
            session.close()

    def close(self) -> None:
        """End the session and the page server."""
        self.restart()
        self._spare.drop()
        if self._preparer is not None:
            self._preparer.close()
        if self._server is not None:
            self._server.stop()
            self._server = None

    def _page_server(self) -> PageServer:
        if self._server is None:
            for root in (self._config.scratch_dir, MEMORY_DISK):
                sweep(root)  # what sessions of dead workers left
            server = PageServer(host=self._config.page_host, public_url=self._config.page_url)
            try:
                server.start()
            except OSError as error:
                raise _not_served(error) from error
            self._server = server
        return self._server


def _not_served(error: OSError) -> BrowserFailure:
    return InternalFailure(f"the page server can't be started: {error}", Evidence(phase=Phase.LAUNCH))
