#!/bin/sh
# figures.sh DOCUMENT... - runs, in the build folder, each command that a document names in a line
#
#     <!-- run: COMMAND -->
#
# and puts the command and its output, as a block of code, in place of what stands between that line
# and the next <!-- end -->; output that is a table of markdown stands after the block, as a table.
# `weir` is the build folder's. A document is replaced only if every command could be run.
set -u
scratch=$(mktemp) || exit 1
trap 'rm -f "$scratch" "$scratch.out"' EXIT
fence='```'
PATH=$PWD:$PATH

# figures_run COMMAND: 1 is a goal that was missed or a load that failed, and said so: a figure, too.
figures_run()
{
    echo "figures: $1" >&2
    sh -c "$1" >"$scratch.out" 2>&1 </dev/null
    [ $? -le 1 ] || { cat "$scratch.out" >&2; return 1; }
    printf '%s\n$ %s\n' "$fence" "$1"
    if head -n 1 "$scratch.out" | grep -q '^|'; then
        printf '%s\n\n' "$fence"
        cat "$scratch.out"
    else
        cat "$scratch.out"
        echo "$fence"
    fi
}

figures_of()
{
    inside=no
    while IFS= read -r line; do
        case $line in
        '<!-- run: '*' -->')
            command=${line#<!-- run: }
            printf '%s\n' "$line"
            figures_run "${command% -->}" || return 1
            inside=yes
            ;;
        '<!-- end -->')
            inside=no
            printf '%s\n' "$line"
            ;;
        *)
            [ $inside = yes ] || printf '%s\n' "$line"
            ;;
        esac
    done
    [ $inside = no ] || { echo "figures: no <!-- end --> after the last command" >&2; return 1; }
}

for document in "$@"; do
    figures_of <"$document" >"$scratch" || { echo "figures: $document is as it was" >&2; exit 1; }
    cat "$scratch" >"$document"
done
