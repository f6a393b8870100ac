#!/bin/sh
# Installs into a scratch folder and builds C and C++ programs against that copy
# with pkg-config, in the ways programs are built, then runs them. Each tells
# whether its malloc is still the C library's and which provider serves it.
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "outside programs are built without the sanitizer"; exit 77; }
! grep -q '^CFLAGS = .*--coverage' "$top_builddir/Makefile" ||
    { echo "libgcov would be needed, and its data files are named in the libraries"; exit 77; }
[ -z "${WEIR_RUNNER-}" ] || { echo "outside programs are built for this machine alone"; exit 77; }
command -v pkg-config >/dev/null || { echo "no pkg-config here"; exit 77; }

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
outside=$top_srcdir/tests/outside
failures=0

# One at a time: libtool links again while it installs, into the build folder.
(cd "$top_builddir" && MAKEFLAGS= flock config.status "$MAKE" -s install DESTDIR="$root") >"$scratch/log" 2>&1 || {
    cat "$scratch/log"
    echo "make install failed"
    exit 1
}
pc=$(find "$root" -name weir.pc)
lib=${pc%/pkgconfig/weir.pc}
export PKG_CONFIG_PATH="$lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
cd "$scratch" || exit 99

# expect WHAT PROVIDER COMMAND...: COMMAND builds ./program, which must then run.
# Warnings fail too.
expect()
{
    what=$1 provider=$2
    shift 2
    rm -f program
    if "$@" >log 2>&1 && [ ! -s log ] && [ -x program ] &&
        LD_LIBRARY_PATH=$lib ./program "$provider" >log 2>&1; then
        echo "passed: $what"
    else
        echo "FAILED: $what"
        echo "  $*"
        sed 's/^/  /' log
        failures=$((failures + 1))
    fi
}

flags=$(pkg-config --cflags --libs weir)
static_flags=$(pkg-config --static --cflags --libs weir)
warnings="-Wall -Wextra -O2"
with=system
[ -e "$lib/pkgconfig/weir-jemalloc.pc" ] && with=jemalloc

# The flags are meant to be split into words.
if [ -e "$lib/libweir.so.0" ]; then
    expect "C, shared" $with $CC $warnings -o program "$outside/program.c" $flags
    expect "C, shared, no PIE" $with $CC $warnings -no-pie -fno-pie -o program \
        "$outside/program.c" $flags
    expect "C, shared, link-time optimisation" $with $CC $warnings -flto -o program \
        "$outside/program.c" $flags
    expect "C, shared, sections collected, as needed" $with $CC $warnings -ffunction-sections \
        -fdata-sections -Wl,--gc-sections,--as-needed -o program "$outside/program.c" $flags
    expect "C, shared, opted out" system $CC $warnings -DWEIR_NO_LINK -o program \
        "$outside/program.c" $flags
    expect "C, -fPIC objects only" system $CC $warnings -fPIC -o program \
        "$outside/program.c" $flags
    for linker in gold lld; do
        command -v ld.$linker >/dev/null || continue
        expect "C, shared, $linker" $with $CC $warnings -fuse-ld=$linker -Wl,--gc-sections \
            -o program "$outside/program.c" $flags
    done
    if [ $with = jemalloc ]; then
        expect "C, -fPIC objects only, with weir-jemalloc.pc" jemalloc $CC $warnings -fPIC \
            -o program "$outside/program.c" $(pkg-config --cflags --libs weir-jemalloc)
    fi
    expect "plugin in a host without weir" "$scratch/module.so" sh -c "
        $CC $warnings -fPIC -shared -o module.so '$outside/module.c' $flags &&
        $CC $warnings -I'$top_srcdir/include' -o program '$top_srcdir/tests/late_load.c' -lpthread"
    if command -v "${CXX%% *}" >/dev/null; then
        expect "C++, shared" $with $CXX $warnings -x c++ "$outside/program.c" -x none -o program \
            $flags
        expect "C++17, pedantic" $with $CXX $warnings -std=c++17 -pedantic -x c++ \
            "$outside/program.c" -x none -o program $flags
    fi
    expect "C99, pedantic" $with $CC $warnings -std=gnu99 -pedantic -o program \
        "$outside/program.c" $flags
fi
if [ -e "$lib/libweir.a" ]; then
    expect "C, wholly static" $with $CC $warnings -static -o program "$outside/program.c" \
        $static_flags
    if [ $with = jemalloc ]; then
        expect "C, weir static, the rest shared" jemalloc $CC $warnings -o program \
            "$outside/program.c" $(pkg-config --cflags --libs-only-L weir) \
            -Wl,-Bstatic -lweir -lweir-jemalloc -Wl,-Bdynamic -lm -lpthread
    fi
    if command -v "${CXX%% *}" >/dev/null; then
        expect "C++, wholly static" $with $CXX $warnings -static -x c++ "$outside/program.c" \
            -x none -o program $static_flags
    fi
fi

# Nothing installed says where it was built; a prefix within these folders may.
case $(sed -n 's/^prefix=//p' "$pc")/ in
*"$top_builddir/"* | *"$top_srcdir/"*) ;;
*)
    for folder in "$top_builddir" "$top_srcdir"; do
        pattern=$(echo "$folder" | sed 's/[.+]/\\&/g')
        told=$(LC_ALL=C grep -rlaE "(^|[^A-Za-z0-9_.}-])$pattern([^A-Za-z0-9_.-]|\$)" "$root")
        [ -z "$told" ] || {
            echo "FAILED: $folder is named in:" $told
            failures=$((failures + 1))
        }
    done
    ;;
esac

(cd "$top_builddir" && MAKEFLAGS= "$MAKE" -s uninstall DESTDIR="$root") >"$scratch/log" 2>&1
left=$(find "$root" ! -type d)
if [ -n "$left" ]; then
    echo "FAILED: uninstall leaves $left"
    failures=$((failures + 1))
fi
echo "$failures failed"
[ $failures -eq 0 ]
