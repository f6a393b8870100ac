#!/bin/sh
# One noun, one header, one file, in the core's folders. What a .c file defines and does not keep
# static is declared in the header of its own name beside it, if its name is weir__x, and in
# include/weir if it is weir_x. Each header opens with what it owns and its lock or thread rule. What such a header declares is defined there, inline, or in the .c
# file of its name. Functions and variables alike.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
cd "$top_srcdir" || exit 99
export LC_ALL=C

# Exceptions: file, name, reason. A name that is none any more is a failure, too.
exceptions='
src/pool/policy.h weir__policy_other    defined by the library that has a policy of its own (preload/policy.c)
src/backing/backing.h weir_backing_jemalloc     src/backing/jemalloc.c is a library of its own; it includes backing.h
src/backing/jemalloc.c weir_backing_jemalloc    as above
src/backing/backing.h weir__backing_malloc      a provider is one table; all are listed where they are chosen
src/backing/backing.h weir__backing_system      as above
src/backing/malloc.c weir__backing_malloc       as above
src/backing/system.c weir__backing_system       as above
'

# Headers whose opening comment does not say what the file owns (or that it has no state), and by
# which lock or in which threads it may be used.
mute()
{
    for folder; do
        awk '
            function judge()
            {
                if (opening && text !~ /([^a-z]|^)owns?[^a-z]/ && text !~ /no state/)
                    print file ": the opening does not say what it owns (or: no state)"
                if (opening && text !~ /[^a-z](lock|thread|atomic|no state)/)
                    print file ": the opening has no rule of locks or threads"
                opening = 0
            }
            FNR == 1 { judge(); file = FILENAME; text = ""; opening = 1; ended = 0 }
            /^#/ { ended = 1 }
            !ended { line = tolower($0); sub(/^ \*/, "", line); gsub(/[ \t]+/, " ", line); text = text " " line; gsub(/  +/, " ", text) }
            END { judge() }' "$folder"/*.h
    done
}

