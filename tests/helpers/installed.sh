# tests/helpers/installed.sh: tests/helpers/tap.sh, and what scripts share that look at weir as it is installed.
# Sourced: skips where no program outside can be built; installs into `root`; `lib` is where the
# libraries lie.
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "outside programs are built without it"
! is_coverage_build ||
    skip_all "libgcov would be needed, and its data files are named in the libraries"
need_no_runner "outside programs are built for this machine alone"

root=$scratch/root

# One at a time: libtool links again while it installs, into the build folder.
(cd "$top_builddir" && MAKEFLAGS='' flock config.status "${MAKE:-make}" -s install DESTDIR="$root") \
    >"$scratch/log" 2>&1 || {
    failed "make install" "$scratch/log"
    finish
}
pc=$(find "$root" -name weir.pc)
lib=${pc%/pkgconfig/weir.pc}

# Who serves an executable that brings jemalloc along.
# shellcheck disable=SC2034 # the sourcing scripts read it
with=system
# shellcheck disable=SC2034
if [ -e "$lib/libweir-jemalloc.so.0" ] || [ -e "$lib/libweir-jemalloc.a" ]; then with=jemalloc; fi

# tell STATUS WHAT: the log says why.
tell() { passed_or_failed "$1" "$2" "$scratch/log"; }

# use_pkg_config: as if the copy were installed where it says.
use_pkg_config()
{
    command -v pkg-config >/dev/null || skip_all "no pkg-config here"
    export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
    export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
}
