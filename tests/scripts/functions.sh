#!/bin/sh
# Functions of the core stay short. Over src/base, os, backing, pool, track and alloc the median is at
# most 8 lines, from the head to the last brace without asserts, and the 90th percentile at most 18.
# `make function-sizes` shows what is measured. FUNCTIONS_ROOT: another tree (an older commit's),
# which is measured and not judged.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
export LC_ALL=C
parser=$(cd "$top_srcdir" && pwd)/tests/scripts/nouns.awk || exit 99
cd "${FUNCTIONS_ROOT-$top_srcdir}" || exit 99

folders=
for folder in base os backing pool track alloc; do
    [ ! -d "src/$folder" ] || folders="$folders $folder"
done

# Prints: lines that are not blank, of these those of comments alone, of asserts, of functions called
# *_is_valid or *_is_whole, and the number of asserts that run and of static ones.
lines_of()
{
    cat "$@" | awk '
        /^[ \t]*$/ { next }
        { all++ }
        /^[ \t]*(\/\*|\*|\/\/)/ { comment++ }
        assert_open || /^[ \t]*(weir__assert)[a-z_0-9]* *\(/ {
            if (!assert_open) running++
            asserts++
            assert_open = $0 !~ /;/
        }
        /^_Static_assert/ { statics++ }
        /^[A-Za-z].*_is_(valid|whole)[a-z_]*\(/ && !/;/ { checking = 1 }
        checking { checks++ }
        /^}/ { checking = 0 }
        END { print all + 0, comment + 0, asserts + 0, checks + 0, running + 0, statics + 0 }'
}

# Of sizes, one a line: number, median, 90th percentile, greatest.
quantiles()
{
    sort -n | awk '
        { size[NR] = $1 }
        END {
            if (!NR) { print 0, 0, 0, 0; exit }
            print NR, size[int((NR + 1) / 2)], size[int((NR * 9 + 9) / 10)], size[NR]
        }'
}

sizes_of() # folder...
{
    for folder; do
        awk -f "$parser" "src/$folder"/*.[ch] | awk '$2 == "size" { print $4 }'
    done
}

row() # name, folder...
{
    name=$1
    shift
    files=
    for folder; do
        files="$files $(echo src/"$folder"/*.[ch])"
    done
    # shellcheck disable=SC2046,SC2086,SC2183 # the functions print several words
    printf '%-10s %9d %7d %5d %5d %7d %9d %8d %9d %8d %7d\n' "$name" \
        $(sizes_of "$@" | quantiles) $(lines_of $files)
}

try "the measure itself"
# The measure itself: four lines and an assert over two; the 1st, 5th, 9th and 10th of ten.
measured=$(printf '%s\n' 'static int f(void)' '{' '    weir__assert(a &&' '                 b);' \
    '    return 1; /* } */' '}' | awk -f "$parser" | awk '{ print $4 }')
[ "$measured" = 4 ] && [ "$(printf '%s\n' 3 1 2 4 10 9 8 7 6 5 | quantiles)" = "10 5 9 10" ] ||
    complain "a function of 4 lines measures $measured"
tap_end

printf '%-10s %9s %7s %5s %5s %7s %9s %8s %9s %8s %7s\n' folder functions median p90 max \
    lines comments asserts is_valid checks static
for folder in $folders; do
    row "$folder" "$folder"
done
# shellcheck disable=SC2086
row all $folders
rest=$(echo "$folders" | sed 's/ os / /')
# shellcheck disable=SC2046,SC2034 # names of files are words; columns are named, read or not
lines_of $(for folder in $rest; do echo src/"$folder"/*.[ch]; done) | {
    read -r all comments asserts checks running statics
    echo "without src/os, asserts and functions *_is_valid: $((all - asserts - checks - statics)) lines," \
        "$((all - asserts - checks - statics - comments)) without lines of comment alone"
}
[ -z "${FUNCTIONS_ROOT-}" ] || finish
try "the core's functions are short"

# shellcheck disable=SC2086
sizes_of $folders | quantiles | {
    read -r number median p90 greatest
    [ "$number" -gt 400 ] && [ "$median" -le 8 ] && [ "$p90" -le 18 ] || complain \
        "of $number functions the median is $median (at most 8), the 90th percentile $p90 (at most 18)"
}
finish
