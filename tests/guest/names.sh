#!/bin/sh
# Names: JSON is UTF-8 whatever they are, nothing is cut, signals have names, one block is one
# block; --quiet; -o with %p; what can be started is what execvp starts.
# shellcheck disable=SC1083 # braces are words of act.c
. "$(dirname "$0")/lib.sh"
build act.c
A=$bin/act

# is EXPRESSION: of d, the JSON in `report`.
is()
{
    "$python" - "$1" <<'END' || exit 1
import json, sys
data = open("report", "rb").read()
try:
    d = json.loads(data.decode("utf-8", "strict"))
except ValueError as error:
    print("why: not JSON in UTF-8:", error)
    sys.exit(1)
F = "\ufffd"
if not eval(sys.argv[1]):
    print("why: not", sys.argv[1], "but", ascii(d["command"])[:300], ascii(d["program"]["program"])[:300])
    sys.exit(1)
END
}
utf8()
{
    watch -- true "é" "日本" "😀" "Ω≈" "$(printf '\302\200')" 2>/dev/null
    is 'd["command"] == ["true", "\xe9", "\u65e5\u672c", "\U0001f600", "\u03a9\u2248", "\x80"]'
}
check "JSON: letters of every length" utf8
# Each is one invalid byte between two letters.
invalid()
{
    for byte in '\200' '\377' '\300' '\301' '\365' '\376'; do
        watch -- true "$(printf "a${byte}b")"
        is 'd["command"] == ["true", "a" + F + "b"]'
    done
}
check "JSON: bytes that are no letter" invalid
# What ends too early, is too long, or half of a pair: one or more U+FFFD, and what is around.
broken()
{
    for bytes in '\303' '\342\202' '\360\237\230' '\300\257' '\340\200\257' '\355\240\200' '\364\220\200\200' '\370\210\200\200\200'; do
        watch -- true "$(printf "a${bytes}b")" "$(printf "c${bytes}")" "é"
        is 'd["command"][1][0] == "a" and d["command"][1][-1] == "b" and set(d["command"][1][1:-1]) == {F}'
        is 'd["command"][2][0] == "c" and set(d["command"][2][1:]) == {F} and d["command"][3] == "\xe9"'
    done
}
check "JSON: letters that are broken" broken
controls()
{
    watch -- true "$(printf '"\\/\b\f\n\r\t\001\037\177')" "" "$(printf '\033[31m')"
    is 'd["command"][1:] == ["\"\\/\b\f\n\r\t\x01\x1f\x7f", "", "\x1b[31m"]'
}
check "JSON: quotes and control characters" controls
# In the text: as they are, but for what steers a terminal.
terminal()
{
    "$weir" run -o text -- "$A" say x "$(printf 'a\033[1m\302\233mb\302\240\303\233')" >/dev/null
    grep -q -F "$(printf 'a?[1m?mb\302\240\303\233 (pid')" text || fail "$(head -n 1 text | cat -v)"
}
check "control characters in the text" terminal
every()
{
    "$python" - <<'END'
import os, subprocess
words = [b"true"] + [b"x" + bytes([b]) + b"y" for b in range(1, 256)]
subprocess.run([os.environ["WEIR"], "run", "--json", "-o", "report", "--"] + words)
END
    is 'd["command"][1:128] == ["x%cy" % b for b in range(1, 128)]'
    is 'd["command"][128:] == ["x" + F + "y"] * 128'
}
check "JSON: every byte" every
in_trace()
{
    watch --record F -- "$A" say "é$(printf '\377')" end _exit 0 >/dev/null
    "$weir" trace --json F >t.json || fail "weir trace"
    "$python" -c 'import json; d = json.loads(open("t.json", "rb").read().decode()); assert "\u00e9\ufffd" in d["command"], ascii(d["command"])' 2>err ||
        fail "weir trace --json: $(tail -n 1 err)"
}
check "JSON of weir trace" in_trace
program_name()
{
    name=$(printf 'pr\303\266gr\377m "x"')
    cp "$A" "$name"
    watch --record F -- "./$name" a 1 1000 fork { a 1 10 } end _exit 0
    is 'd["program"]["program"] == "pr\xf6gr" + F + "m \"x\""'
    is 'd["others"][0]["program"] == d["program"]["program"]'
    "$weir" run -o text -- "./$name" end _exit 0
    grep -a -q -F "$(printf 'pr\303\266gr')" text || fail "the report: $(head -n 1 text)"
}
check "a program with a name of all kinds" program_name

long()
{
    folder=$(printf '%0100d/%0100d/%0100d' 1 2 3)
    mkdir -p "$folder"
    cp "$A" "$folder/$1"
    watch --record '%e.%p' -- "$folder/$1" a 1 1000 fork { a 1 10 } end _exit 0
    report report "name == '$1' and others[0].name == '$1'"
    whole "$1.$(of_report report pid)"
    "$weir" run -o text -- "$folder/$1" end _exit 0
    grep -q -F -w -e "$1" text || fail "the report: $(head -n 1 text)"
}
check "a name in a path of 300 bytes" long prog
check "a name of 63 bytes" long "$(printf 'a%062d' 1)"
check "a name of 64 bytes" long "$(printf 'b%063d' 1)"
check "a name of 200 bytes" long "$(printf 'c%0199d' 1)"

quiet()
{
    "$weir" run --quiet -- "$A" err mine end _exit 4 2>err
    wants "status" 4 $?
    wants "standard error" mine "$(cat err)"
    "$weir" run --quiet --record F -- "$A" err mine end _exit 0 2>err
    wants "standard error" mine "$(cat err)"
    whole F
    "$weir" run --quiet -o report -- "$A" err mine raise TERM 2>err
    wants "status" 143 $?
    wants "standard error" mine "$(grep -v Terminated err)"
    grep -q peak report || fail "there is no report in the file"
    "$weir" run --quiet --json -o report -- "$A" err mine end _exit 0 2>err
    wants "standard error" mine "$(cat err)"
    report report 'ending == "exited"'
}
check "--quiet" quiet
percent()
{
    "$weir" run --json -o 'R.%p' -- "$A" a 1 1000 fork { a 1 10 } exec "$A" a 1 2000 pid end _exit 0 >pid
    [ -e "R.$(cat pid)" ] || fail "there is" *
    report "R.$(cat pid)" "pid == $(cat pid) and len(others) == 2"
    wants "files" "R.$(cat pid) pid" "$(echo *)"
}
check "-o with %p" percent

signal()
{
    for name in TERM KILL SEGV HUP USR1 PIPE RT0; do
        "$weir" run -o text -- "$A" raise $name 2>/dev/null
        wants "status ($name)" $((128 + $("$python" -c "import signal as s; print(s.SIGRTMIN + 0 if '$name' == 'RT0' else s.SIG$(echo $name | sed s/RT0/TERM/) + 0)"))) $?
        case $name in RT0) name=RTMIN ;; esac
        grep -q "killed by SIG$name" text || fail "no \"killed by SIG$name\": $(head -n 1 text)"
    done
}
check "killed by SIGTERM, and others" signal
child_signal()
{
    "$weir" run -o text -- "$A" fork { raise TERM } end _exit 0
    grep -v '^weir run' text | grep -q SIGTERM || echo "note: the report does not name the signal of a child"
    "$weir" run -o text -- sh -c 'kill -ABRT $$'
    grep -q "killed by SIGABRT" text || fail "$(head -n 1 text)"
}
check "killed by SIGABRT, of a shell" child_signal
# The status is that of the program, not of the largest process, which the line begins with.
whose()
{
    "$weir" run -o text -- sh -c '"$1" a 1 1000000; exit 3' sh "$A"
    wants "status" 3 $?
    head -n 1 text | grep -q '^weir run: act a 1 1000000 (pid [0-9]*); sh: status 3 after' || fail "$(head -n 1 text)"
    "$weir" run -o text -- sh -c 'exec "$1" a 1 1000000 end _exit 3' sh "$A"
    head -n 1 text | grep -q '^weir run: act a .* (pid [0-9]*): status 3 after' || fail "$(head -n 1 text)"
}
check "whose status it is" whose
# Too short for a look: the sum is that of the largest process, which is one.
together()
{
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        watch -- "$A" fork { t 1 50000000 } end _exit 0
        report report "raw['tree_peak_bytes'] >= 50000000 and raw['tree_processes'] >= 1"
        report report "0 < raw['tree_peak_seconds'] <= raw['seconds']"
    done
}
check "together, of one process" together

