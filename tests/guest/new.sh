#!/bin/sh
# C++ under weir run: whichever operators new and delete a program replaces, the others
# are built on them; memory that ends throws in whoever asked, in plugins too.
. "$top_srcdir/tests/guest/functions"
[ -n "${CXX:-}" ] && [ "$CXX" != no ] || skip_all "no C++ compiler"

cat >host.c <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    void *plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    int (*run)(void) = plugin ? (int (*)(void))dlsym(plugin, "plugin_main") : NULL;
    if (!run)
        puts(dlerror());
    return run ? run() : 99;
}
END
$CC -O0 -o host host.c -ldl || exit 99

for own in NONE PLAIN ARRAY NOTHROW SIZED ALIGNED ALL; do
    build="$CXX -O0 -w -std=gnu++17 -D$own $top_srcdir/tests/guest/new.cc"
    $build -o program && $build -DPLUGIN -fPIC -shared -o plugin.so || exit 99
    same "a program replaces: $own" ./program
    same "a plugin of a C program replaces: $own" ./host ./plugin.so
    "$weir" run -o report --limit 50M -- ./program >limited.out 2>err
    grep -q 'large caught' limited.out || failed "bad_alloc at the limit ($own)" limited.out err
    "$weir" run -o report --limit 50M -- ./host ./plugin.so >limited.out 2>err
    grep -q 'large caught' limited.out || failed "bad_alloc at the limit in a plugin ($own)" limited.out err
    builds $build -static-libstdc++ -static-libgcc -o program &&
        same "libstdc++ in the program, which replaces: $own" ./program
done

# No operator is offered, so none is asked of a C++ runtime.
$NM -D "$library" | grep ' _Z' >names && failed "the library has no C++ in it" names
finish
