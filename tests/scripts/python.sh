#!/bin/sh
# The Python package: its tests, by pytest, on the build tree's library; then its wheel, made without a
# network, installed into a folder of its own, with the same tests again. One case for each test.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "python3 is not built with the sanitizer"
need_no_runner "python3 is not what is to be looked at"
need_shared
need_this_machine "python3 is this machine's"
need_python
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || skip_all "no Python 3.11 or later here"
"$python" -c 'import pytest' 2>/dev/null || skip_all "$python has no pytest (package python3-pytest)"
unset PYTHONPATH
export PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY="$scratch/hypothesis"

# cases WHAT PYTHON ARGUMENTS...: runs the tests and tells of each.
cases()
{
    what=$1 with=$2
    shift 2
    (cd "$scratch" && "$with" -m pytest -q -p no:cacheprovider --tb=short --basetemp="$scratch/pytest" \
        --rootdir="$top_srcdir/python/tests" --cases "$scratch/cases" "$@") >"$scratch/log" 2>&1
    status=$?
    told=0
    while IFS="$(printf '\t')" read -r result name why; do
        told=$((told + 1))
        case $result in
        passed) passed "$what$name" ;;
        skipped) skipped "$what$name" "$why" ;;
        *)
            grep -n -A30 "^_* .*${name##*::} _*$" "$scratch/log" >"$scratch/why"
            failed "$what$name" "$scratch/why"
            ;;
        esac
    done <"$scratch/cases"
    # 1: a test failed, which was told.
    if [ "$told" -eq 0 ] || [ $status -gt 1 ]; then failed "${what}pytest, with status $status" "$scratch/log"; fi
}

export WEIR_LIBRARY="$top_builddir/.libs/libweir.so.0"
PYTHONPATH=$top_srcdir/python
export PYTHONPATH
: >"$scratch/cases"
cases "" "$python" "$top_srcdir/python/tests"
unset PYTHONPATH WEIR_LIBRARY

# -- the wheel

if ! "$python" -c 'import setuptools, wheel' 2>/dev/null; then
    skipped "the wheel" "$python has no setuptools or no wheel (packages python3-setuptools, python3-wheel)"
    finish
fi
# One at a time: libtool links into the build folder.
(cd "$top_builddir" && MAKEFLAGS='' flock config.status "${MAKE:-make}" -s wheel PYTHON="$python") >"$scratch/log" 2>&1
passed_or_failed $? "make wheel" "$scratch/log"
set -- "$top_builddir"/python/dist/weir-*.whl
try "one wheel, for any Python 3 on this kind of machine"
case $#-$1 in
1-*/weir-[0-9]*-py3-none-linux_*.whl) ;;
*) complain "it is $*" ;;
esac

if ! "$python" -m venv --system-site-packages "$scratch/venv" >"$scratch/log" 2>&1; then
    skipped "the wheel is installed" "$python makes no environment with pip (package python3-venv)"
    finish
fi
"$scratch/venv/bin/python3" -m pip install -q --no-index --no-deps "$1" >"$scratch/log" 2>&1
passed_or_failed $? "the wheel is installed" "$scratch/log"
try "it brings its library and its command"
"$scratch/venv/bin/python3" -c '
import weir
from weir import _library
print(weir.LIBRARY_PATH, _library.command())' >"$scratch/log" 2>&1 || complain "$(cat "$scratch/log")"
case $(cat "$scratch/log") in
"$scratch"/venv/*/weir/_lib/libweir.so.0\ *) ;;
*) complain "$(cat "$scratch/log")" ;;
esac
if command -v readelf >/dev/null && [ -e "$top_builddir/python/.libs/weir-command" ]; then
    try "its command needs no library that is not there with Python"
    readelf -d "$top_builddir/python/.libs/weir-command" >"$scratch/log" || complain "status $?"
    case $($CC -dumpmachine) in
    x86_64-* | aarch64-*)
        ! sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$scratch/log" |
            grep -vE '^(libweir|libweir-jemalloc|libc|libm|libz|libdl|libpthread|ld-linux-.*)\.so\.' ||
            complain "it does"
        ;;
    esac
fi
: >"$scratch/cases"
# Those that the place of the package or of the command can make fail; pytest finds the plugin by itself.
cases "from the wheel: " "$scratch/venv/bin/python3" "$top_srcdir/python/tests/test_command.py" \
    "$top_srcdir/python/tests/test_leaks.py" "$top_srcdir/python/tests/test_peaks.py"
finish
