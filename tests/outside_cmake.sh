#!/bin/sh
# Installs into a scratch folder and builds a CMake project against that copy with
# find_package(weir), then runs what it made: the same provider as with pkg-config, the
# program's own malloc, no environment variable needed to start.
set -u
[ -z "$SANITIZER_FLAGS" ] || { echo "outside programs are built without the sanitizer"; exit 77; }
! grep -q '^CFLAGS = .*--coverage' "$top_builddir/Makefile" ||
    { echo "libgcov would be needed, and its data files are named in the libraries"; exit 77; }
[ -z "${WEIR_RUNNER-}" ] || { echo "outside programs are built for this machine alone"; exit 77; }
command -v cmake >/dev/null || { echo "no cmake here"; exit 77; }
command -v "${CXX%% *}" >/dev/null || { echo "no C++ compiler here"; exit 77; }

scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
failures=0

# One at a time: libtool links again while it installs, into the build folder.
(cd "$top_builddir" && MAKEFLAGS= flock config.status "$MAKE" -s install DESTDIR="$root") >"$scratch/log" 2>&1 || {
    cat "$scratch/log"
    echo "make install failed"
    exit 1
}
config=$(find "$root" -name weir-config.cmake)
lib=${config%/cmake/weir/weir-config.cmake}
with=system
if [ -e "$lib/libweir-jemalloc.so.0" ] || [ -e "$lib/libweir-jemalloc.a" ]; then with=jemalloc; fi
modules=system
[ -e "$lib/libweir.so.0" ] || modules=$with

# cmake WHAT ARGUMENTS...: configures into $scratch/build.
configure()
{
    rm -rf "$scratch/build"
    cmake -S "$top_srcdir/tests/outside/cmake" -B "$scratch/build" -Dweir_DIR="${config%/*}" "$@" \
        >"$scratch/log" 2>&1
}

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

configure "-DCMAKE_C_COMPILER=${CC%% *}" "-DCMAKE_CXX_COMPILER=${CXX%% *}" &&
    cmake --build "$scratch/build" >"$scratch/log" 2>&1
built=$?
passed_or_failed $built "the project is configured and built"
if [ $built -eq 0 ]; then
    for program in c_program cxx_program through_middle static_program pic_program; do
        [ -x "$scratch/build/$program" ] || continue
        "$scratch/build/$program" $with >"$scratch/log" 2>&1
        passed_or_failed $? "$program, served by $with"
    done
    if [ -e "$lib/libweir.so.0" ]; then
        readelf -d "$scratch/build/libplugin.so" >"$scratch/log"
        ! grep -q 'NEEDED.*jemalloc' "$scratch/log"
        passed_or_failed $? "a module does not bring jemalloc"
        "$top_builddir/tests/late_load" "$scratch/build/libplugin.so" >"$scratch/log" 2>&1
        passed_or_failed $? "a module is loaded late"
    fi
fi

# Another version is refused, in words.
version=$(sed -n 's/^set(PACKAGE_VERSION "\([0-9.]*\)")/\1/p' "${config%/*}/weir-config-version.cmake")
sed 's/find_package(weir 0.1/find_package(weir 99.5/' "$top_srcdir/tests/outside/cmake/CMakeLists.txt" \
    >"$scratch/CMakeLists.txt"
cmake -S "$scratch" -B "$scratch/other" -Dweir_DIR="${config%/*}" >"$scratch/log" 2>&1
[ $? -ne 0 ] && grep -q "version: $version" "$scratch/log"
passed_or_failed $? "version 99.5 is not there"

echo "$failures failed"
[ $failures -eq 0 ]
