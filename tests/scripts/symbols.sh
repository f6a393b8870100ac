#!/bin/sh
# Names of addresses against nm, readelf and addr2line: of libc, python3 and a program of C++; stripped,
# changed, with separate debug files by build id and by link. Never a name that is not the address's.
set -u
export LC_ALL=C
for tool in python3 nm readelf objcopy strip addr2line; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
look=$top_builddir/tests/loads/symbols_look
compare=$top_srcdir/tests/scripts/symbols/compare.py
scratch=$(mktemp -d) || exit 99
trap 'rm -rf "$scratch"' EXIT
case $look in /*) ;; *) look=$PWD/$look ;; esac
failures=0
DEMANGLED=
grep -q '^#define HAVE_DEMANGLE 1' "$top_builddir/config.h" && DEMANGLED=yes
export DEMANGLED
lines=
"$look" -p && lines=yes

failed() { echo "FAILED: $*"; failures=$((failures + 1)); }
compare() { python3 "$compare" "$@" || failed "compare $*"; }

# What it says of the file: the line "module".
module() { echo 0 | "$look" "$@" | grep '^module'; }

# has TEXT FILE...: the line has it.
has()
{
    wanted=$1
    shift
    module "$@" | grep -qF -e "$wanted" || failed "not \"$wanted\" of $*: $(module "$@")"
}

# -- what is on the machine ------------------------------------------------------------------
for file in $(ls /lib/*-linux-gnu/libc.so.6 /lib64/libc.so.6 2>/dev/null | head -1) \
    "$(readlink -f /usr/bin/python3)"; do
    [ -e "$file" ] && compare names "$look" "$file"
done

# With its own debug files, where they are installed.
libc=$(ls /lib/*-linux-gnu/libc.so.6 2>/dev/null | head -1)
id=$(readelf -n "${libc:-/none}" 2>/dev/null | sed -n 's/.*Build ID: //p')
debug=/usr/lib/debug/.build-id/$(echo "$id" | cut -c1-2)/$(echo "$id" | cut -c3-).debug
if [ -n "$id" ] && [ -e "$debug" ]; then
    has "$debug" -d /usr/lib/debug "$libc"
    compare names "$look" "$libc" /usr/lib/debug "$debug"
    [ -z "$lines" ] || compare lines "$look" "$libc" /usr/lib/debug "$debug"
fi

# binutils 2.40 leaves out some functions that clang inlined.
case $($CXX --version 2>/dev/null) in
*clang*)
    if command -v llvm-symbolizer >/dev/null; then
        export ADDR2LINE='llvm-symbolizer --output-style=GNU -f=none'
    else
        lines=
    fi
    ;;
esac

# -- a program of C++ --------------------------------------------------------------------------
case $CXX in "" | no) echo "no C++ compiler: the rest is left out"; exit $((failures > 0)) ;; esac
cd "$scratch" || exit 99
mkdir -p debug/.build-id linked/.debug elsewhere folder
build() { $CXX -std=gnu++17 -O2 "$@" "$top_srcdir/tests/scripts/symbols/program.cc"; }
case $top_srcdir in /*) ;; *) echo "top_srcdir is not absolute"; exit 99 ;; esac
build -g -Wl,--build-id -o program || exit 99
build -Wl,--build-id -DX -fno-inline -o other || exit 99
id=$(readelf -n program | sed -n 's/.*Build ID: //p')
compare names "$look" program
[ -z "$lines" ] || compare lines "$look" program
has '-	-' program

# Names that one reads.
nm program | sed -n 's/^\([0-9a-f]*\) [tTwWi] .*/\1/p' | "$look" program >said
if [ -n "$DEMANGLED" ]; then
    for name in main plain_c 'deep::Box<...>::visit<...>' 'deep::Box<...>::~Box' 'deep::pick<...>' \
        'deep::Box<...>::operator<' '(anonymous namespace)::hidden' \
        '(anonymous namespace)::Hidden::operator()' \
        '(anonymous namespace)::Hidden::operator std::vector<...>'; do
        cut -f4 said | grep -qxF -e "$name" || { failed "nothing is named $name"; cut -f4 said; }
    done
