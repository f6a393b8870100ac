#!/bin/sh
# bash completion: what is offered for a line up to the cursor, in a bare bash, without the package
# bash-completion. Commands and options are those of --help.
set -u
export LC_ALL=C # in Turkish, [a-z] lacks an i
command -v bash >/dev/null || { echo "no bash here"; exit 77; }
[ -z "${WEIR_RUNNER-}" ] || { echo "weir does not run by itself here"; exit 77; }
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/in" && cd "$scratch/in" && mkdir folder && : >"one.wtr" && : >"two words.csv" || exit 99

cat >../driver <<'END'
# driver WEIR SCRIPT [WORD...]: prints what is offered for the last word.
weir=$1
source "$2" || exit 99
shift 2
[[ $(complete -p weir) == "complete -F _weir weir" ]] || exit 99
COMP_WORDS=(weir "$@")
COMP_CWORD=$#
_weir "$weir" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\n' "${COMPREPLY[@]}"
END

checks=0
status=0
# offers "A B ..." WORD...: exactly these, in any order; blanks within a name are underlines here.
offers()
{
    checks=$((checks + 1))
    wanted=$(printf '%s\n' $1 | LC_ALL=C sort | tr '\n' ' ')
    shift
    offered=$(bash --norc ../driver "$top_builddir/weir" "$top_srcdir/tools/completion/weir" "$@" 2>../err |
        tr ' ' '_' | LC_ALL=C sort | tr '\n' ' ')
    [ "$offered" = "$wanted" ] && [ ! -s ../err ] && return
    echo "FAILED: weir $*: offered are: $offered; not: $wanted"
    cat ../err
    status=1
}

commands=$("$top_builddir/weir" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
offers "$(echo $commands) help --help --version" ""
offers "bench" be
offers "--help" --h
offers "$(echo $commands)" help ""
offers "stats" help s
offers "" help stats ""
for command in $commands; do
    options=$("$top_builddir/weir" $command --help | grep -o '^  ...[ ]*--[a-z-]*' | sed 's/.* //')
    [ "$(echo "$options" | wc -l)" -ge 1 ] || { echo "no options of $command"; status=1; }
    offers "$(echo $options)" $command -
done
offers "--peers --peer --peers-from" bench --pee
offers "none page all" bench --touch ""
offers "page" bench --touch p
offers "folder" bench --peers-from ""
offers "folder one.wtr two_words.csv" bench --traces ""
offers "folder one.wtr two_words.csv" bench --runs 5 ""
offers "" bench --runs ""
offers "" bench --peer NAM
offers "one.wtr" bench --peer NAME=on
# As bash breaks the words.
offers "one.wtr" bench --peer NAME = on
offers "folder one.wtr two_words.csv" bench --peer NAME =
offers "none page all" bench --touch =
offers "page" bench --touch = p
offers "--quick" bench --touch = page --q
offers "--quick" bench --peer NAME = one.wtr --q
offers "two_words.csv" plan --compare tw
offers "two_words.csv" plan -o tw
offers "one.wtr" trace --top 3 o
offers "--top" trace --to
offers "" stats ""
offers "" nonsense -
offers "bench" device ""
offers "--help" device -
offers "auto expandable segments" device bench --mode ""
offers "host" device bench --device ""
offers "--device --mode --pairs --passes --help" device bench -
offers "one.wtr" device bench on
# Of weir run's program the words are its own.
PATH=$scratch/in/folder:$PATH
: >folder/weir-test-program && chmod +x folder/weir-test-program
offers "weir-test-program" run --limit 5G weir-test-p
offers "weir-test-program" run -- weir-test-p
offers "one.wtr" run --limit 5G weir-test-program on
offers "" run weir-test-program --js
offers "one.wtr" run -o on
echo "$checks checks"
[ $checks -ge 44 ] || status=1
exit $status
