#!/bin/sh
# Installs the Debian packages that drover is built from, or says which are missing.
# usage: packages.sh [build|check]
# A package may have several names, "one|other": the first that this release knows is taken.
# Debian 12 and 13, Ubuntu 24.04 and what derives from them; elsewhere it says which libraries to install.
set -eu
build="gcc libc6-dev cmake ninja-build pkg-config libzmq3-dev libmsgpack-dev|libmsgpack-c-dev
libuv1-dev libjansson-dev libyaml-dev libpcre2-dev libutf8proc-dev libsodium-dev nettle-dev zlib1g-dev libzstd-dev
libsnappy-dev liblz4-dev libcurl4-openssl-dev libmicrohttpd-dev libcmark-gfm-dev libcmark-gfm-extensions-dev libsqlite3-dev libncurses-dev libcmocka-dev ca-certificates"
check="pmccabe binutils git python3 python3-zmq python3-msgpack"
optional="clang-format-14" # gone from newer releases, where the lint of the format skips itself
wanted=$build
[ "${1:-build}" = build ] || wanted="$build $check"

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # Going on is right: CMake names the first library that it does not find.
    echo "drover: not a Debian: install by hand what the Debian packages $(echo $wanted) hold, if it is not there" >&2
    exit 0
fi

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
known() { [ -n "$(apt-cache show --no-all-versions "$1" 2>/dev/null)" ]; }
lacking() { # lacking NAME|NAME: true if none of them is installed
    for name in $(echo "$1" | tr '|' ' '); do
        if installed "$name"; then return 1; fi
    done
}
missing=
for package in $wanted; do
    if lacking "$package"; then missing="$missing $package"; fi
done
[ -z "$missing" ] && exit 0
root=$(id -u)
export DEBIAN_FRONTEND=noninteractive
if [ "$root" = 0 ] && ! apt-get -qq update; then
    echo "drover: the lists of packages cannot be fetched (apt-get update, above); needed:$missing" >&2
    exit 1
fi
take= unknown=
for package in $missing; do
    found=
    for name in $(echo "$package" | tr '|' ' '); do
        if [ -z "$found" ] && known "$name"; then found=$name; fi
    done
    if [ -n "$found" ]; then take="$take $found"; else unknown="$unknown ${package%%|*}"; fi
done
if [ "$root" != 0 ]; then
    echo "drover: packages are missing; as root: apt-get update && apt-get install --no-install-recommends$take$unknown" >&2
    exit 1
fi
if [ -n "$unknown" ]; then
    echo "drover: this release has no package$unknown: install what stands for it by hand (on Ubuntu: is 'universe' on?)" >&2
    exit 1
fi
if [ "${1:-build}" != build ]; then
    for package in $optional; do
        if known "$package"; then take="$take $package"; fi
    done
fi
echo "installing$take"
# shellcheck disable=SC2086
if ! apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends -y $take >/dev/null; then
    echo "drover: apt-get install failed, its reason is above; needed:$take" >&2
    exit 1
fi
