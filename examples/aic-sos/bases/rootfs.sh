# shellcheck shell=sh disable=SC2016 # hooks are run by mmdebstrap, with the root as $1
# Sourced by */make-rootfs: Debian packages -> the tar of a root file system, reproducible.
#
# Packages are unpacked, not installed: no maintainer script runs, so a foreign architecture needs no
# emulator, and nothing in the tar depends on the day or the machine. Owners are numbers, names are
# sorted, no file is newer than SOURCE_DATE_EPOCH: the same packages give the same bytes.

SUITE=bookworm
SOURCE_DATE_EPOCH=1704067200
LC_ALL=C.UTF-8
TZ=UTC
export SOURCE_DATE_EPOCH LC_ALL TZ
umask 022

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

# packages FILE [NAME...]: the names in FILE and those given, separated by commas. # starts a comment.
packages() {
    file=$1
    shift
    { sed -e 's/#.*//' "$file"; echo "$@"; } | tr -s '[:space:]' '\n' | sed -e '/^$/d' | paste -sd, -
}

# rootfs OUTPUT ARCHITECTURES PACKAGES [mmdebstrap option...]
#
# The first of ARCHITECTURES is the root's own. OUTPUT appears whole or not at all. Hooks among the
# options run first, then what no image needs is removed, in place of mmdebstrap's own cleaning, which
# knows less. /dev is left out: it is the runtime's, and device nodes cannot be unpacked inside an
# unprivileged container.
rootfs() {
    output=$1 architectures=$2 include=$3
    shift 3
    command -v mmdebstrap >/dev/null || die "mmdebstrap is missing (apt-get install mmdebstrap)"
    partial=$output.partial
    trap 'rm -f "$partial"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mmdebstrap --quiet --variant=extract --format=tar --skip=cleanup,output/dev \
        --architectures="$architectures" --include="$include" \
        --aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        "$@" \
        --extract-hook='cd "$1" && rm -rf etc/apt etc/cron.* etc/dpkg etc/fstab etc/hostname \
            etc/logrotate.d etc/machine-id etc/resolv.conf etc/rmt run/* tmp/* \
            usr/bin/dpkg* usr/bin/perl* usr/bin/tar usr/lib/dpkg usr/sbin/dpkg* usr/share/dpkg \
            usr/share/applications usr/share/bash-completion usr/share/binfmts usr/share/bug \
            usr/share/doc-base usr/share/gdb usr/share/icons usr/share/info usr/share/lintian \
            usr/share/locale usr/share/man usr/share/menu usr/share/pixmaps usr/share/polkit-1 \
            var/cache/* var/lib/apt var/lib/dpkg var/log' \
        --extract-hook='find "$1/usr/share/doc" ! -type d ! -name copyright -delete' \
        --extract-hook='find "$1/usr/share/doc" -type d -empty -delete' \
        "$SUITE" "$partial"
    mv -f "$partial" "$output"
}
