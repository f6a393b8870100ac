#!/bin/sh
# `weir` itself: the ways to ask for help, a command that is none, and a man page for each command, in
# which its options stand as --help prints them.
set -u
export LC_ALL=C # in Turkish, [a-z] lacks an i
run=${WEIR_RUNNER-} # meant to be split into words
weir=$top_builddir/weir
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99
status=0

complain()
{
    echo "FAILED: $*"
    status=1
}

# asked WORD...: status 0, something on standard output, nothing else. It lies in `out`.
asked()
{
    $run "$weir" "$@" >out 2>err || complain "weir $*: status $?"
    [ -s out ] && [ ! -s err ] || { cat err; complain "weir $*: not on standard output alone"; }
}

# The same as `first`.
same()
{
    asked "$@"
    cmp out first || complain "weir $* prints something else"
}

asked --help
cp out first
same -h
same help
commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' first)
[ "$(echo "$commands" | wc -l)" -ge 6 ] || complain "too few commands to be true: $commands"
for command in $commands; do
    asked $command --help
    cp out first
    same $command -h
    same help $command
    grep -q "^usage: weir $command" first || complain "weir $command --help: no usage"
    grep -q "docs/man/weir-$command\.1" "$top_builddir/Makefile" || complain "no man page of weir $command is installed"
done
asked device bench -h
asked --version
grep -qx 'weir [0-9][0-9.]*' out || complain "weir --version prints $(cat out)"

# wrong LINE WORD...: status 2 and this line alone, on standard error.
wrong()
{
    line=$1
    shift
    $run "$weir" "$@" >out 2>err
    [ $? -eq 2 ] || complain "weir $*: not status 2"
    [ ! -s out ] || complain "weir $*: something on standard output"
    printf '%s\n' "$line" | cmp -s - err || complain "weir $*: $(cat err)"
}
wrong 'weir: no command "bnech"; did you mean "weir bench"?' bnech
wrong 'weir: no command "stat"; did you mean "weir stats"?' stat --json
wrong 'weir: no command "rum"; did you mean "weir run"?' help rum
wrong 'weir: no command "xyzzy"; weir --help lists them' xyzzy
wrong 'weir: no command ""; weir --help lists them' ""
$run "$weir" >out 2>err
[ $? -eq 2 ] && [ ! -s out ] && grep -q '^usage: weir' err || complain "weir alone: not usage and status 2"

[ -n "$run" ] || sh "$top_srcdir/docs/man/update" --check "$weir" ||
    complain "man pages are not what --help says: make man-pages"
# A page that is wrong, so that no warning means something.
printf '.TH X 1\n.SH NAME\nx \\- y\n.nonsense\n' >bad.1
if command -v man >/dev/null && man --warnings -l bad.1 2>&1 >/dev/null | grep -q nonsense; then
    warnings() { MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -l "$1" 2>&1 >/dev/null; }
elif command -v mandoc >/dev/null && ! mandoc -Tlint bad.1 >/dev/null; then
    warnings() { mandoc -Tlint -W warning "$1"; }
else
    echo "neither man-db with groff nor mandoc here"
    warnings() { :; }
fi
for page in "$top_srcdir"/docs/man/*.1; do
    warned=$(warnings "$page")
    [ -z "$warned" ] || complain "${page##*/}: $warned"
done
exit $status
