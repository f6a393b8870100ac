#!/bin/sh
# What a fleet reads: the exposition with names that collide, by promtool and a strict parser where they
# are; its bound; who serves it; `weir top`; rules, dashboard and the Dockerfile's command.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_runner "weir run is for this machine alone"
need_no_sanitizer "weir run brings a malloc of its own"
weir=$top_builddir/weir
load=$top_builddir/tests/loads/metrics
look="$top_srcdir/tests/scripts/metrics.py"
cd "$scratch" || exit 99
[ -x "$load" ] || skip_all "tests/loads/metrics is not built"

# A python that has the parser.
python=
for each in python3 /usr/bin/python3; do
    $each -c 'import prometheus_client.openmetrics.parser' 2>/dev/null && { python=$each; break; }
done

# lines FILE: samples.
lines() { grep -vc '^#' "$1"; }

# both NAME: NAME.om and NAME.text are what strict readers take.
both()
{
    [ "$(tail -n 1 "$1.om")" = "# EOF" ] || complain "$1: no end"
    python3 "$look" plain "$1.text" || complain "$1: not the text format"
    if [ -n "$python" ]; then
        $python "$look" strict "$1.om" || complain "$1: not OpenMetrics"
    fi
    if command -v promtool >/dev/null; then
        promtool check metrics <"$1.text" || complain "$1: promtool complains"
    fi
}

try "names that are one path in two ways, and what users type"
command -v python3 >/dev/null || skip_all "no python3"
$load names >names.om || complain "status $?"
$load names text >names.text || complain "status $?"
both names
grep -q 'path="cpu/same#2"' names.om || complain "no second of two"
grep -q 'path="cpu/x%2Fy"' names.om || complain "x/y is not told from x, y"

try "there is a bound"
$load bound text >bound.text || complain "status $?"
$load bound >bound.om
both bound
[ "$(lines bound.text)" -le 4216 ] || complain "$(lines bound.text) series, docs/guide/fleet.md says 4216"
[ "$(lines bound.text)" -ge 4000 ] || complain "only $(lines bound.text) series"
grep -q '^weir_tag_bytes{tag="#others"} ' bound.text || complain "no sum of other tags"

try "10,000 contexts"
$load many 10000 >many.text || complain "status $?"
python3 "$look" plain many.text || complain "not the text format"
grep -q '^weir_contexts 1000[0-9]$' many.text || complain "$(grep '^weir_contexts ' many.text)"

try "weir stats"
$weir stats --demo --openmetrics >stats.om || complain "status $?"
[ -z "$python" ] || $python "$look" strict stats.om || complain "not OpenMetrics"

try "rules and dashboard ask for what there is"
python3 "$look" queries "$top_srcdir/docs/metrics/weir-dashboard.json" bound.text || complain "dashboard"
python3 "$look" queries "$top_srcdir/docs/metrics/weir-rules.yml" bound.text || complain "rules"

try "promtool takes the rules, and their tests pass"
if command -v promtool >/dev/null; then
    cp "$top_srcdir"/docs/metrics/*.yml .
    promtool check rules weir-rules.yml >out 2>&1 && promtool test rules weir-rules-test.yml >out 2>&1 || {
        complain "promtool: status $?"
        show out
    }
else
    skip "no promtool here"
fi

# -- over HTTP -----------------------------------------------------------------------

if ! [ -e "$top_builddir/.libs/libweir-metrics.so" ]; then
    try "without libmicrohttpd weir run says so"
    $weir run --metrics :0 -- true 2>err
    [ $? -eq 125 ] || complain "status $?"
    grep -q 'without libmicrohttpd' err || complain "$(cat err)"
    finish
    exit
fi
if ! command -v curl >/dev/null; then
    skipped "over HTTP" "no curl"
    finish
fi

# until_said FILE PATTERN: waits for what a process in the background prints.
until_said()
{
    for _ in $(seq 2000); do
        grep -q "$2" "$1" 2>/dev/null && return 0
        sleep 0.1
    done
    complain "\"$2\" is never said in $1"
    return 1
}

try "weir run --metrics serves a program that knows nothing of it"
mkfifo hold
$weir run --quiet --metrics 127.0.0.1:0 -- sh -c 'cat' <hold >/dev/null 2>served &
run=$!
exec 3>hold
until_said served metrics
url=$(sed -n 's/.*\(http:[^ ]*\).*/\1/p' served)
for _ in $(seq 2000); do # it serves before it starts the program
    curl -s "$url" >run.text || complain "curl: status $?"
    ! grep -q '^weir_own_bytes{path="malloc",program=' run.text || break
    sleep 0.1
done
curl -s -H 'Accept: application/openmetrics-text' "$url" >run.om
grep -q '^weir_own_bytes{path="malloc",program="\(sh\|cat\|dash\)"' run.text || complain "no program in it: $(cat run.text)"
[ "$(tail -n 1 run.om)" = "# EOF" ] || complain "no end"
[ -z "$python" ] || $python - <<'END' || complain "not OpenMetrics"
from prometheus_client.openmetrics.parser import text_string_to_metric_families
assert len(list(text_string_to_metric_families(open("run.om").read()))) > 10
END
! command -v promtool >/dev/null || promtool check metrics <run.text || complain "promtool complains"

