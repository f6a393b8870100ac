#!/bin/sh
# What it costs a guest to be watched, counted: at most 25 system calls and 38 page faults for
# each process image more than without weir, 26 and 42 if it is recorded, and 30 and 62 if it is recorded with stacks; no call for
# an event; and the fork of a large process within 1.05 of its faults without weir.
# shellcheck disable=SC1083 # braces are words of act.c
. "$(dirname "$0")/lib.sh"
build act.c
build images.c
build cost.c

# measure WAY COMMAND...: what images says of it, in WAY.images.
measure()
{
    way=$1
    shift
    case $way in
    plain) "$bin/images" "$@" 2>"$way.images" ;;
    watched) "$bin/images" "$weir" run -o /dev/null -- "$@" 2>"$way.images" ;;
    recorded) "$bin/images" "$weir" run -o /dev/null --record F --no-stacks -- "$@" 2>"$way.images" ;;
    stacked) "$bin/images" "$weir" run -o /dev/null --record F -- "$@" 2>"$way.images" ;;
    esac >"$way.out"
    wants "status ($way)" 0 $?
}

# The least of several runs, image by image: `calls faults` in the order of their ends. In every
# second run the kernel places the first chunk askew, which costs two calls.
least()
{
    for n in 1 2 3 4 5 6 7 8 9; do
        rm -f F F.*
        measure "$@"
        awk -v name="$image" '$1 == name { print $4, $6 }' "$1.images" >"$1.$n"
    done
    paste -d ' ' "$1".[1-9] |
        awk '{ c = $1; f = $2; for (i = 3; i < NF; i += 2) { if ($i < c) c = $i; if ($(i + 1) < f) f = $(i + 1) } print c, f }' >"$1.least"
}

# most WAY BOUND RECORDED MORE: the bound, what a recording adds, and more with stacks.
most()
{
    case $1 in
    watched) echo "$2" ;;
    recorded) echo $(($2 + $3)) ;;
    stacked) echo $(($2 + $3 + $4)) ;;
    esac
}

# images HOW-MANY NAME COMMAND...: those of that name.
images()
{
    many=$1 image=$2
    shift 2
    least plain "$@"
    wants "images of $image" "$many" "$(wc -l <plain.least)"
    for way in watched recorded stacked; do
        least $way "$@"
        wants "images of $image, $way" "$many" "$(wc -l <$way.least)"
        paste -d ' ' plain.least $way.least >both
        while read calls faults calls_here faults_here; do
            echo "$way: $((calls_here - calls)) calls more than $calls, $((faults_here - faults)) faults more than $faults"
        done <both >said
        cat said
        cat said >>all
        while read calls faults calls_here faults_here; do
            [ $((calls_here - calls)) -le "$(most $way $calls_most $calls_recorded $calls_more)" ] &&
                [ $((faults_here - faults)) -le "$(most $way $faults_most $faults_recorded $faults_more)" ] ||
                fail "$(tr '\n' ';' <all)"
        done <both
    done
}
calls_most=25 faults_most=38 calls_recorded=1 faults_recorded=4
calls_more=4 faults_more=20 # with stacks
check "/bin/true" images 1 true /bin/true
check "after exec" images 1 true "$bin/act" exec /bin/true
# A fork copies weir's own pages, too, and each thread has two of its own and a stack of slots.
# With stacks each thread has its last one and those that came twice: some ten pages.
calls_most=29 faults_most=58 calls_recorded=2 faults_recorded=12 calls_more=18 faults_more=55
check "a program with a child" images 2 act "$bin/act" t 10 10 fork { t 10 10 }
check "a program with threads" images 1 act "$bin/act" t 10 10 thread { t 10 10 } thread { t 10 10 }
calls_most=25 faults_most=38 calls_recorded=1 faults_recorded=4 calls_more=4 faults_more=20
check "a shell and three children" images 3 true sh -c '/bin/true; /bin/true; /bin/true; :'

# between WHAT: calls between the marks, beside those of a malloc, are none; all, nearly none.
between()
{
    for way in plain watched recorded stacked; do
        measure $way "$bin/cost" $1
        calls=$(sed -n 's/^cost .* between \([0-9]*\) other.*/\1/p' $way.images)
        other=$(sed -n 's/^cost .* other //p' $way.images)
        echo "$way: $calls calls between the marks, not a malloc's: $other"
        # membarrier (324, aarch64 283) was registered at the start; sandboxes have none of it.
        other=$(echo "$other" | sed 's/ 324//g; s/ 283//g; s/^[0-9]*:$/0:/')
        wants "$way: calls that no malloc would make" 0: "$other"
        [ "$calls" -le "$2" ] || fail "$way: $calls calls, not at most $2"
    done
}
check "no call for two million events" between steady 10
check "no call for computing and blocks in turn" between idle 10
check "four threads, no call that no malloc would make" between threads 5000

forked()
{
    "$bin/cost" fork >plain
    "$weir" run -o /dev/null -- "$bin/cost" fork >watched
    "$weir" run -o /dev/null --record F --no-stacks -- "$bin/cost" fork >recorded
    rm -f F*
    "$weir" run -o /dev/null --record F -- "$bin/cost" fork >stacked
    for way in watched recorded stacked; do
        echo "$way: $(cat $way) faults, plain $(cat plain)"
        [ $(($(cat $way) * 100)) -le $(($(cat plain) * 105)) ] ||
            fail "$way: $(cat $way) faults, plain $(cat plain)"
    done
}
check "the fork of a large process" forked

# How a plain allocator's system calls grow with the events, and how ours do.
grow()
{
    for n in 1000 200000; do
        measure recorded "$bin/act" t $n 100
        sed -n 's/^act [0-9]* calls \([0-9]*\) .*/\1/p' recorded.images
    done >calls
    few=$(head -n 1 calls) many=$(tail -n 1 calls)
    [ $((many - few)) -le 12 ] || fail "1000 blocks: $few calls, 200000: $many"
}
check "calls do not grow with the events" grow
finish
