#!/bin/sh
# packages.sh FOLDER: as root in a Debian that has nothing of weir (tests/targets/check-deb): puts the wheel of
# FOLDER into a new environment and uses it, installs the packages of FOLDER, uses them as who never built weir
# does, removes one of them and purges all. Speaks TAP.
set -u
folder=$1 here=$(cd "$(dirname "$0")" && pwd)
count=0 failures=0
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 99

# tell STATUS WHAT
tell()
{
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else
        echo "not ok $count - $2"
        failures=$((failures + 1))
    fi
}

apt_get() { apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }

# Every file of the system but what apt and dpkg keep for themselves.
files()
{
    find / -xdev \( -path /proc -o -path /sys -o -path /tmp -o -path /var/cache -o -path /var/lib/apt \
        -o -path /var/lib/dpkg -o -path /var/log -o -path "$folder" -o -path /var/lib/python \) -prune \
        -o ! -type d ! -name '*.pyc' -print | sort
}

# python_use PYTHON: the module with numpy, a suite with a planted leak, and the line of a peak.
python_use()
{
    "$1" "$here/python_module.py" >module
    tell $? "the module's figures, exactly: $(cat module)"
    "$1" -m pytest -q -p no:cacheprovider --weir-leaks "$here/python_suite.py" >suite 2>&1
    [ $? -eq 1 ] && grep -q '^  800 bytes in cpu: layer1' suite && grep -q '^LEAKS .*::test_planted$' suite && [ "$(grep -c '^LEAKS\|^FAILED' suite)" -eq 1 ]
    tell $? "the pytest plugin finds a planted leak, and it alone"
    "$1" -m pytest -q -p no:cacheprovider --weir-leaks -k 'not planted' "$here/python_suite.py" >suite 2>&1
    tell $? "a clean suite passes: $(tail -n 1 suite)"
    "$1" "$here/peak_line.py" >line && grep -q ' peak_line.py:[0-9]* distances$' line
    tell $? "the line that made a program's peak: $(sed -n '/distances/s/^ *//p' line | sed q)"
}

apt-get -q update && apt_get install gcc g++ libc6-dev pkg-config python3 binutils curl \
    python3-numpy python3-pytest python3-venv || exit 1
files >before

if [ -n "$(ls "$folder"/weir-*.whl 2>/dev/null)" ]; then
    python3 -m venv alone && alone/bin/pip -q install --no-index "$folder"/weir-*.whl &&
        alone/bin/python3 "$here/python_module.py" >module && grep "^$PWD/alone/.* without numpy" module
    tell $? "the wheel, in an environment that has nothing else, by $(python3 --version)"
    python3 -m venv --system-site-packages beside && beside/bin/pip -q install --no-index "$folder"/weir-*.whl
    tell $? "the wheel, beside Debian's numpy and pytest"
    python_use beside/bin/python3
fi

apt_get install "$folder"/*.deb
tell $? "one command installs them"
weir --version && zcat /usr/share/man/man1/weir-run.1.gz | grep -q '^\.TH WEIR.*RUN 1 "20[0-9-]*"'
tell $? "the command runs, and has a dated man page"
(cd /usr/share/doc/libweir-dev && ls guide/start.md guide/glossary.md copyright)
tell $? "the guide, the glossary and the licence"
dpkg-query -W -f '${Built-Using}' libweir0 | grep '^jemalloc (= ' && grep 'Jason Evans' /usr/share/doc/libweir0/copyright
tell $? "what is linked in has its licence and its release"

# shellcheck disable=SC2046 # flags
gcc -Wall -Werror "$here/program.c" -o c_program $(pkg-config --cflags --libs weir) && ./c_program any
tell $? "a program in C"
# shellcheck disable=SC2046
g++ -x c++ -Wall "$here/program.c" -o cxx_program $(pkg-config --cflags --libs weir) && ./cxx_program any
tell $? "a program in C++"
# shellcheck disable=SC2046
gcc "$here/program.c" -o static_program -static-pie $(pkg-config --static --cflags --libs weir) &&
    ./static_program any
tell $? "a static program"

cat >served.c <<'END'
#include <stdio.h>
#include <weir/metrics.h>
#include <weir/weir.h>
int main(void)
{
    char address[64];
    void *block = weir_allocate(weir_cpu_allocator(), 123456);
    if (!block || weir_metrics_serve(":0") || weir_metrics_address(address, sizeof address))
        return 1;
    puts(address);
    fflush(stdout);
    getchar();
    return 0;
}
END
# shellcheck disable=SC2046
gcc -Wall -Werror served.c -o served $(pkg-config --cflags --libs weir-metrics)
tell $? "a program that serves its metrics compiles"
mkfifo hold
./served <hold >address &
exec 3>hold
for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s address ] || sleep 1; done
curl -s "http://$(cat address)/metrics" | grep -F 'weir_total_allocated_bytes{path="cpu"' | grep ' 123456$'
tell $? "and is scraped"
weir top --once "$(cat address)"
tell $? "weir top shows it"
exec 3>&-
wait

cat >asked.c <<'END'
#include <stdio.h>
#include <weir/metrics.h>
int main(void)
{
    char address[64];
    puts(weir_metrics_address(address, sizeof address) ? "none" : address);
    return 0;
}
END
# shellcheck disable=SC2046
gcc -Wall -Werror asked.c -o asked $(pkg-config --cflags --libs weir-metrics) &&
    [ "$(WEIR_METRICS=:0 ./asked | cut -d: -f1)" = 127.0.0.1 ] && chown nobody asked && chmod 4755 asked &&
    [ "$(WEIR_METRICS=:0 ./asked)" = none ]
tell $? "WEIR_METRICS serves without a call, but not in a setuid program"

weir run --output report -- sort /etc/passwd >/dev/null && grep peak report
tell $? "weir run: a program's peak"
WEIR_REPORT=line LD_PRELOAD=$(ls /usr/lib/*/weir/libweir-malloc.so) sort /etc/passwd >/dev/null && grep peak line
tell $? "the library loaded first"
weir bench --quick >bench && tail -n 3 bench
tell $? "weir bench --quick"

if [ -n "$(ls "$folder"/python3-weir_* 2>/dev/null)" ]; then
    python3 -c 'import weir; print(weir.stats())'
    tell $? "the Python module"
    python_use python3
fi

apt_get remove weir-tools && ! command -v weir && ./c_program any
tell $? "without the tools a program still has its library"

# shellcheck disable=SC2046
apt_get purge $(dpkg-query -W -f '${Package} ${Source}\n' | sed -n 's/ weir.*//p') && apt_get autoremove --purge
tell $? "they go"
files >after
comm -13 before after | grep -i weir
[ $? -eq 1 ]
tell $? "and leave nothing behind"
echo "1..$count"
[ $failures -eq 0 ]
