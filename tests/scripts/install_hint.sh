#!/bin/sh
# What `make install` says of the loader: nothing where programs find the library, else the one thing to do.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
hint=$top_srcdir/scripts/loader-hint

# The ldconfig of a system: `cache` is what -p prints, `folders` what -v does.
cat >"$scratch/ldconfig" <<END
#!/bin/sh
case "\$*" in *-p*) cat "$scratch/cache" ;; *-N*-v*) cat "$scratch/folders" ;; *) touch "$scratch/changed" ;; esac
END
chmod +x "$scratch/ldconfig"
export LDCONFIG="$scratch/ldconfig"

# expect_hint NAME PATTERN: for /usr/local/lib. PATTERN empty: nothing.
expect_hint()
{
    try "$1"
    sh "$hint" /usr/local/lib >"$scratch/out" 2>&1 || complain "status $?"
    if [ -z "$2" ]; then
        [ ! -s "$scratch/out" ] || complain "$(cat "$scratch/out")"
    else
        grep -q "$2" "$scratch/out" || complain "$(cat "$scratch/out")"
        [ "$(wc -l <"$scratch/out")" -eq 1 ] || complain "not one line"
    fi
}

: >"$scratch/cache"
printf '%s\n' "/usr/lib: (from <builtin>:0)" >"$scratch/folders"
expect_hint "a folder that the loader does not know" LD_LIBRARY_PATH
printf '%s\n' "/usr/local/lib: (from /etc/ld.so.conf.d/libc.conf:2)" >>"$scratch/folders"
expect_hint "a folder that it knows, and a cache that is older" "now run ldconfig as root"
printf '\tlibweir.so.0 (libc6,x86-64) => /usr/local/lib/libweir.so.0\n' >"$scratch/cache"
expect_hint "a library that is found" ""

try "nothing is changed"
[ ! -e "$scratch/changed" ] || complain "ldconfig was run otherwise"

try "make install asks, but not with DESTDIR"
grep -q 'loader-hint' "$top_srcdir/Makefile.am" || complain "it does not"

try "no file of pkg-config names a library twice"
for pc in "$top_builddir"/weir*.pc; do
    sed -n 's/^Libs: *//p' "$pc" | tr ' ' '\n' | grep '^-l' | sort | uniq -d | grep . && complain "$pc"
done
if command -v pkg-config >/dev/null; then
    for name in weir weir-jemalloc; do
        PKG_CONFIG_PATH=$top_builddir pkg-config --libs $name | tr ' ' '\n' | grep '^-l' | sort | uniq -d >"$scratch/out"
        [ ! -s "$scratch/out" ] || complain "$name: $(cat "$scratch/out")"
    done
fi
finish
