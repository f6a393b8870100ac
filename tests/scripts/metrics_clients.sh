#!/bin/sh
# Who serves metrics, and clients that mean no good (metrics_clients.py): `weir run --metrics`, and a service
# that serves itself.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_runner "weir run is for this machine alone"
need_no_sanitizer "weir run brings a malloc of its own"
need_python
[ -e "$top_builddir/.libs/libweir-metrics.so" ] || skip_all "no libmicrohttpd here, so nothing serves"
[ -e "$top_builddir/.libs/libweir-malloc.so" ] || skip_all "no libweir-malloc.so was built"
clients="$top_srcdir/tests/scripts/metrics_clients.py"
cd "$scratch" || exit 99

# It serves before all is made that it has figures of. What is said at 3 it repeats in the file `heard`.
until_made()
{
    echo >&3
    for _ in $(seq 2000); do
        [ ! -s heard ] || return 0
        sleep 0.1
    done
    complain "it answers nothing"
}

try "weir run --metrics"
mkfifo hold
"$top_builddir/weir" run --quiet --metrics 127.0.0.1:0 -- cat <hold >heard 2>served &
run=$!
exec 3>hold
until_made
"$python" "$clients" $run 8 2>&1 || complain "status $?"
exec 3>&-
wait $run || { complain "weir run: status $?"; show served; }

load=$top_builddir/tests/loads/.libs/metrics
[ -x "$load" ] || load=$top_builddir/tests/loads/metrics

# service CONTEXTS MOST CASE...
service()
{
    contexts=$1
    shift
    rm -f hold heard
    mkfifo hold
    LD_LIBRARY_PATH=$top_builddir/.libs LD_PRELOAD=$top_builddir/.libs/libweir-metrics.so WEIR_METRICS=:0 \
        "$load" serve "$contexts" <hold >heard 2>said &
    service=$!
    exec 3>hold
    until_made
    "$python" "$clients" $service "$@" 2>&1 || complain "status $?"
    exec 3>&-
    wait $service || { complain "status $?"; show said; }
}

try "a service that serves itself"
service 0 8

# Its page of all is 16 MB: 64 MiB of them wait, and one is made.
try "a service with 10,000 contexts, and nobody reads what was asked for"
service 10000 160 pipelined
finish
