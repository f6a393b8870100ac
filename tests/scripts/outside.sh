#!/bin/sh
# Installs into a scratch folder and builds C and C++ programs against that copy
# with pkg-config, in the ways programs are built, then runs them. Each tells
# whether its malloc is still the C library's and which provider serves it.
# shellcheck disable=SC2046 # flags are words
set -u
. "$top_srcdir/tests/helpers/installed.sh"
use_pkg_config
outside=$top_srcdir/tests/outside
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
        passed "$what"
    else
        echo "$*"
        failed "$what" log
    fi
}

flags=$(pkg-config --cflags --libs weir)
static_flags=$(pkg-config --static --cflags --libs weir)
warnings="-Wall -Wextra -O2"

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
    expect "C, -lweir alone" system $CC $warnings $(pkg-config --cflags-only-I --libs-only-L weir) \
        -o program "$outside/program.c" -lweir
    expect "C, -lweir alone, as needed" system $CC $warnings \
        $(pkg-config --cflags-only-I --libs-only-L weir) -Wl,--as-needed -o program \
        "$outside/program.c" -lweir
    expect "C, no library dropped" $with $CC $warnings -Wl,--no-as-needed -o program \
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
        $CC $warnings -fPIC -shared -Wl,--no-as-needed -o module.so '$outside/module.c' $flags &&
        ! readelf -d module.so | grep 'NEEDED.*jemalloc' &&
        $CC $warnings -I'$top_srcdir/include' -o program '$top_srcdir/tests/process/late_load.c' -lpthread"
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
    # Where libweir.a is all that was installed, in a plugin.
    mkdir static && cp "$lib"/*.a static
    expect "libweir.a in a plugin, closed before a thread of it ends" ./module.so sh -c "
        $CC $warnings -fPIC -shared -o module.so '$outside/module.c' -Lstatic \
            $(echo "$static_flags" | sed 's/ -L[^ ]*//g') &&
        $CC $warnings -o opener '$outside/opener.c' -ldl -lpthread &&
        ! readelf -d module.so | grep 'NEEDED.*weir' &&
        printf '#!/bin/sh\nexec ./opener --thread \$1\n' >program && chmod +x program"
    # A part of another copy is in the host, and offered to plugins.
    expect "libweir.a in a plugin and in its host" ./module.so sh -c "
        $CC $warnings -fPIC -shared -o module.so '$outside/module.c' -Wl,--exclude-libs,libweir.a \
            -Lstatic $(echo "$static_flags" | sed 's/ -L[^ ]*//g') &&
        $CC $warnings -rdynamic -o program '$outside/opener.c' -ldl \
            -Lstatic $(echo "$static_flags" | sed 's/ -L[^ ]*//g')"
fi

# Nothing installed says where it was built; a prefix within these folders may.
case $(sed -n 's/^prefix=//p' "$pc")/ in
*"$top_builddir/"* | *"$top_srcdir/"*) ;;
*)
    try "nothing installed says where it was built"
    for folder in "$top_builddir" "$top_srcdir"; do
        pattern=$(echo "$folder" | sed 's/[.+]/\\&/g')
        told=$(LC_ALL=C grep -rlaE "(^|[^A-Za-z0-9_.}-])$pattern([^A-Za-z0-9_.-]|\$)" "$root")
        [ -z "$told" ] || complain "$folder is named in:" $told
    done
    ;;
esac

(cd "$top_builddir" && MAKEFLAGS='' "$MAKE" -s uninstall DESTDIR="$root") >"$scratch/log" 2>&1
left=$(find "$root" ! -type d)
try "uninstall leaves nothing"
[ -z "$left" ] || complain "it leaves $left"
finish
