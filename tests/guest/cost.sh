#!/bin/sh
# What it costs a guest to be watched, counted: at most 25 system calls and 40 page faults for
# each process image more than without weir, 26 and 44 if it is recorded, and 30 and 64 if it is recorded with stacks; no call for
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

# One more run; WAY.least is the least of all so far, image by image: `calls faults` in the order of
# their ends.
least()
{
    rm -f F F.*
    measure "$@"
    awk -v name="$image" '$1 == name { print $4, $6 }' "$1.images" >"$1.one"
    [ -e "$1.least" ] || cp "$1.one" "$1.least"
    wants "images of $image, $1" "$many" "$(wc -l <"$1.one")"
    paste -d ' ' "$1.one" "$1.least" |
        awk '{ print $1 < $3 ? $1 : $3, $2 < $4 ? $2 : $4 }' >"$1.both" && mv "$1.both" "$1.least"
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

# within WAY: what its least runs took more than those without weir, in `said`, is within the bounds.
within()
{
    good=0
    : >said
    paste -d ' ' plain.least $1.least >both
    while read calls faults calls_here faults_here; do
        echo "$1: $((calls_here - calls)) calls more than $calls, $((faults_here - faults)) faults more than $faults" >>said
        [ $((calls_here - calls)) -le "$(most $1 $calls_most $calls_recorded $calls_more)" ] &&
            [ $((faults_here - faults)) -le "$(most $1 $faults_most $faults_recorded $faults_more)" ] || good=1
    done <both
    return $good
}

# images HOW-MANY NAME COMMAND...: those of that name. In every second run the kernel places the first chunk
# askew, which costs two calls, and it maps more or fewer pages beside one that is read: a way is run until
# its least are within the bounds, forty times at most.
images()
{
    many=$1 image=$2
    shift 2
    for n in 1 2 3 4 5 6 7 8 9; do least plain "$@"; done
    for way in watched recorded stacked; do
        n=0
        while least $way "$@" && ! within $way && [ $((n += 1)) -lt 40 ]; do :; done
        cat said
        cat said >>all
        [ $n -lt 40 ] || fail "$(tr '\n' ';' <all)"
    done
}
calls_most=25 faults_most=40 calls_recorded=1 faults_recorded=4
calls_more=4 faults_more=20 # with stacks
check "/bin/true" images 1 true /bin/true
check "after exec" images 1 true "$bin/act" exec /bin/true
# A fork copies weir's own pages, too, and each thread has two of its own and a stack of slots.
# With stacks each thread has its last one and those that came twice: some ten pages.
calls_most=29 faults_most=58 calls_recorded=2 faults_recorded=12 calls_more=18 faults_more=55
check "a program with a child" images 2 act "$bin/act" t 10 10 fork { t 10 10 }
check "a program with threads" images 1 act "$bin/act" t 10 10 thread { t 10 10 } thread { t 10 10 }
calls_most=25 faults_most=40 calls_recorded=1 faults_recorded=4 calls_more=4 faults_more=20
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
