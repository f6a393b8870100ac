#!/bin/sh
# The installed documents: what their links lead to is installed, too, and what they name of the source is not a link.
set -u
. "$top_srcdir/tests/helpers/installed.sh"
installed=$(find "$root" -path '*/doc/weir/guide' -type d)
try "make install puts the guide into doc/weir"
[ -n "$installed" ] || { complain "there is none"; finish; }
documents=${installed%/guide}

try "links between installed pages hold"
find "$documents" -name '*.md' >"$scratch/pages"
links=0
while read -r page; do
    # [text](where), without what comes after #; addresses of the web are not looked up.
    grep -o '](\([^) ]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v -e '^[a-z]*://' -e '^$' >"$scratch/links"
    while read -r link; do
        links=$((links + 1))
        [ -e "${page%/*}/$link" ] || complain "${page#"$documents/"}: $link is not there"
    done <"$scratch/links"
done <"$scratch/pages"
[ $links -ge 100 ] || complain "$links links are too few to be true"

try "the Dockerfile that the guide explains is there, and what it copies"
for each in Dockerfile service.py; do
    [ -s "$documents/examples/container/$each" ] || complain "no $each"
done
finish
