#!/bin/sh
# README.md, CONTRIBUTING.md, SECURITY.md and docs/*/*.md against the tree: every relative link leads somewhere (to a heading,
# where it says so), every `make TARGET` exists, and so does every path within one of the tree's folders. Every public
# struct is in the table of docs/internals/api.md. No turn of docs/internals/style.md is in the prose.
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

for file in README.md CONTRIBUTING.md SECURITY.md docs/*/*.md; do
    try "$file"
    [ -s "$file" ] || { complain "$file: missing or empty"; continue; }

    # [text](where), without what comes after #; addresses of the web are not looked up.
    grep -o '](\([^) ]*\))' "$file" | sed 's/^](//; s/)$//; s/#.*//' |
        grep -v -e '^$' -e '^[a-z]*://' -e '^mailto:' >"$scratch/links"
    while read -r link; do
        links=$((links + 1))
        [ -e "$(dirname "$file")/$link" ] || complain "$file: the link $link leads nowhere"
    done <"$scratch/links"

    # ... and what comes after # is a heading there, in small letters and without signs.
    grep -o '](\([^) ]*#[^) ]*\))' "$file" | sed 's/^](//; s/)$//' | grep -v '^[a-z]*://' >"$scratch/anchors"
    while IFS='#' read -r page anchor; do
        [ -n "$page" ] && page=$(dirname "$file")/$page || page=$file
        sed -n 's/^##* //p' "$page" 2>/dev/null | tr 'A-Z' 'a-z' | sed 's/[^a-z0-9 _-]//g; s/ /-/g' |
            grep -qx -e "$anchor" || complain "$file: $page has no heading $anchor"
    done <"$scratch/anchors"

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

# The turns that docs/internals/style.md gives up: none in documents and headers. That page shows
# them. What commands printed (docs/results, blocks of code) is not prose. `There is no` is, and stays.
try "no turn of docs/internals/style.md"
turns=0
for file in README.md CONTRIBUTING.md SECURITY.md docs/guide/*.md docs/internals/*.md include/weir/*.h include/weir/*.hpp \
    include/weir/*.in include/weir/*/*; do
    [ $file != docs/internals/style.md ] || continue
    awk '/^ *```/ { code = !code } !code' "$file" | tr '\n' ' ' | sed 's/ \* / /g; s/   */ /g' >"$scratch/prose"
    grep -oE '.{0,30}\b((is|are|was|were) no [a-z]+|beside\b|cannot be told|of (its|their|his|one.s) own\b|Who [a-z]+|[Ww]hoever|for want of).{0,20}' \
        "$scratch/prose" | grep -vE '[Tt]here (is|are|was|were) no |(is|are|was|were) no (longer|more than) |"beside"|Who holds|own accord' \
        >"$scratch/turns"
    while IFS= read -r turn; do
        turns=$((turns + 1))
        complain "$file: docs/internals/style.md: ...$turn..."
    done <"$scratch/turns"
done

# Comments of the sources have none of those that are told by the word alone.
try "no such turn in comments"
(find src tools preload adapters bench -name '*.[ch]' -o -name '*.cc') | sort |
    while IFS= read -r file; do
        sed 's/"[^"]*"//g' "$file" |
            awk -v file="$file" '/\/\*/ { inside = 1 } inside && /(^|[^a-z])(beside|[Ww]hoever|for want of)([^a-z]|$)/ { print file ": " $0 } /\*\// { inside = 0 }'
    done >"$scratch/turns"
while IFS= read -r turn; do
    complain "$turn"
done <"$scratch/turns"

try "there was something to look at"
echo "$turns turns, $links links, $targets targets, $paths paths, $structs structs"
# Nothing found is a test that no longer looks.
[ $links -ge 10 ] && [ $targets -ge 10 ] && [ $paths -ge 30 ] && [ $structs -ge 20 ] || complain "too few to be true"
finish
