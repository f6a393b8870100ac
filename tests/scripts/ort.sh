#!/bin/sh
# ONNX Runtime over weir: the adapter's rules (ort_adapter.c), and real models run by
# ort_run with weir, with the runtime's arena and with neither. Needs what
# scripts/fetch-ort fetches once, with WEIR_TEST_NETWORK=1 here too, and is skipped without.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_sanitizer "ONNX Runtime is not built with the sanitizer"
need_this_machine "the runtimes are for this machine"
fetch=--cached
[ "${WEIR_TEST_NETWORK-}" != 1 ] || fetch=
cache=$(sh "$top_srcdir/scripts/fetch-ort" $fetch) || skip_all "nothing of ONNX Runtime is cached (WEIR_TEST_NETWORK=1 fetches it)"

# The programs are there if configure found the headers; else they are made now.
(cd "$top_builddir" && MAKEFLAGS='' "$MAKE" -s ORT_CFLAGS="-I$cache/include" \
    bench/runtimes/ort_run tests/helpers/ort_adapter) || exit 1
ort_run=$top_builddir/bench/runtimes/ort_run
runtime=$cache/lib/libonnxruntime.so
models=$cache/models

# run STATUS ARGUMENTS...: ort_run must end so.
run()
{
    expected=$1
    shift
    "$ort_run" --runtime "$runtime" "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
    [ $status -eq "$expected" ] || complain "ort_run $*: status $status, not $expected"
}

# said TEXT: on standard error, in one line.
said()
{
    grep -q -e "$1" "$scratch/err" || complain "no word of \"$1\""
}

for library in "$runtime" "$cache/newer/libonnxruntime.so"; do
    [ -e "$library" ] || continue
    try "the adapter's rules, ${library#"$cache"/}"
    "$top_builddir/tests/helpers/ort_adapter" "$library" "$models/silero_vad_16k_op15.onnx" || complain "status $?"
done

# The example, recorded: what runs is marked and tagged unasked, and who holds the peak are operators.
try "marks, classes, and the operators at the peak"
# tests/scripts/examples.sh makes it, too.
if (cd "$top_builddir" && MAKEFLAGS='' flock examples "$MAKE" -s ORT_CFLAGS="-I$cache/include" \
    ORT_LIBS="-L$cache/lib -Wl,-rpath,$cache/lib" examples/11-onnxruntime); then
    model=ch_ppocr_mobile_v2.0_cls_infer.onnx
    "$top_builddir/examples/11-onnxruntime" "$models/$model" "$scratch/ort.wtr" >/dev/null || complain "status $?"
    "$top_builddir/weir" trace --events "$scratch/ort.wtr" >"$scratch/events"
    for mark in "model $model" "run $model"; do
        for end in begin end; do
            [ "$(grep -c " $end $mark\$" "$scratch/events")" = 1 ] || complain "$end $mark"
        done
    done
    "$top_builddir/weir" trace --by class "$scratch/ort.wtr" >"$scratch/classes"
    grep -q "^  in run $model" "$scratch/classes" || complain "in which run the peak is"
    grep -q "14,273 .* weight$" "$scratch/classes" || complain "$(cat "$scratch/classes")"
    grep -q " activation$" "$scratch/classes" || complain "$(cat "$scratch/classes")"
    "$top_builddir/weir" trace "$scratch/ort.wtr" >"$scratch/sites"
    grep -q "onnxruntime::.*Clip.*::Compute$" "$scratch/sites" || complain "$(cat "$scratch/sites")"
else
    complain "the example"
fi

# Real models: the same outputs, exact figures that repeat, no fault in the steady state.
for model in silero_vad_16k_op15 silero_vad ch_ppocr_mobile_v2.0_cls_infer \
    ch_PP-OCRv4_rec_infer ch_PP-OCRv4_det_infer; do
    case $model in
    *det*) shape=--shape=x=1x3x320x320 ;;
    *) shape=--shape=x=1x3x48x192 ;;
    esac
    try "$model: the same outputs, exact figures, no fault in the steady state"
    # The kernel may take a page of a process that waits: three attempts at no fault.
    for attempt in 1 2 3; do
        run 0 "$models/$model.onnx" --runs 6 $shape
        faults=$(awk '$1 == "weir" && NF == 7 { print $7 }' "$scratch/out")
        [ "$faults" != 0 ] || break
    done
    grep -q "^outputs identical: 18 of 18 runs" "$scratch/out" || complain "$model: outputs differ"
    [ "$faults" = 0 ] || complain "$model: page faults in the steady state, $attempt times"
    # weights, tensors, peak, blocks, allocations; nothing of a run is left after it.
    awk '$1 == "load" { weights = $2; blocks = $5 }
        $1 == "run" && NF == 7 { runs++; if ($3 != weights || $4 != 0 || $6 != blocks) exit 1
            if ($2 == 2) peak = $5; if ($2 > 2 && $5 != peak) exit 1 }
        END { exit runs < 4 }' "$scratch/out" || complain "$model: figures"
    cat "$scratch/out"
