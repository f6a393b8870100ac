#!/bin/sh
# weir.hpp in every way it is compiled: g++ and clang++, C++17 to 23, with and without exceptions
# and RTTI, under strict warnings; C++14 is one #error; what is made and dropped is warned of; both
# ways of errors in one program.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
need_no_sanitizer "these programs are built without the sanitizer"
need_no_runner "these programs are built for this machine alone"
library=$top_builddir/.libs/libweir.so
[ -e "$library" ] || library=$top_builddir/.libs/libweir.a
LD_LIBRARY_PATH=$top_builddir/.libs
export LD_LIBRARY_PATH
flags="-Wall -Wextra -Wconversion -Wshadow -Wold-style-cast -Wundef -Wnon-virtual-dtor -pedantic
    -DWEIR_NO_LINK -I$top_builddir/include -I$top_srcdir/include -I$top_srcdir/tests/cxx"
tried=0

# runs WHAT PROGRAM COMPILER [FLAG...]: compiles without a word, and passes.
runs()
{
    what=$1 program=$2
    shift 2
    tried=$((tried + 1))
    if "$@" $flags -Werror -o "$scratch/program" "$top_srcdir/tests/cxx/$program.cc" "$library" \
        -lpthread >"$scratch/log" 2>&1 && timeout 400 "$scratch/program" >>"$scratch/log" 2>&1; then
        passed "$program, $what"
    else
        failed "$program, $what" "$scratch/log"
    fi
}

cat >"$scratch/old.cc" <<'END'
#include <weir/weir.hpp>
int main()
{
    weir::Buffer<float> b(10);
    weir::Tensor t = weir::Tensor::create({1, 2});
    std::shared_ptr<weir::Tensor> p = t;
    return b.size() != 10 || t->ndim() != 2 || p == nullptr;
}
END

# too_old COMPILER: one line says so, and nothing else is complained of.
too_old()
{
    try "$1, C++14: one #error"
    "$1" -std=c++14 $flags -c -o "$scratch/o" "$scratch/old.cc" 2>"$scratch/err" && complain "it takes C++14"
    [ "$(grep -c 'error:' "$scratch/err")" -eq 1 ] && grep -q 'error:.*weir.hpp needs C++17' "$scratch/err" &&
        ! grep -q 'warning:' "$scratch/err" || {
        complain "not one #error"
        show "$scratch/err"
    }
}

# Each line that ends in a comment `drops` is to be warned of, no other.
cat >"$scratch/dropped.cc" <<'END'
#include <weir/weir.hpp>
void dropped(weir::Tensor &t, weir::Shape s, weir::BufferPool &pool);
void dropped(weir::Tensor &t, weir::Shape s, weir::BufferPool &pool)
{
    t.reshape(s); // drops
    t->reshape({6, 4}); // drops
    t.view(); // drops
    t.view(s); // drops
    t.slice(0, 0, 1); // drops
    t.select(0, 0); // drops
    t.permute({0, 1}); // drops
    t.transpose(0, 1); // drops
    t.contiguous(); // drops
    t.clone(); // drops
    t.clone(weir_cpu_allocator()); // drops
    t.to(weir_cpu_allocator()); // drops
    weir::Tensor::create(s); // drops
    weir::Tensor::zeros(s); // drops
    weir::Tensor::wrap(t.data(), s); // drops
    weir::Tensor::adopt(weir_tensor_retain(t.handle())); // drops
    pool.acquire(5); // drops
    pool.acquire_uninitialized<int>(5); // drops
    t.resize(s); // drops without exceptions
    t.zero(); // drops without exceptions
    t.copy_from(t); // drops without exceptions
    weir::Tensor kept = t.reshape(s);
    (void)kept.view();
    t = kept;
    t.reset();
}
END

# warned COMPILER PATTERN [FLAG]: of the lines that end in PATTERN.
warned()
{
    compiler=$1 pattern=$2
    shift 2
    try "$compiler warns of dropped results $*"
    "$compiler" -std=c++17 "$@" $flags -c -o "$scratch/o" "$scratch/dropped.cc" 2>"$scratch/err"
    grep -n "// $pattern" "$scratch/dropped.cc" | sed 's/:.*//' >"$scratch/expected"
    sed -n 's/^[^ ]*dropped\.cc:\([0-9]*\):.*warning: .*\[-Wunused-\(result\|value\)\]$/\1/p' "$scratch/err" | sort -un >"$scratch/found"
    diff "$scratch/expected" "$scratch/found" >"$scratch/diff" || {
        complain "< expected only, > warned only"
        show "$scratch/diff"
    }
}

