# guide.awk -v kind=installed|packages|source -v folder=DIR PAGE: takes the fenced blocks of a page apart, for
# tests/scripts/guide.sh. Writes DIR/N.sh, N.c, N.cc and N.text, and DIR/list, a line a block: number, language,
# line of the page, whether its output is compared. Complains of what the test could not see; status 1.
#
#     ```sh            run in the page's folder, weir's tools on the PATH
#     ```sh source     run in a copy of the source, by make check-guide; `network`: only where that may be used
#     ```c, ```cpp     compiled, linked and run: a program, or statements of main
#     ```python        run, as a program, with the package of the source and the installed library
#     ```console       not run, because of what a comment before it says: <!-- not run: REASON -->
#     ```text          a drawing, a format; after <!-- prints -->: what the block before it printed
#
# <!-- with and <!-- first begin comments up to a line -->: what the next block has at file scope, and
# at the beginning of main.

function complain(why) { printf "%s:%d: %s\n", FILENAME, FNR, why; bad = 1 }

BEGIN { last = 0 }

in_fence && /^ *```$/ {
    in_fence = 0
    if (out != "") close(out)
    reason = printed = 0
    next
}
in_fence { if (out != "") print > out; next }

/^ *```/ {
    n++
    in_fence = 1
    words = $0
    sub(/^ *```/, "", words)
    split(words, word, " ")
    language = word[1]
    source = words ~ / source/ ? 1 : 0
    network = words ~ / network/ ? 1 : 0
    out = ""
    if (language == "sh" && source == (kind == "source")) out = folder "/" n ".sh"
    else if (language == "sh") ;
    else if (language == "c" || language == "cpp") {
        out = kind == "source" ? "" : folder "/" n (language == "c" ? ".c" : ".cc")
        if (out != "") {
            printf "%s", with > (folder "/" n ".with")
            printf "%s", first > (folder "/" n ".first")
            close(folder "/" n ".with"); close(folder "/" n ".first")
        }
    } else if (language == "python") {
        out = kind == "source" ? "" : folder "/" n ".py"
    } else if (language == "text") {
        if (printed && !last && kind != "source") complain("nothing is run before what it printed")
        if (printed && kind != "source") { out = folder "/" last ".text"; printed_by[last] = 1 }
    } else if (language == "console") {
        if (!reason) complain("a console block without <!-- not run: REASON -->")
    } else complain("a block of \"" words "\": not sh, c, cpp, python, console or text")
    if (out != "" && language != "text") {
        last = n
        order[++count] = n
        line[n] = FNR; languages[n] = language; networks[n] = network
        printf "" > out
    }
    with = first = ""
    next
}

/^<!-- not run: .+ -->$/ { reason = 1; next }
/^<!-- prints -->$/ { printed = 1; next }
/^<!-- with$/ || /^<!-- first$/ { part = $2; next }
part != "" && /^-->$/ { part = ""; next }
part == "with" { with = with $0 "\n"; next }
part == "first" { first = first $0 "\n"; next }
/^<!--.*-->$/ { next }
/[^ ]/ { reason = printed = 0 }
/^    [^ ]/ && !listed { complain("an indented block: nothing says whether it runs") }
# Lines that go on a list's point are indented too.
/^ *[-*0-9]+[.)]? / { listed = 1 }
/^$/ { blank = 1; next }
/^[^ ]/ && !/^ *[-*0-9]+[.)]? / { listed = 0 }

END {
    if (in_fence || part != "") complain("a block or comment without an end")
    for (i = 1; i <= count; i++) {
        k = order[i]
        print k, languages[k], line[k], (k in printed_by) ? "printed" : "-", networks[k] ? "network" : "-" > (folder "/list")
    }
    exit bad
}
