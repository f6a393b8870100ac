#!/bin/sh
# figures.sh DOCUMENT - runs, in the build folder, each command that the document names in a line
#
#     <!-- run: COMMAND -->
#
# and puts its output, as a block of code, in place of what stands between that line and the
# next <!-- end -->. `weir` in a command is ./weir. The document is replaced only if every
# command could be run.
set -u
document=$1
scratch=$(mktemp) || exit 1
trap 'rm -f "$scratch"' EXIT
fence='```'
inside=no

while IFS= read -r line; do
    case $line in
    '<!-- run: '*' -->')
        command=${line#<!-- run: }
        command=${command% -->}
        printf '%s\n%s\n$ %s\n' "$line" "$fence" "$command"
        echo "figures: $command" >&2
        # 1: a goal's load failed, and said so; that is a figure, too
        case $command in
        weir\ *) sh -c "./$command" 2>&1 </dev/null ;;
        *) sh -c "$command" 2>&1 </dev/null ;;
        esac
        [ $? -le 2 ] || exit 1
        echo "$fence"
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
done <"$document" >"$scratch" || exit 1

[ $inside = no ] || {
    echo "figures: $document: no <!-- end --> after the last command" >&2
    exit 1
}
cat "$scratch" >"$document"
