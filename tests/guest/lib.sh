# shellcheck shell=sh
# tests/guest/lib.sh: what the scripts of this folder share. Each of them is
#
#     . "$(dirname "$0")/lib.sh"
#     build act.c
#     own_file() { ...; fail "why"; ...; skip "why"; }
#     check NAME own_file [ARGUMENT]...
#     finish
#
# and says in TAP (tests/helpers/tap.sh) how each case ended. A case is run by a shell of its own, in an
# empty folder, for `limit` seconds at most; what it leaves running is killed. By hand:
#
#     top_builddir=.../build sh files.sh [PART OF A NAME]...    only these
#     WEIR=/usr/bin/weir     another weir
#     TAP_KEEP=1             the folder stays

set -u
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
unset LD_PRELOAD WEIR_RECORD WEIR_LIMIT WEIR_REPORT 2>/dev/null
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0
guest_script=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
guest_dir=$(dirname "$guest_script")
: "${top_srcdir:=$(cd "$guest_dir/../.." && pwd)}" "${top_builddir:=$PWD}" "${CC:=cc}"
: "${WEIR:=$top_builddir/weir}" "${SANITIZER_FLAGS:=}"
# Not libtool's wrapper: a shell and a dozen programs before each start.
if [ "$WEIR" = "$top_builddir/weir" ] && [ -e "$top_builddir/.libs/weir" ]; then
    WEIR=$top_builddir/.libs/weir
    LD_LIBRARY_PATH=$top_builddir/.libs
    export LD_LIBRARY_PATH
fi
in_tree=
case $WEIR in "$top_builddir"/*) in_tree=1 ;; esac
export guest_dir top_srcdir top_builddir CC WEIR SANITIZER_FLAGS
weir=$WEIR
library=$top_builddir/.libs/libweir-malloc.so
python=/usr/bin/python3
[ -x "$python" ] || python=$(command -v python3)

limit=900

if [ -z "${GUEST_CASE:-}" ]; then
    guest_wanted=$*
    . "$top_srcdir/tests/helpers/tap.sh"
    need_no_sanitizer "it brings a malloc of its own"
    [ -e "$weir" ] || skip_all "no weir was built"
    [ -z "$in_tree" ] || [ -e "$library" ] || skip_all "no libweir-malloc.so was built"
    [ -n "$python" ] || skip_all "no python3 here"
    patience=300 # for one program of many
    ! is_coverage_build || limit=100 patience=10 # libgcov's handlers and locks let some cases hang
    export patience
    chmod 755 "$scratch"
    bin=$scratch/bin
    mkdir "$bin" "$scratch/cases"
    export scratch bin
    $CC -O1 -o "$bin/limit" "$guest_dir/limit.c" || exit 99
fi

# Files of weir in the folder of shared memory.
in_memory()
{
    find /dev/shm -maxdepth 1 -iname '*weir*' -printf '%f\n' | sort
}

# build FILE.c [FLAGS]...: becomes $bin/FILE.
build()
{
    [ -z "${GUEST_CASE:-}" ] || return 0
    guest_source=$1
    shift
    $CC -std=gnu11 -O0 -g -pthread -w -o "$bin/${guest_source%.c}" "$guest_dir/$guest_source" "$@" ||
        exit 99
}

# have PROGRAM...: in this machine.
have()
{
    for guest_word; do
        command -v "$guest_word" >/dev/null || return 1
    done
}

# In a case: it failed, or cannot be tried here.
fail() { echo "why: $*"; exit 1; }
skip() { echo "why: $*"; exit 77; }

check()
{
    guest_name=$1
    shift
    if [ -n "${GUEST_CASE:-}" ]; then
        [ "$GUEST_CASE" = "$guest_name" ] || return 0
        "$@"
        exit 0
    fi
    if [ -n "$guest_wanted" ]; then
        guest_try=
        for guest_word in $guest_wanted; do
            case $guest_name in *"$guest_word"*) guest_try=1 ;; esac
        done
        [ -n "$guest_try" ] || return 0
    fi
    guest_folder=$scratch/cases/$(echo "$guest_name" | tr -c 'a-zA-Z0-9\n' -)
    mkdir -p "$guest_folder"
    (cd "$guest_folder" && GUEST_CASE=$guest_name exec "$bin/limit" $limit sh "$guest_script") \
        >"$scratch/log" 2>&1
    guest_status=$?
    guest_why=$(sed -n 's/^why: //p' "$scratch/log" | tail -n 1)
    grep -av '^why: ' "$scratch/log" | tail -n 12 | cut -c 1-300
    case $guest_status in
    0) passed "$guest_name" ;;
    77) skipped "$guest_name" "$guest_why" ;;
    *)
        [ $guest_status -ne 124 ] || guest_why="hangs: not done after $limit s"
        failed "$guest_name: ${guest_why:-status $guest_status}"
        ;;
    esac
    [ -n "${TAP_KEEP:-}" ] || { chmod -R u+rwx "$guest_folder"; rm -rf "$guest_folder"; } 2>/dev/null
}

# The report to the file `report`, as JSON: watch ARGUMENTS OF weir run...
watch() { "$weir" run --json -o report "$@"; }

# Holds of a report, of a recording; else the case failed. See report.py for the names.
report() { guest_say=$("$python" "$guest_dir/report.py" "$1" "$2" 2>&1) || fail "$guest_say"; }
trace() { guest_say=$("$python" "$guest_dir/report.py" --trace "$1" "$2" 2>&1) || fail "$guest_say"; }
of_report() { "$python" "$guest_dir/report.py" --print "$1" "$2"; }
of_trace() { "$python" "$guest_dir/report.py" --print-trace "$1" "$2"; }

# How a command ends: "exit N" or "signal N".
status_of() { "$python" "$guest_dir/report.py" --status "$@"; }

# wants WHAT WANTED GOT
wants() { [ "$2" = "$3" ] || fail "$1: wanted \"$2\", got \"$3\""; }

# same WHAT FILE FILE: of the same content.
same()
{
    cmp -s "$2" "$3" || {
        diff -a "$2" "$3" | head -n 6 | cut -c 1-200
        fail "$1: $2 ($(wc -c <"$2") bytes) and $3 ($(wc -c <"$3") bytes) differ"
    }
}

# A recording that is all there, of a process that was allowed to end.
whole() { trace "$1" 'missing == 0 and dropped == 0 and complete'; }

# as_nobody COMMAND...: without any rights, where we have them.
as_nobody()
{
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set -all --inh-caps -all "$@"
    else
        "$@"
    fi
}