done

# From the plan of one recorded run: the same outputs, every tensor at its place, nothing
# allocated, the peak that of the plan's arena. `weir plan` finds the same in the trace of
# that run, whose lifetimes come from another recorder.
for model in silero_vad_16k_op15 ch_ppocr_mobile_v2.0_cls_infer ch_PP-OCRv4_rec_infer; do
    try "$model: from a plan"
    run 0 "$models/$model.onnx" --planned --runs 5 --shape=x=1x3x48x192 --record "$scratch/run.trace"
    grep -qx "outputs identical: 5 of 5 runs" "$scratch/out" || complain "$model: outputs differ"
    awk '$1 == "plan:" { buffers = $2; arena = $9 + 0 }
        $1 == "runs:" { if ($2 + 0 != 5 || $3 != 5 * buffers || $8 != 0 || $10 != 0) exit 1
            peak = $13 }
        END { exit !(buffers > 40 && peak == arena && arena > 0) }' "$scratch/out" ||
        complain "$model: figures"
    awk '$1 == "plan:" { print $2, $9 + 0, $12 }' "$scratch/out" >"$scratch/planned"
    "$top_builddir/weir" plan "$scratch/run.trace" >"$scratch/table" 2>"$scratch/err" ||
        complain "weir plan of a recorded model"
    awk '$1 == "run.trace" { print $2, $3, $4 }' "$scratch/table" | cmp - "$scratch/planned" ||
        complain "$model: weir plan says $(cat "$scratch/table")"
    cat "$scratch/out"
done
run 2 "$models/silero_vad_16k_op15.onnx" --record "$scratch/run.trace" # without --planned
run 1 "$models/silero_vad_16k_op15.onnx" --planned --record "$scratch/none/trace"
said none/trace

try "sessions and limits"
model=$models/silero_vad_16k_op15.onnx
run 0 "$model" --sessions 3 --runs 3 --limit 2000000
grep -q "^session 3 released: live 0 in 0 blocks" "$scratch/out" || complain "memory left of sessions"
# This one has 14 KB of weights and runs take 660 KB: a limit between.
small=$models/ch_ppocr_mobile_v2.0_cls_infer.onnx
run 1 "$small" --sessions 2 --runs 2 --limit 300000 --shape x=1x3x48x192
said 'refused to "tensors" of "session 1"'
grep -q "^session 2 released: live 0 in 0 blocks" "$scratch/out" || complain "memory left of a limit"
run 1 "$small" --runs 2 --limit 300000 --shape x=1x3x48x192
said 'refused to "tensors" of "model"'
run 1 "$small" --runs 2 --limit 10000
said 'refused to "weights" of "model"'
run 1 "$model" --sessions 1 --runs 2 --hold
said 'still holds 1 blocks of .* tag "run 2"'
said 'released, and nothing is left'

try "bad input"
run 1 /dev/null
run 1 "$scratch/missing.onnx"
said missing.onnx
run 2
run 2 "$model" --runs many
runtime=$scratch/libnone.so
run 127 "$model"
said 'ONNX Runtime is missing'
runtime=$top_builddir/.libs/libweir.so.0
if [ -e "$runtime" ]; then
    run 126 "$model"
    said 'no OrtGetApiBase'
fi
# A runtime that claims a version nobody knows.
cat >"$scratch/unknown.c" <<END
static const void *api(unsigned v) { (void)v; return 0; }
static const char *version(void) { return "7.1.0"; }
static const struct { const void *(*a)(unsigned); const char *(*v)(void); } base = {api, version};
const void *OrtGetApiBase(void) { return &base; }
END
$CC -shared -fPIC -o "$scratch/unknown.so" "$scratch/unknown.c" || exit 99
runtime=$scratch/unknown.so
run 126 "$model"
said 'ONNX Runtime 7.1.0 is not supported'
finish
