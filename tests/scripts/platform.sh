#!/bin/sh
# What weir promises of the platform under it: small programs (tests/scripts/platform/), each built over
# weir's calls and over malloc with libweir-malloc.so in front, under limits, locks, and stand-ins for
# other kernels. `platform.sh WORD...` runs those whose name holds one of the words.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
: "${SANITIZER_FLAGS:=}" "${CC:=cc}"
need_no_sanitizer "it brings a malloc of its own"
need_no_runner "built for this machine alone"
libs=$top_builddir/.libs
[ -e "$libs/libweir.so" ] || skip_all "no libweir.so was built"
preload=$libs/libweir-malloc.so
jemalloc='' backings=system
[ -e "$libs/libweir-jemalloc.so" ] && jemalloc=-lweir-jemalloc backings='system jemalloc'
unset LD_PRELOAD WEIR_BACKING PLATFORM_PAGE PLATFORM_MADVISE
export LD_LIBRARY_PATH=$libs
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0
words=$*

for source in "$top_srcdir"/tests/scripts/platform/*.c; do
    name=$(basename "$source" .c)
    case $name in
    shim | atfork_early) $CC -O1 -w -shared -fPIC -o "$scratch/$name.so" "$source" || exit 99 ;;
    *)
        $CC -std=gnu11 -O1 -g -w -pthread -o "$scratch/$name" "$source" || exit 99
        $CC -std=gnu11 -O1 -g -w -pthread -DWEIR -I"$top_builddir/include" -I"$top_srcdir/include" \
            -o "$scratch/$name-weir" "$source" -L"$libs" -lweir $jemalloc || exit 99
        ;;
    esac
done

wanted()
{
    [ -n "$words" ] || return 0
    for word in $words; do
        case $1 in *"$word"*) return 0 ;; esac
    done
    return 1
}

seconds=300

# expect WHAT COMMAND...: it ends with 0 within the limit.
expect()
{
    what=$1
    shift
    wanted "$what" || return 0
    "$@" >"$scratch/log" 2>&1
    status=$?
    said=$(grep -v '^shim:' "$scratch/log" | tail -n 1 | cut -c 1-200)
    case $status in
    0) echo "$said"; passed "$what" ;;
    77) skipped "$what" "$said" ;;
    124) failed "$what: not done after $seconds s" "$scratch/log" ;;
    *) failed "$what: status $status" "$scratch/log" ;;
    esac
}

# linked PROGRAM ARGUMENT..., preloaded PROGRAM ARGUMENT...: `front` and `behind` are preloaded, too,
# before and after the library; `as` are settings.
front='' as='' behind=''
linked()
{
    program=$scratch/$1-weir
    shift
    timeout $seconds env $as ${front:+LD_PRELOAD="$front"} "$program" "$@"
}

preloaded()
{
    [ -e "$preload" ] || { echo "no libweir-malloc.so was built"; return 77; }
    program=$scratch/$1
    shift
    timeout $seconds env $as PLATFORM_PRELOADED=1 LD_PRELOAD="${front:+$front }$preload${behind:+ $behind}" "$program" "$@"
}

both()
{
    both_what=$1
    shift
    expect "$both_what, linked" linked "$@"
    expect "$both_what, preloaded" preloaded "$@"
}

# -- threads' keys
both "keys: none left, 2000 threads" keys
both "keys: enough, 2000 threads" keys few

# -- limits. `under LIMIT COMMAND...`: of ulimit, in KiB.
under()
{
    (ulimit $1 65536 || exit 77; shift; "$@")
}
# By weir's calls a block of 100 bytes takes 128: it is aligned to 64.
for way in linked preloaded; do
    least=40
    [ "$way" = linked ] && least=28
    for limit in -v -d; do
        expect "limits: 64 MiB (ulimit $limit), small blocks, $way" under $limit $way limits 100 $least
        expect "limits: 64 MiB (ulimit $limit), 1 MiB blocks, $way" under $limit $way limits 1048576 30
    done
done
both "reclaim: small, then large" reclaim 200 1048576
both "reclaim: large, then small" reclaim 1048576 200
both "reclaim: small of a living thread, then large" reclaim 200 1048576 thread
both "reclaim: 8 KiB, then 3 MiB" reclaim 8192 3145728
both "reclaim: 160 MiB blocks, then small" reclaim 167772160 200
expect "reclaim: small of another pool, then large" linked reclaim 200 1048576 pool
expect "reclaim: large of another pool, then small" linked reclaim 1048576 200 pool

# -- resident memory, address space, core files
both "locked: all that will be" locked
both "locked: after 1 MiB" locked late
both "space: one thread" space
both "space: eight threads" space 8
for backing in $backings; do
    as=WEIR_BACKING=$backing
    expect "sparse: 512 MiB, $backing" linked sparse 512
    expect "sparse: 100 MiB, $backing" linked sparse 100
done
as=
expect "sparse: 512 MiB, preloaded" preloaded sparse 512
expect "sparse: 100 MiB, preloaded" preloaded sparse 100

# -- growing arrays: at most four times the C library's time, or three seconds.
ceiling=
wanted "grow: to 384 MiB by realloc" && ceiling=$("$scratch/grow" | sed -n 's/^\([0-9]*\) ms.*/\1/p')
ceiling=$((${ceiling:-0} * 4))
[ $ceiling -ge 3000 ] || ceiling=3000
for backing in $backings; do
    as=WEIR_BACKING=$backing
    expect "grow: to 384 MiB by realloc, $backing" linked grow $ceiling
done
as=
expect "grow: to 384 MiB by realloc, preloaded" preloaded grow $ceiling

# -- nobody waits for a purge
for how in free trim shrink; do
    both "stall: $how of 1 GiB" stall $how
done

# -- other kernels
shimmed()
{
    front=$scratch/shim.so
    as="PLATFORM_SAY=2 $1"
    shift
    "$@"
    shim_status=$?
    front='' as=''
    [ $shim_status -ne 0 ] || grep -q '^shim: [1-9]' "$scratch/log" || {
        echo "the stand-in saw no purge"
        return 1
    }
    return $shim_status
}
for way in linked preloaded; do
    for page in 16384 65536; do
        expect "purge: pages of $page, $way" shimmed PLATFORM_PAGE=$page $way purge
        expect "purge: pages of $page, trims beside, $way" shimmed PLATFORM_PAGE=$page $way purge t
    done
    expect "purge: the kernel keeps what is purged, $way" shimmed PLATFORM_MADVISE=keeps $way purge
    expect "purge: the kernel refuses, $way" shimmed PLATFORM_MADVISE=fails $way purge
    expect "purge: this kernel, $way" $way purge t
done

# -- fork handlers that allocate
both "atfork: handlers of the program" atfork
behind=$scratch/atfork_early.so
expect "atfork: handlers of an earlier library, preloaded" preloaded atfork early
behind=

finish
