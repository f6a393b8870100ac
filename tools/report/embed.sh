#!/bin/sh
# tools/report/embed.sh - the page's script and style as C: embed.sh PAGE.js PAGE.css >page_parts.c
set -eu
string()
{
    printf 'const char %s[] =\n' "$1"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/?/\\?/g' -e 's/^/    "/' -e 's/$/\\n"/' "$2"
    printf '    "";\n'
}
printf '/* Made by tools/report/embed.sh. */\n#include "tools/report/page.h"\n\n'
string page_script "$1"
string page_style "$2"
