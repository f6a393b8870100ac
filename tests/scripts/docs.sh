#!/bin/sh
# README.md, CONTRIBUTING.md, docs/*.md and docs/internals/*.md against the tree: every relative link leads somewhere, every
# `make TARGET` exists, and so does every path within one of the tree's folders. Every public struct is in the table of
# docs/internals/api.md.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
export LC_ALL=C # in Turkish, [A-Z] and [a-z] lack an i
cd "$top_srcdir" || exit 99
makefile=$top_builddir/Makefile
links=0
targets=0
paths=0

# is_there PATH: in the source, made by configure, or a program that the Makefile makes.
# Patterns are the shell's.
is_there()
{
    for found in $1 "$top_builddir"/$1; do
        [ -e "$found" ] && return 0
    done
    grep -qF " $1\$(EXEEXT)" "$makefile"
}

for file in README.md CONTRIBUTING.md docs/*.md docs/internals/*.md; do
    try "$file"
    [ -s "$file" ] || { complain "$file: missing or empty"; continue; }

    # [text](where), without what comes after #; addresses of the web are not looked up.
    grep -o '](\([^) ]*\))' "$file" | sed 's/^](//; s/)$//; s/#.*//' |
        grep -v -e '^$' -e '^[a-z]*://' -e '^mailto:' >"$scratch/links"
    while read -r link; do
        links=$((links + 1))
        [ -e "$(dirname "$file")/$link" ] || complain "$file: the link $link leads nowhere"
    done <"$scratch/links"

    # `make x` in the text, and lines of code that begin with make.
    { grep -o '`make [a-z][^`]*`' "$file" | tr -d '`'
        grep -o '^    \(\$ \)\?make [a-z].*' "$file" | sed 's/^ *\(\$ \)\?//; s/#.*//; s/  .*//'; } |
        sed 's/[;&|(].*//' | tr ' ' '\n' | grep -x '[a-z][a-z0-9-]*' | grep -vx make |
        sort -u >"$scratch/targets"
    while read -r target; do
        targets=$((targets + 1))
        grep -q "^\([a-z0-9-]* \)*$target\( [a-z0-9-]*\)* *:" "$makefile" ||
            complain "$file: there is no make $target"
    done <"$scratch/targets"

    # Paths of the tree, anywhere in the text.
    grep -oE '(^|[][ `("|])(src|include|tests|bench|docs|examples|adapters|preload|tools|scripts|fuzz|cmake|m4|abi)/[A-Za-z0-9_./*-]*' \
        "$file" | sed 's/^[][ `("|]//; s/[.:,]*$//' | sort -u >"$scratch/paths"
    while read -r path; do
        paths=$((paths + 1))
        is_there "$path" || complain "$file: there is no $path"
    done <"$scratch/paths"
done

# Every struct that a program sees is in the table of docs/internals/api.md, with how it can grow.
try "each struct is in docs/internals/api.md"
structs=0
for struct in $(sed -n 's/^} \(weir_[a-z_]*\);.*/\1/p' include/weir/*.h); do
    grep -q "^typedef struct $struct {" include/weir/*.h || continue # an enum
    structs=$((structs + 1))
    grep -q "^| \`$struct\` |" docs/internals/api.md || complain "docs/internals/api.md: no line about $struct"
done

try "there was something to look at"
echo "$links links, $targets targets, $paths paths, $structs structs"
# Nothing found is a test that no longer looks.
[ $links -ge 10 ] && [ $targets -ge 10 ] && [ $paths -ge 30 ] && [ $structs -ge 20 ] || complain "too few to be true"
finish