one()
{
    echo 'int main(void) { return 0; }' >none.c
    cat >one.c <<'END'
#include <stdlib.h>
#include <unistd.h>
int main(void)
{
    void *volatile p = malloc(100);
    if (!p)
        return 1;
    _exit(0);
}
END
    for program in none one; do
        $CC -w -O0 -o $program $program.c || fail "it does not compile"
        watch --record F -- ./$program
        "$weir" run -o text -- ./$program
        "$weir" trace F >>text
        ! grep -w '1 blocks' text || fail "1 blocks"
    done
    report report 'blocks >= 1'
    "$weir" run -o text -- ./one
    [ "$(of_report report blocks)" != 1 ] || grep -q '\<1 block\>' text || fail "no \"1 block\""
}
check "one block is 1 block" one

# What execvp would start.
script()
{
    echo 'echo hi "$1"; exit 3' >script
    chmod +x script
    out=$(env ./script there)
    wants "without weir" "hi there" "$out"
    out=$("$weir" run -o text -- ./script there)
    wants "status" 3 $?
    wants "what it says" "hi there" "$out"
    PATH=$PWD:$PATH
    out=$("$weir" run -o text --record F -- script there)
    wants "status" 3 $?
    wants "what it says" "hi there" "$out"
    whole F
    printf '\177ELF not really' >elf
    chmod +x elf
    "$weir" run -o text -- ./elf 2>err
    wants "status of what is no program" 126 $?
    : >empty
    chmod +x empty
    "$weir" run -o text -- ./empty 2>err
    wants "status of an empty script" 0 $?
}
check "a script without #!" script
text()
{
    "$weir" run --record F -- "$A" a 10 100 end _exit 0 2>err
    grep -q -F F err || fail "the report does not say where the recording is"
    grep -q -i -E 'event|complete' err || fail "the report does not say what was recorded"
}
check "the report says what was recorded" text
many()
{
    "$weir" run --record F -- "$A" fork { } fork { } fork { } fork { } fork { } \
        leave-behind { touch one await go } leave-behind { touch two await go } await one await two 2>err
    touch go
    wants "complete" 4 "$(grep -c 'recorded .* in .*: complete$' err)"
    grep -q 'recorded   2 more processes, each complete$' err || fail "$(tail -n 3 err)"
    grep -q 'recorded   2 more processes, still running$' err || fail "$(tail -n 3 err)"
}
check "the report counts recordings" many
finish
