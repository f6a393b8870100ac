#!/bin/sh
# bash completion: what is offered for a line up to the cursor, in a bare bash, without the package
# bash-completion. Commands and options are those of --help.
set -u
export LC_ALL=C # in Turkish, [a-z] lacks an i
. "$top_srcdir/tests/helpers/tap.sh"
command -v bash >/dev/null || skip_all "no bash here"
need_no_runner "weir does not run by itself here"
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
# offers "A B ..." WORD...: exactly these, in any order; blanks within a name are underlines here.
offers()
{
    checks=$((checks + 1))
    wanted=$(printf '%s\n' $1 | LC_ALL=C sort | tr '\n' ' ')
    shift
    offered=$(bash --norc ../driver "$top_builddir/weir" "$top_srcdir/tools/completion/weir" "$@" 2>../err |
        tr ' ' '_' | LC_ALL=C sort | tr '\n' ' ')
    [ "$offered" = "$wanted" ] && [ ! -s ../err ] && return
    complain "weir $*: offered are: $offered; not: $wanted"
    show ../err
}

try "commands"
commands=$("$top_builddir/weir" --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
offers "$(echo $commands) help --help --version" ""
offers "bench" be
offers "--help" --h
offers "$(echo $commands)" help ""
offers "stats" help s
offers "" help stats ""
for command in $commands; do
    try "options of weir $command"
    options=$("$top_builddir/weir" $command --help | grep -o '^  ...[ ]*--[a-z-]*' | sed 's/.* //')
    [ "$(echo "$options" | wc -l)" -ge 1 ] || complain "no options of $command"
    offers "$(echo $options)" $command -
done
try "values of options, and files"
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
try "the program of weir run"
# Of weir run's program the words are its own.
PATH=$scratch/in/folder:$PATH
: >folder/weir-test-program && chmod +x folder/weir-test-program
offers "weir-test-program" run --limit 5G weir-test-p
offers "weir-test-program" run -- weir-test-p
offers "one.wtr" run --limit 5G weir-test-program on
offers "" run weir-test-program --js
offers "one.wtr" run -o on
[ $checks -ge 44 ] || complain "$checks checks are too few to be true"
finish
