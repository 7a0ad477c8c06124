# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The Debian packages that quickstart and check install where they are missing. The one list of them; configure.ac
# names the libraries again, because it says which one is missing.

# shellcheck disable=SC2034  # used by the scripts that source this file
{
build_packages=(
        autoconf automake gcc libc6-dev make pkg-config
        libcurl4-gnutls-dev libdeflate-dev libeconf-dev libgmp-dev libgnutls28-dev libjson-c-dev libmicrohttpd-dev libpcre2-dev
        libpq-dev libsodium-dev libsqlite3-dev libsystemd-dev libzstd-dev uthash-dev zlib1g-dev
        procps  # /bin/kill, by which systemd reloads the daemons
)

# A machine that systemd-nspawn boots from this one's files, and what looks into it.
machine_packages=(curl dbus iproute2 less systemd systemd-container)

test_packages=(etcd-server faketime gnutls-bin libcmocka-dev python3 python3-jsonschema python3-pytest wrk xz-utils zstd postgresql-15)
lint_packages=(groff-base man-db mandoc shellcheck)
# npm as well, where there is none by another way.
browser_packages=(chromium chromium-driver fonts-dejavu-core fonts-wqy-microhei python3-selenium)
fuzz_packages=(clang libclang-rt-14-dev)
}

# Prints those of the packages that are not installed, one a line.
missing_packages() {
        local package
        for package in "$@"; do
                [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
                        echo "$package"
        done
}

# Asks nobody, and fails instead of waiting where another apt is at work for longer than a minute.
install_packages() {
        export DEBIAN_FRONTEND=noninteractive
        apt-get --option DPkg::Lock::Timeout=60 --quiet update &&
                apt-get --option DPkg::Lock::Timeout=60 --quiet --yes --no-install-recommends install "$@"
}
