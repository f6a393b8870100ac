#!/bin/sh
# Every variable that weir, its tools and its scripts read is in docs/guide/environment.md and in weir.1, and none
# that nobody reads.
set -u
export LC_ALL=C
cd "$top_srcdir" || exit 99
. "$top_srcdir/tests/helpers/tap.sh"
sources="src preload tools bench adapters"

# What getenv is called with: "NAME", or a macro, which is looked up. Other words are variables of C, whose
# names the callers give: see `names` below.
grep -rhoE 'getenv\(("[A-Z_]+"|[A-Z_]+)\)' $sources --include='*.[ch]' --include='*.cc' --include='*.hpp' |
    sed 's/.*(//; s/)//' | sort -u |
    while read -r word; do
        case $word in
        \"*) echo "$word" ;;
        *) grep -rhE "^#define $word +\"" $sources || echo "\"$word\"" ;;
        esac
    done | sed 's/[^"]*"//; s/".*//' >"$scratch/c"
try "getenv gets a name"
# names: preload/environment.c has a table, bench/harness/run.c puts before LD_PRELOAD and LD_LIBRARY_PATH.
grep -rlE 'getenv\([a-z]' $sources | sort | tr '\n' ' ' >"$scratch/others"
[ "$(cat "$scratch/others")" = "bench/harness/run.c preload/environment.c " ] ||
    complain "getenv with a name that is not there to see: $(cat "$scratch/others")"
sort -u "$scratch/c" >"$scratch/own"

# Those of scripts and of tests that begin with WEIR_, and the home folder.
{
    cat "$scratch/own"
    grep -rhoE '\$\{?(WEIR_[A-Z_]+|HOME\b)' scripts tests/helpers tests/scripts tests/targets tests/guest quickstart \
        bootstrap .ci bench --include='*' | sed 's/[${]//g'
    grep -rhoE 'environ(\.get\(|\[)"WEIR_[A-Z_]+"' python --include='*.py' | sed 's/[^"]*"//; s/"//'
    grep -rhoE 'getenv\("WEIR_[A-Z_]+"' tests | sed 's/[^"]*"//; s/"//'
} | sort -u >"$scratch/read"

try "docs/guide/environment.md"
# Words in backquotes that look like a variable.
grep -oE '`[A-Z][A-Z_]+`' docs/guide/environment.md | tr -d '`' | sort -u >"$scratch/documented"
diff "$scratch/read" "$scratch/documented" >"$scratch/diff" || {
    complain "read (<) and documented (>) differ:"
    show "$scratch/diff"
}
try "weir.1"
sed -n '/^\.SH ENVIRONMENT/,/^\.SH SEE/p' docs/man/weir.1 | grep -E '^\.BR? "?[A-Z]' |
    grep -oE '[A-Z][A-Z_]{2,}' | sort -u >"$scratch/page"
diff "$scratch/read" "$scratch/page" >"$scratch/diff" || {
    complain "read (<) and in ENVIRONMENT (>) differ:"
    show "$scratch/diff"
}
try "there was something to look at"
echo "$(wc -l <"$scratch/read") variables, $(wc -l <"$scratch/own") of them weir's, its commands' and its benchmarks'"
[ "$(wc -l <"$scratch/own")" -ge 10 ] || complain "too few to be true"
finish
