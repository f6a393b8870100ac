# tests/helpers/tap.sh: how a script says what it found, case by case, in TAP. Sourced; makes the folder
# `scratch`, which goes at the end. Either name a case before it is looked at:
#
#     try "the peak is exact"
#     [ "$peak" = 100 ] || complain "it is $peak"
#
# or say the result of one that was: passed NAME; failed NAME [FILE]...; skipped NAME WHY. At the
# end: finish. Where nothing can be tried: skip_all WHY. Whatever else a script prints belongs to
# the case that is told next, and is shown if that one failed (tests/helpers/run-tap). By hand:
#
#     cd build; TAP_KEEP=1 (the folder stays)
#     top_builddir=$PWD top_srcdir=$PWD/.. CC=gcc CXX=g++ NM=nm SANITIZER_FLAGS= sh ../tests/scripts/x.sh

: "${top_srcdir:?}" "${top_builddir:?}" "${CC:=cc}" "${SANITIZER_FLAGS:=}"
tap_count=0 tap_failures=0 tap_case='' tap_skip='' tap_over=''
scratch=$(mktemp -d) || exit 99
tap_complaints=$scratch/.complaints # a file: subshells complain, too
trap tap_leave EXIT

tap_leave()
{
    tap_status=$?
    if [ -n "${TAP_KEEP-}" ]; then echo "# $scratch is kept"; else
        cd / && chmod -R u+rwx "$scratch" 2>/dev/null
        rm -rf "$scratch"
    fi
    [ -n "$tap_over" ] || echo "Bail out! the script ended early, with status $tap_status"
}

tap_say()
{
    tap_count=$((tap_count + 1))
    echo "$1 $tap_count - $2"
}

tap_end()
{
    [ -n "$tap_case" ] || return 0
    if [ -s "$tap_complaints" ]; then
        tap_failures=$((tap_failures + 1))
        tap_say "not ok" "$tap_case"
    elif [ -n "$tap_skip" ]; then
        tap_say ok "$tap_case # SKIP $tap_skip"
    else
        tap_say ok "$tap_case"
    fi
    rm -f "$tap_complaints"
    tap_case='' tap_skip=''
}

# try NAME: what follows is about that.
try()
{
    tap_end
    tap_case=$*
}

# complain WHY: the case failed, and goes on.
complain()
{
    [ -n "$tap_case" ] || tap_case=${0##*/}
    echo "$*"
    echo x >>"$tap_complaints"
}

# show FILE...: their first lines.
show()
{
    for tap_file; do
        [ ! -s "$tap_file" ] || sed 's/^/  /' "$tap_file" | head -n 40
    done
}

# skip WHY: the case cannot be tried here.
skip() { tap_skip=$*; }

passed() { try "$1"; tap_end; }

failed()
{
    try "$1"
    shift
    show "$@"
    echo x >>"$tap_complaints"
    tap_end
}

skipped()
{
    try "$1"
    tap_skip=$2
    tap_end
}

# passed_or_failed STATUS NAME [FILE]...
passed_or_failed()
{
    if [ "$1" -eq 0 ]; then
        passed "$2"
    else
        shift
        failed "$@"
    fi
}

finish()
{
    tap_end
    tap_over=1
    echo "1..$tap_count"
    [ $tap_count -gt 0 ] || { echo "Bail out! no case was tried"; exit 1; }
    exit $((tap_failures > 0))
}

# Where cases were told already: the rest of them.
skip_all()
{
    if [ $tap_count -gt 0 ] || [ -n "$tap_case" ]; then
        skipped "the rest" "$*"
        finish
    fi
    tap_over=1
    echo "1..0 # SKIP $*"
    exit 0
}

# -- what scripts cannot do without -------------------------------------------------------------

need_no_sanitizer() { [ -z "$SANITIZER_FLAGS" ] || skip_all "not with a sanitizer: $1"; }
# For coverage: libgcov is in what was built, allocates, and opens files at each end of a process.
is_coverage_build() { grep -q '^CFLAGS = .*--coverage' "$top_builddir/Makefile"; }
need_this_machine()
{
    case $($CC -dumpmachine) in
    "$(uname -m)"-*) ;;
    *) skip_all "cross-compiled: $1" ;;
    esac
}
need_no_runner() { [ -z "${WEIR_RUNNER-}" ] || skip_all "not under WEIR_RUNNER: $1"; }
need_shared() { [ -e "$top_builddir/.libs/libweir.so.0" ] || skip_all "no shared library was built"; }

# Sets `library`.
need_preload()
{
    need_no_sanitizer "it brings a malloc of its own"
    library=$top_builddir/.libs/libweir-malloc.so
    [ -e "$library" ] || skip_all "no libweir-malloc.so was built"
}

# Sets `python`: the system's before one that somebody put in front of it.
need_python()
{
    python=$(command -v /usr/bin/python3 || command -v python3) || skip_all "no python3 here"
}
