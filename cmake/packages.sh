#!/bin/sh
# Installs the Debian packages that drover is built from, or says which are missing.
# usage: packages.sh [build|check]
set -eu
build="gcc libc6-dev cmake ninja-build pkg-config libzmq3-dev libmsgpack-dev libopenblas-openmp-dev libuv1-dev
libjansson-dev libyaml-dev libpcre2-dev libutf8proc-dev libsodium-dev zlib1g-dev
libcurl4-openssl-dev libncurses-dev libcmocka-dev ca-certificates"
check="pmccabe clang-format-14 binutils git python3 python3-zmq python3-msgpack"
wanted=$build
[ "${1:-build}" = build ] || wanted="$build $check"
missing=
for package in $wanted; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" != 0 ]; then
    echo "drover: packages are missing; as root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
# clang-format-14 is gone from newer releases: the format lint skips itself there.
apt-cache show clang-format-14 >/dev/null 2>&1 || missing=$(echo "$missing" | sed 's/clang-format-14//')
# shellcheck disable=SC2086
apt-get -qq -o Dpkg::Use-Pty=0 install --no-install-recommends -y $missing >/dev/null
