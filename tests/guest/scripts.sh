#!/bin/sh
# Scripts, as execvp runs them: with and without an interpreter's name, found in PATH,
# empty, one script run by another.
. "$top_srcdir/tests/guest/functions"

$CC -O0 -pthread -o starter "$top_srcdir/tests/guest/starter.c" || exit 99
mkdir bin || exit 99
echo 'echo plain "$0" "$@"; exit 7' >bin/plain
printf '#!/bin/sh\necho named "$0" "$@"\nexit 8\n' >bin/named
printf '#! \t/bin/sh -e \necho spaced "$@"\nfalse\nexit 9\n' >bin/spaced
printf '#!%s/bin/named word\n' "$scratch" >bin/second
printf '#!%s/bin/second\n' "$scratch" >bin/third
printf '#!/bin/sh\r\necho never\n' >bin/returned
printf '#!\necho nameless\n' >bin/nameless
: >bin/empty
printf '\001\002\003\n' >bin/noise
chmod +x bin/*
echo 'echo not executable' >bin/forbidden

export PATH="$PATH:$scratch/bin"
for script in plain named spaced second third nameless empty; do
    same "the script $script" nice "./bin/$script" a 'b c'
    same "the script $script in PATH" nice "$script" a
    for how in execve execvp spawnp; do
        same "the script $script by $how" ./starter $how own "./bin/$script" a
    done
done
for script in returned noise forbidden; do
    same "the script $script by execvp" ./starter execvp own "$script" a
    same "the script $script by a shell" sh -c "./bin/$script a 2>/dev/null"
done
PATH=:/usr/bin:/bin same "an empty element of PATH" sh -c 'cd bin && exec nice named a'
refused "a script whose interpreter does not exist" 127 'interpreter does not exist' ./bin/returned
refused "a script nobody may execute" 126 'not executable' ./bin/forbidden

# By weir run itself, which nice is not.
for script in plain ./bin/plain; do
    "$weir" run -o report -- $script a >out 2>err
    status=$?
    [ $status -eq 7 ] && grep -q '^plain .* a$' out && passed "weir run $script" ||
        failed "weir run $script: $status" out err
done
"$weir" run -o report -- ./bin/empty >out 2>err && passed "weir run of an empty script" ||
    failed "weir run of an empty script" out err
finish
