#!/bin/sh
# Installs into a scratch folder and builds a CMake project against that copy with
# find_package(weir), then runs what it made: the same provider as with pkg-config, the
# program's own malloc, no environment variable needed to start.
set -u
. "$top_srcdir/tests/helpers/installed.sh"
command -v cmake >/dev/null || skip_all "no cmake here"
command -v "${CXX%% *}" >/dev/null || skip_all "no C++ compiler here"
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
version=$(sed -n 's/^set(PACKAGE_VERSION "\([0-9.]*\)")/\1/p' "${config%/*}/weir-config-version.cmake")
configure "-DCMAKE_C_COMPILER=${CC%% *}" "-DCMAKE_CXX_COMPILER=${CXX%% *}" "-DWEIR_WANTED=${version%.*}" &&
    cmake --build "$scratch/build" >"$scratch/log" 2>&1
built=$?
tell $built "the project is configured and built"
if [ $built -eq 0 ]; then
    for program in c_program cxx_program through_middle without_static without_static_private \
        without_shared pc_program pic_weir_program static_program static_pic_program pic_program; do
        [ -x "$scratch/build/$program" ] || continue
        LD_LIBRARY_PATH=$lib "$scratch/build/$program" $with >"$scratch/log" 2>&1
        tell $? "$program, served by $with"
    done
    if [ -x "$scratch/build/opener" ]; then
        "$scratch/build/opener" --thread "$scratch/build/libstatic_plugin.so" >"$scratch/log" 2>&1
        tell $? "libweir.a in a module, closed before a thread of it ends"
    fi
    for program in without_shared_private core_program; do
        "$scratch/build/$program" system >"$scratch/log" 2>&1
        tell $? "$program, served by system"
    done
    if [ -e "$lib/libweir.so.0" ]; then
        readelf -d "$scratch/build/libplugin.so" >"$scratch/log"
        ! grep -q 'NEEDED.*jemalloc' "$scratch/log"
        tell $? "a module does not bring jemalloc"
        "$top_builddir/tests/process/late_load" "$scratch/build/libplugin.so" >"$scratch/log" 2>&1
        tell $? "a module is loaded late"
    fi
fi

# Another version is refused, in words.
configure -DWEIR_WANTED=99.5
[ $? -ne 0 ] && grep -q "version: $version" "$scratch/log"
tell $? "version 99.5 is not there"

# docs/internals/abi.md: what each version may serve. One weir of each, that says its name alone.
mkdir -p "$scratch/versions"
while read -r is wanted answer; do
    lay="$scratch/versions/$is"
    mkdir -p "$lay"
    : >"$lay/weir-config.cmake"
    sed -e "s/@PACKAGE_VERSION@/$is/" -e "s/@WEIR_VERSION_MAJOR@/${is%%.*}/" \
        -e "s/@WEIR_VERSION_MINOR@/$(echo "$is" | cut -d. -f2)/" -e 's/@SIZEOF_POINTER@/8/' \
        "$top_srcdir/cmake/weir-config-version.cmake.in" >"$lay/weir-config-version.cmake"
    echo "ask($is $wanted $answer)"
done >"$scratch/versions/asked" <<'END'
0.3.2 0.3           1
0.3.2 0.3.2         1
0.3.2 0.3.1         1
0.3.2 0.3.3         0
0.3.2 0.2           0
0.3.2 0.4           0
0.3.2 0             1
0.3.2 1             0
0.3.2 0.1...<0.4    1
0.3.2 0.1...0.3.2   1
0.3.2 0.1...<0.3.2  0
0.3.2 0.3.3...<0.9  0
1.4.0 1.2           1
1.4.0 1.4           1
1.4.0 1.5           0
1.4.0 0.9           0
1.4.0 2.0           0
1.4.0 0.3...<2      1
END
{
    cat <<'END'
cmake_minimum_required(VERSION 3.19)
project(versions NONE)
function(ask is wanted answer)
    unset(weir_DIR CACHE)
    find_package(weir ${wanted} QUIET CONFIG PATHS ${CMAKE_SOURCE_DIR}/${is} NO_DEFAULT_PATH)
    if(NOT weir_FOUND EQUAL answer)
        message(SEND_ERROR "${is} for ${wanted}: ${weir_FOUND}")
    endif()
endfunction()
END
    cat "$scratch/versions/asked"
} >"$scratch/versions/CMakeLists.txt"
cmake -S "$scratch/versions" -B "$scratch/asked" >"$scratch/log" 2>&1
tell $? "$(wc -l <"$scratch/versions/asked") questions for a version"

finish
