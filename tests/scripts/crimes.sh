#!/bin/sh
# Every crime of tests/misuse is committed in each mode, and what comes of it is what tests/misuse/crimes.table says: the first
# line word for word, and the signal. What is not found is said there, too. A case is one crime.
# usage: [CRIMES_MODES="guarded hardened"] crimes.sh [--print]: with --print the rows of a table, as they are found here.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "it finds them first"
need_no_runner "it finds them first, or has no fault's address"
grep -q 'define WEIR_DEBUG 0' "$top_builddir/config.h" || skip_all "a debug build finds more"
! grep -q 'define WEIR_NO_ACCOUNTING 1' "$top_builddir/config.h" || skip_all "no accounting, and so no guards"
[ "$(getconf PAGESIZE)" = 4096 ] || skip_all "pages are not 4 KiB"
case $(uname -m) in x86_64 | aarch64) ;; *) skip_all "this machine does not say whether it was a write" ;; esac
unset LD_PRELOAD WEIR_GUARDS WEIR_HARDENED WEIR_BACKING 2>/dev/null
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0
log=$scratch/log
library=$top_builddir/.libs/libweir-malloc.so
modes=${CRIMES_MODES:-default guarded hardened}

# commit MODE PROGRAM CRIME: all that is printed, and the addresses that are told, are in the log.
commit()
{
    case $2 in preloaded) preload=$library ;; *) preload= ;; esac
    echo "@ $2 $3 $1" >>"$log"
    case $1 in
    default) WEIR_GUARDS=0 LD_PRELOAD=$preload "$binary" "$3" >>"$log" 2>&1 3>>"$log" ;;
    guarded) WEIR_GUARDS=1,tensors:1 LD_PRELOAD=$preload "$binary" "$3" >>"$log" 2>&1 3>>"$log" ;;
    hardened) WEIR_HARDENED=1 LD_PRELOAD=$preload "$binary" "$3" >>"$log" 2>&1 3>>"$log" ;;
    esac
    echo "= $?" >>"$log"
}

for program in linked allocators objects linked_cxx preloaded; do
    binary=$top_builddir/tests/misuse/.libs/$program
    [ -x "$binary" ] || binary=$top_builddir/tests/misuse/$program
    [ -x "$binary" ] || continue
    [ $program != preloaded ] || [ -e "$library" ] || continue
    for crime in $(LD_LIBRARY_PATH=$top_builddir/.libs "$binary" --list); do
        for mode in $modes; do
            { LD_LIBRARY_PATH=$top_builddir/.libs commit $mode $program "$crime"; } 2>/dev/null
        done
    done
done

# One line a run, as the table has it: PROGRAM CRIME MODE HOW LINE.
awk '
    /^@ / { run = $2 " " $3 " " $4; line = ""; split("", at); told = 0; next }
    /^= / {
        how = $2 == 0 ? "-" : $2 == 134 ? "abrt" : $2 == 139 ? "segv" : "status" $2
        for (name in at)
            while ((i = index(line, at[name])) && !(substr(line, i + length(at[name]), 1) ~ /[0-9a-f]/))
                line = substr(line, 1, i - 1) "<" name ">" substr(line, i + length(at[name]))
        print run, how (line == "" ? "" : " " line)
        next
    }
    /^[AB] 0x/ { at[$1] = $2; next }
    /Segmentation fault|Aborted/ && !/^weir/ { next } # the shell says so
    line == "" { line = $0 }' "$log" >"$scratch/found"
if [ "${1-}" = --print ]; then
    cat "$scratch/found"
    tap_over=1
    exit 0
fi

awk -v modes="$modes" '
    BEGIN { count = split(modes, mode, " ") }
    NR == FNR {
        if (/^#/ || NF < 4)
            next
        n = split($3, of, ",")
        for (i = 1; i <= n; i++) {
            key = $1 " " $2 " " of[i]
            if (key in row)
                print "twice in the table: " key >"/dev/stderr"
            row[key] = substr($0, length($1) + length($2) + length($3) + 4)
        }
        next
    }
    {
        key = $1 " " $2 " " $3
        said = substr($0, length(key) + 2)
        crime = $1 " " $2
        if (crime != former) { if (former != "") print "."; print "case " crime; former = crime }
        if (!(key in row)) print key ": not in the table; it was: " said
        else if (row[key] == "chance" && (said == "-" || said ~ /^abrt weir: /)) next
        else if (row[key] != said) print key ": it was: " said "\n    expected: " row[key]
    }
    END { print "." }' "$top_srcdir/tests/misuse/crimes.table" "$scratch/found" >"$scratch/cases"
while IFS= read -r line; do
    case $line in
    "case "*) try "${line#case }" ;;
    .) ;;
    *) complain "$line" ;;
    esac
done <"$scratch/cases"
finish