# Two files of one program, each with its own way.
cat >"$scratch/checked.cc" <<'END'
#include <weir/weir.hpp>
int checked(const weir_tensor *given);
int checked(const weir_tensor *given)
{
    weir::Tensor t = weir::Tensor::create({-1});
    weir::Context small("checked", 10);
    weir::Buffer<int> b(3, small);
    weir::Tensor same = weir::Tensor::adopt(weir_tensor_view(given));
    return t == nullptr && !b && weir::last_error() == ENOMEM && same.extent(0) == 7;
}
END
cat >"$scratch/throws.cc" <<'END'
#include <weir/weir.hpp>
int checked(const weir_tensor *given);
int main()
{
    int caught = 0;
    weir::Tensor mine = weir::Tensor::create({7});
    for (int round = 0; round < 2; round++) {
        try {
            (void)weir::Tensor::create({-1});
        } catch (const std::system_error &) {
            caught++;
        }
        try {
            weir::Context small("throws", 10);
            weir::Buffer<int> b(3, small);
        } catch (const std::bad_alloc &) {
            caught++;
        }
        if (!checked(mine.handle()))
            return 1;
    }
    return caught != 4;
}
END
cat >"$scratch/shares.cc" <<'END'
#include <weir/weir.hpp>
weir::Tensor made_by_the_other();
int main()
{
    return made_by_the_other() == nullptr;
}
END
cat >"$scratch/shared.cc" <<'END'
#include <weir/weir.hpp>
weir::Tensor made_by_the_other();
weir::Tensor made_by_the_other()
{
    return weir::Tensor::create({1});
}
END

# mixed COMPILER: either order of linking is right; types of one are not the other's.
mixed()
{
    try "$1: both ways in one program"
    for file in checked shared; do
        "$1" -std=c++17 -fno-exceptions -fno-rtti $flags -c -o "$scratch/$file.o" "$scratch/$file.cc" ||
            complain "$1: $file"
    done
    "$1" -std=c++17 $flags -c -o "$scratch/throws.o" "$scratch/throws.cc" || complain "$1: throws"
    for order in "throws checked" "checked throws"; do
        set -- "$1" $order
        "$1" -o "$scratch/program" "$scratch/$2.o" "$scratch/$3.o" "$library" -lpthread &&
            "$scratch/program" || complain "$2 first"
    done
    "$1" -std=c++17 $flags -o "$scratch/program" "$scratch/shares.cc" "$scratch/shared.o" "$library" \
        >"$scratch/log" 2>&1 && complain "$1: a tensor of one way is taken for the other's"
    "$1" -std=c++17 -DWEIR_CXX_EXCEPTIONS=0 $flags -o "$scratch/program" "$scratch/shares.cc" "$scratch/shared.o" \
        "$library" && "$scratch/program" || complain "$1: one way, with the compiler's exceptions and without"
}

for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for standard in c++17 c++20 c++2b; do
        for exceptions in "" -fno-exceptions; do
            for rtti in "" -fno-rtti; do
                runs "$compiler -std=$standard $exceptions $rtti" errors $compiler -std=$standard $exceptions $rtti
            done
        done
    done
    for program in buffers contexts devices dlpack figures leaks plans pointers tags trace; do
        runs "$compiler, no exceptions, no RTTI" $program $compiler -std=c++17 -fno-exceptions -fno-rtti
    done
    runs "$compiler, optimized" pointers $compiler -std=c++17 -O2
    runs "$compiler, checked by choice" pointers $compiler -std=c++20 -O2 -DWEIR_CXX_EXCEPTIONS=0
    too_old $compiler
    warned $compiler 'drops$'
    warned $compiler drops -fno-exceptions
    mixed $compiler
done
[ $tried -gt 0 ] || skip_all "neither g++ nor clang++ is here"
finish