fi

# A symbol without a size has what .eh_frame says that it begins, else nothing behind it.
kind_behind()
{
    at=$(nm program | sed -n "s/ T $1\$//p")
    printf '%x\n' $((0x$at + 2)) | "$look" program | sed -n '1s/	[^	]*$//p' | cut -f2,4
}
[ "$(kind_behind sizeless)" = "named	sizeless" ] || failed "sizeless: $(kind_behind sizeless)"
case $(kind_behind frameless) in address*) ;; *) failed "frameless: $(kind_behind frameless)" ;; esac

# Stripped: exported names at most, and functions by .eh_frame.
strip -o stripped program
compare names "$look" stripped
has 'stripped: names of what it exports alone' stripped

# Another build of it: nothing, not even where functions begin.
nm program | sed -n 's/^\([0-9a-f]*\) [tTwWi] .*/\1/p' | "$look" -i "$id" other >said
kinds=$(sed '$d' said | cut -f2 | sort -u)
[ "$kinds" = address ] || failed "names from another build: $kinds"
has "changed since the recording (build id $(echo "$id" | cut -c1-8) then, " -i "$id" other
# The same bytes with another id: as much.
python3 -c 'import sys
id = bytes.fromhex(sys.argv[1])
bytes = open("program", "rb").read()
open("changed", "wb").write(bytes.replace(id, b"\1\2\3\4" + id[4:]))' "$id"
has "build id $(echo "$id" | cut -c1-8) then, 01020304 now): no names" -i "$id" changed
has "not there (No such file or directory): no names" -i "$id" gone

# -- separate debug files -----------------------------------------------------------------------
objcopy --only-keep-debug program program.debug
folder=debug/.build-id/$(echo "$id" | cut -c1-2)
mkdir -p "$folder"
file=$folder/$(echo "$id" | cut -c3-).debug
cp program.debug "$file"
has "$file	-" -d debug stripped
compare names "$look" stripped debug program
[ -z "$lines" ] || compare lines "$look" stripped debug program
has "names of its debug file alone" -d debug -i "$id" gone
nm program | sed -n 's/ T plain_c$//p' | "$look" -d debug -i "$id" gone | grep -q '	plain_c	' ||
    failed "a debug file without its program names nothing"
# One of another build under that name.
objcopy --only-keep-debug changed "$file"
has "stripped" -d debug stripped
rm -r debug

cp program.debug linked/.debug/
objcopy --strip-all --add-gnu-debuglink=program.debug program linked/program
has "linked/.debug/program.debug	-" linked/program
compare names "$look" linked/program /none program
mkdir -p "folder$scratch/linked"
mv linked/.debug/program.debug "folder$scratch/linked/"
has "folder$scratch/linked/program.debug	-" -d folder "$scratch/linked/program"
cp "folder$scratch/linked/program.debug" linked/
has "linked/program.debug	-" linked/program

# Without build ids the check sum decides.
build -g -Wl,--build-id=none -o noid || exit 99
objcopy --only-keep-debug noid noid.debug
objcopy --strip-all --add-gnu-debuglink=noid.debug noid stripped
has "./noid.debug	" stripped
compare names "$look" stripped /none noid
printf x >>noid.debug
has "stripped" stripped
has "has no build id" noid

# Damaged and cut files are read as far as they go, or told; nothing crashes.
size=$(wc -c <program)
for part in 1 5 20 63 64 100 1000 $((size / 3)) $((size - 1000)) $((size - 1)); do
    head -c "$part" program >cut
    printf '%s\n' 1100 1200 2000 | "$look" -l -d /none -i "$id" cut >said || failed "cut at $part"
    grep -q named said && [ "$part" -lt 1000 ] && failed "a name from $part bytes"
done

[ $failures = 0 ]
