# shellcheck shell=sh
# tests/helpers/installed.sh: what scripts share that look at weir as it is installed. Sourced: skips where
# no program outside can be built; makes the folder `scratch`, which goes at the end; installs into
# `root`; `lib` is where the libraries lie.
[ -z "$SANITIZER_FLAGS" ] || { echo "outside programs are built without the sanitizer"; exit 77; }
! grep -q '^CFLAGS = .*--coverage' "$top_builddir/Makefile" ||
    { echo "libgcov would be needed, and its data files are named in the libraries"; exit 77; }
[ -z "${WEIR_RUNNER-}" ] || { echo "outside programs are built for this machine alone"; exit 77; }

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root

# One at a time: libtool links again while it installs, into the build folder.
(cd "$top_builddir" && MAKEFLAGS='' flock config.status "${MAKE:-make}" -s install DESTDIR="$root") \
    >"$scratch/log" 2>&1 || {
    cat "$scratch/log"
    echo "make install failed"
    exit 1
}
pc=$(find "$root" -name weir.pc)
lib=${pc%/pkgconfig/weir.pc}

# Who serves an executable that brings jemalloc along.
# shellcheck disable=SC2034 # the sourcing scripts read it
with=system
# shellcheck disable=SC2034
if [ -e "$lib/libweir-jemalloc.so.0" ] || [ -e "$lib/libweir-jemalloc.a" ]; then with=jemalloc; fi

failures=0

# passed_or_failed STATUS WHAT: the log says why.
passed_or_failed()
{
    if [ "$1" -eq 0 ]; then
        echo "passed: $2"
    else
        echo "FAILED: $2"
        sed 's/^/  /' "$scratch/log"
        failures=$((failures + 1))
    fi
}

# use_pkg_config: as if the copy were installed where it says.
use_pkg_config()
{
    command -v pkg-config >/dev/null || { echo "no pkg-config here"; exit 77; }
    export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
    export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
}