# What breaks the rule in the folders given, a line each.
broken()
{
    for folder; do
        echo "folder $folder"
        awk -f "$parser" "$folder"/*.[ch]
    done | {
        awk -f "$parser" include/weir/*.h include/weir/*.h.in | sed 's/^/public /'
        cat
    } | awk -v exceptions="$exceptions" '
        function excused(file, name) { used[file " " name] = 1; return (file " " name) in excuse }
        function bad(file, name, what)
        {
            if (!excused(file, name)) print file ": " name ": " what
        }
        BEGIN {
            n = split(exceptions, lines, "\n")
            for (i = 1; i <= n; i++)
                if (split(lines[i], word, " ") > 2) excuse[word[1] " " word[2]] = 1
        }
        $1 == "public" { is_public[$4] = 1; next }
        $1 == "folder" || $2 == "size" { next }
        { base = $1; sub(/\.[ch]$/, "", base) }
        $1 ~ /\.c$/ && $2 ~ /-defined$/ { in_c[base " " $3] = $1 }
        $1 ~ /\.h$/ && $2 ~ /-declared$/ { in_h[base " " $3] = $1 }
        $1 ~ /\.h$/ && $2 ~ /-defined$/ { bad($1, $3, "a header defines it") }
        $1 ~ /\.c$/ && $2 ~ /-declared$/ && $3 ~ /^weir_/ { here[base " " $3] = $1 }
        END {
            for (key in in_c) {
                split(key, part, " ")
                name = part[2]
                if (name !~ /^weir_/)
                    bad(in_c[key], name, "is neither static nor named weir_ or weir__")
                else if (name ~ /^weir__/ && !(key in in_h))
                    bad(in_c[key], name, "is not declared in " part[1] ".h")
                else if (name !~ /^weir__/ && !(name in is_public))
                    bad(in_c[key], name, "is not declared in include/weir")
            }
            for (key in here)
                if (!(key in in_c)) {
                    split(key, part, " ")
                    bad(here[key], part[2], "a .c file declares what is defined elsewhere")
                }
            for (key in in_h)
                if (!(key in in_c)) {
                    split(key, part, " ")
                    bad(in_h[key], part[2], "is not defined in " part[1] ".c")
                }
            for (key in excuse)
                if (!(key in used)) print key ": the exception is not needed"
        }' | sort
}

parser=tests/scripts/nouns.awk

try "planted mistakes are found"
# A tree with one of each mistake: each is found, and nothing else.
mkdir -p "$scratch/src/x" "$scratch/include/weir"
cat >"$scratch/include/weir/y.h.in" <<'END'
WEIR_API int weir_y(void);
END
cat >"$scratch/include/weir/x.h" <<'END'
WEIR_API void *weir_x(size_t n) WEIR_MALLOC(weir_free, 1);
END
cat >"$scratch/src/x/good.h" <<'END'
struct weir__good {
    void (*call)(int);
} __attribute__((aligned(64)));
extern int weir__good_count;
extern void (*weir__good_hook)(void);
static inline int weir__good_inline(void) { return 1; }
void weir__good(struct weir__good *good,
                int n) __attribute__((nonnull(1)));
END
cat >"$scratch/src/x/good.c" <<'END'
/* int weir__in_a_comment(void) { */
int weir__good_count = 1;
void (*weir__good_hook)(void);
static const char text[] = "{ int weir__in_a_string(void) {";
static int good_static(void) { return '{'; }
void weir__good(struct weir__good *good, int n)
{
    if (n) { good->call(n); }
}
void *weir_x(size_t n) { return 0; }
int weir_y(void) { return 0; }
WEIR__INLINE int good_inline(void) { return 0; }
extern void foreign(void) __attribute__((weak));
void weir_x(size_t n);
END
cat >"$scratch/src/x/bad.h" <<'END'
void weir__nowhere(void);
extern int weir__no_variable;
int weir__in_header(void) { return 0; }
END
cat >"$scratch/src/x/bad.c" <<'END'
void weir__good_elsewhere(void) {}
int weir__undeclared;
void unnamed(void) {}
void weir_not_public(void) {}
void weir__declared_by_user(void);
END
cat >"$scratch/expected" <<'END'
src/x/bad.c: unnamed
src/x/bad.c: weir__declared_by_user
src/x/bad.c: weir__good_elsewhere
src/x/bad.c: weir__undeclared
src/x/bad.c: weir_not_public
src/x/bad.h: weir__in_header
src/x/bad.h: weir__no_variable
src/x/bad.h: weir__nowhere
END
here=$PWD
(
    cd "$scratch" && exceptions='' && parser=$here/tests/scripts/nouns.awk && broken src/x
) | cut -d: -f1,2 | sort >"$scratch/found"
diff "$scratch/expected" "$scratch/found" || complain "the planted mistakes are not what was found"

printf '/* x/b.h - about blocks. */\n#define OWNS\n' >"$scratch/src/x/bad.h"
printf '/* x/g.h - Owns the\n * list. Any\n * thread. */\n' >"$scratch/src/x/good.h"
[ "$(cd "$scratch" && mute src/x | wc -l)" = 2 ] || {
    complain "an opening that says nothing is let by, or a good one is not:"
    (cd "$scratch" && mute src/x)
}

try "one noun, one header, one file; openings say what they own"
broken src/base src/os src/backing src/track src/pool src/alloc >"$scratch/broken"
mute src/base src/os src/backing src/track src/pool src/alloc >>"$scratch/broken"
cat "$scratch/broken"
[ ! -s "$scratch/broken" ] || complain "the rule is broken"

try "one vocabulary for shared fields"
# One vocabulary for accesses without order (base/atomic.h), one spelling in the whole tree.
grep -nE 'stdatomic\.h>|__atomic_(load|store)_n\([^;]*__ATOMIC_RELAXED' src/base/*.[ch] src/os/*.[ch] \
    src/backing/*.[ch] src/track/*.[ch] src/pool/*.[ch] src/alloc/*.[ch] |
    grep -v '^src/base/atomic.h:' && complain "not by the words of base/atomic.h"
try "American spelling"
grep -rniE 'colou[r]|centr[e]\b|centr[e]s\b|neighbou[r]|initialis[e]|synchronis[e]' src include docs tools preload \
    adapters tests README.md CONTRIBUTING.md && complain "not the one spelling"
try "tests know a harness by suite.h alone"
grep -rn 'criterion/' tests --include='*.[ch]' | grep -v '^tests/helpers/suite.h:' && complain "it runs in one harness only"
try "mutants are where they say"
# The mutants name files and lines: whoever moves code moves them, too.
sh tests/mutants/check-mutants --there . || complain "a mutant names what is not there"

try "makefiles name every source"
# A source that no makefile names is built where it lies, but is not in the release tarball.
for file in src/*/*.[ch] preload/*.[ch] tools/*.[ch] tools/*/*.[ch] bench/*/*.[ch]; do
    folder=${file%/*}
    cat Makefile.am "$folder"/*.mk 2>/dev/null | grep -qF "$file" ||
        complain "$file: no makefile names it, so it is in no tarball"
done
finish
