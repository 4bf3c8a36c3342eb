#!/usr/bin/env bash
# What the Makefile needs before Python can take over: a Python with uv, a Java, and servers for the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
    echo "error: $*" >&2
    exit 2
}

need_python() {
    command -v uv >/dev/null || [ -x .tools/bin/uv ] && return
    local found
    found=$(command -v python3 || true)
    [ -n "$found" ] || fail "Python 3.11 or newer is needed, no python3 was found; install it and try again"
    "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed, $found is $("$found" -V 2>&1); install a newer one and try again"
    "$found" -m venv .tools || fail "python3 cannot make virtual environments; on Debian install python3-venv"
    .tools/bin/pip --quiet install uv || fail "uv could not be installed from PyPI; is there a network?"
}

need_java() {
    local found="${JAVA_HOME:+$JAVA_HOME/bin/}java" version
    command -v "$found" >/dev/null || fail "Java 17 or 21 is needed, none was found; on Debian install openjdk-17-jre-headless"
    version=$("$found" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p') || true
    [ "${version:-0}" -ge 17 ] || fail "Java 17 or 21 is needed, $found is version ${version:-unknown}"
}

# Tests start these themselves. Without them their tests say why they are skipped; on CI they must be there.
need_servers() {
    local missing=()
    command -v chromium >/dev/null || missing+=(chromium)
    command -v postgres >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null || missing+=(postgresql)
    command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || missing+=(mariadb-server)
    [ ${#missing[@]} -gt 0 ] || return 0
    if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    elif command -v apt-get >/dev/null && [ -n "${CI:-}" ] && sudo -n true 2>/dev/null; then
        sudo apt-get update -qq
        sudo DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "note: tests that need ${missing[*]} will be skipped; install them to run all tests" >&2
    fi
}

"need_$1"
