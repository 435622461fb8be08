#!/bin/sh
# Firefox as geckodriver starts it, but one that outlives a crashed tab: geckodriver asks it to end with the first one,
# and then a hung page could only be left behind with the whole browser.
unset MOZ_CRASHREPORTER_SHUTDOWN
exec "$BREAKWATER_REAL_FIREFOX" "$@"
