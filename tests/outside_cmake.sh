#!/bin/sh
# Installs into a scratch folder and builds a CMake project against that copy with
# find_package(weir), then runs what it made: the same provider as with pkg-config, the
# program's own malloc, no environment variable needed to start.
set -u
command -v cmake >/dev/null || { echo "no cmake here"; exit 77; }
command -v "${CXX%% *}" >/dev/null || { echo "no C++ compiler here"; exit 77; }
. "$top_srcdir/tests/installed.sh"
config=$lib/cmake/weir/weir-config.cmake
# cmake WHAT ARGUMENTS...: configures into $scratch/build.
configure()
{
    rm -rf "$scratch/build"
    cmake -S "$top_srcdir/tests/outside/cmake" -B "$scratch/build" -Dweir_DIR="${config%/*}" "$@" \
        >"$scratch/log" 2>&1
}

# weir.pc is read as if the copy were installed where it says.
command -v pkg-config >/dev/null && use_pkg_config
configure "-DCMAKE_C_COMPILER=${CC%% *}" "-DCMAKE_CXX_COMPILER=${CXX%% *}" &&
    cmake --build "$scratch/build" >"$scratch/log" 2>&1
built=$?
passed_or_failed $built "the project is configured and built"
if [ $built -eq 0 ]; then
    for program in c_program cxx_program through_middle without_static without_static_private \
        without_shared pc_program pic_weir_program static_program static_pic_program pic_program; do
        [ -x "$scratch/build/$program" ] || continue
        LD_LIBRARY_PATH=$lib "$scratch/build/$program" $with >"$scratch/log" 2>&1
        passed_or_failed $? "$program, served by $with"
    done
    if [ -x "$scratch/build/opener" ]; then
        "$scratch/build/opener" --thread "$scratch/build/libstatic_plugin.so" >"$scratch/log" 2>&1
        passed_or_failed $? "libweir.a in a module, closed before a thread of it ends"
    fi
    for program in without_shared_private core_program; do
        "$scratch/build/$program" system >"$scratch/log" 2>&1
        passed_or_failed $? "$program, served by system"
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