try "weir top"
address=${url#http://}
COLUMNS=80 $weir top --once --sort peak "${address%/metrics}" >top || complain "status $?"
grep -q 'malloc$' top || { complain "no row"; show top; }
awk 'length > 80 { exit 1 }' top || { complain "wider than 80 columns"; show top; }
$weir top --once 127.0.0.1:1 2>err && complain "a port where nobody is: status 0"
grep -q 'nothing is served there (weir run --metrics' err || { complain "it does not say who serves"; show err; }
$weir top --once not:an:address 2>err && complain "no address: status 0"
exec 3>&-
wait $run || complain "weir run: status $?"

try "an address that is taken, or none, ends weir run before the program starts"
for bad in 127.0.0.1:99999 "$(echo x:y:z)"; do
    $weir run --metrics "$bad" -- touch started 2>err
    [ $? -eq 125 ] || complain "$bad: status $?"
    [ ! -e started ] || complain "$bad: the program ran"
done

try "a program that is linked with libweir alone serves by WEIR_METRICS"
exported=$top_builddir/.libs
mkfifo hold2
case $(file -b "$load" 2>/dev/null) in *script*) real=$top_builddir/tests/loads/.libs/metrics ;; *) real=$load ;; esac
[ -x "$top_builddir/tests/loads/.libs/metrics" ] && real=$top_builddir/tests/loads/.libs/metrics
port=$((20000 + $$ % 20000))
LD_LIBRARY_PATH=$exported LD_PRELOAD=$exported/libweir-metrics.so WEIR_SAMPLE=1K WEIR_METRICS=:$port "$real" serve <hold2 2>err &
served=$!
exec 4>hold2
for _ in $(seq 2000); do
    curl -s "http://127.0.0.1:$port/metrics" >linked.text && grep -q 'cpu/same#2' linked.text && break
    [ ! -s err ] || break
    sleep 0.1
done
if [ -s err ]; then skip "$(cat err)"; else
    python3 "$look" plain linked.text || complain "not the text format"
    curl -s -H 'Accept: application/openmetrics-text' "http://127.0.0.1:$port/metrics" >linked.om
    [ -z "$python" ] || $python "$look" strict linked.om || complain "not OpenMetrics"
    curl -s "http://127.0.0.1:$port/debug/pprof/heap" >heap.pb || complain "no profile"
    # A table of texts has these, and the program's path: it has mappings, so it has sampled stacks.
    for text in inuse_space inuse_objects "$(basename "$real")"; do
        grep -qa "$text" heap.pb || complain "no $text in the profile"
    done
    $weir top --once :$port >top || complain "weir top: status $?"
    awk 'length > 80 { exit 1 }' top || { complain "wider than 80 columns"; show top; }
fi
exec 4>&-
wait $served

try "a forked child serves nothing, and its parent goes on"
cat >fork.py <<'END'
import glob
import os
import socket
import sys
import urllib.request

def listening():
    """Ports at which this process listens."""
    own = {os.readlink(f) for f in glob.glob("/proc/self/fd/*") if os.path.exists(f)}
    with open("/proc/net/tcp", encoding="ascii") as table:
        lines = [line.split() for line in table][1:]
    return [int(line[1].split(":")[1], 16) for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in own]

def served(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        return "weir_own_bytes" in answer.read().decode()

ports = listening()
if len(ports) != 1 or not served(ports[0]):
    sys.exit(f"it does not serve: {ports}")
pid = os.fork()
if pid == 0:
    sys.exit(len(listening()))
left = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if left or not served(ports[0]):
    sys.exit(f"the child listens at {left} ports, the parent at {listening()}")
END
LD_LIBRARY_PATH=$exported LD_PRELOAD=$exported/libweir-metrics.so WEIR_METRICS=127.0.0.1:0 python3 fork.py >err 2>&1 ||
    { complain "status $?"; show err; }

try "an address that is none is told, and an empty one is none"
LD_LIBRARY_PATH=$exported LD_PRELOAD=$exported/libweir-metrics.so WEIR_METRICS=nowhere:x /bin/true 2>err || complain "status $?"
grep -q 'WEIR_METRICS cannot serve at "nowhere:x": not an address' err || { complain "it is not told"; show err; }
LD_LIBRARY_PATH=$exported LD_PRELOAD=$exported/libweir-metrics.so WEIR_METRICS=192.0.2.1:9464 /bin/true 2>err || complain "status $?"
grep -q 'WEIR_METRICS cannot serve at "192.0.2.1:9464": ' err || { complain "it is not told"; show err; }
LD_LIBRARY_PATH=$exported LD_PRELOAD=$exported/libweir-metrics.so WEIR_METRICS= /bin/true 2>err || complain "status $?"
[ ! -s err ] || { complain "an empty address"; show err; }

try "the Dockerfile's command"
line=$(sed -n 's/^ENTRYPOINT //p' "$top_srcdir/examples/container/Dockerfile")
grep -qF "ENTRYPOINT $line" "$top_srcdir/docs/guide/containers.md" || complain "the guide says another one"
printf '%s' "$line" | python3 -c '
import json, os, subprocess, sys
words = json.load(sys.stdin)
assert words[0] == "weir", words
words[0] = sys.argv[1]
words[words.index("0.0.0.0:9464")] = "127.0.0.1:0"
sys.exit(subprocess.run(words + ["sh", "-c", "exit 7"]).returncode)' "$weir" 2>err
[ $? -eq 7 ] || { complain "status $?"; show err; }
finish
