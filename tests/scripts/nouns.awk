# What a C file says at its top level, one line each:
#   PATH function-defined NAME | function-declared NAME | variable-defined NAME | variable-declared NAME
#   PATH size NAME LINES        lines of a function from its head to its last brace (static ones too),
#                               asserts not counted
# Static names are left out but for their size. Comments, strings and directives are nothing; both branches
# of an #if are read. It knows the C of this tree, formatted by clang-format, not all of C.

function said(kind, name) { print FILENAME, kind, name }

# The name that a function's head declares: the word before the first parenthesis that is no attribute's.
function head_name(head)
{
    while (match(head, /(__attribute__|_Alignas|__asm__|__declspec)[ \t]*\(/)) {
        # cut the attribute with what its parentheses hold
        before = substr(head, 1, RSTART - 1)
        rest = substr(head, RSTART + RLENGTH)
        depth = 1
        for (k = 1; k <= length(rest) && depth; k++) {
            c = substr(rest, k, 1)
            if (c == "(") depth++
            if (c == ")") depth--
        }
        head = before " " substr(rest, k)
    }
    bare = head
    if (!match(head, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) return ""
    name = substr(head, RSTART, RLENGTH - 1)
    gsub(/[ \t]/, "", name)
    return name
}

# The last word of a variable's declaration, before its array bounds, initial value or end.
function variable_name(text)
{
    head_name(text) # cuts attributes
    text = bare
    sub(/=.*/, "", text)
    if (match(text, /\(\*[A-Za-z_][A-Za-z_0-9]*/))
        return substr(text, RSTART + 2, RLENGTH - 2)
    gsub(/\[[^]]*\]/, "", text)
    sub(/[ \t]+WEIR__AT_START[ \t]*$/, "", text) # base/bits.h: an attribute
    if (!match(text, /[A-Za-z_][A-Za-z_0-9]*[ \t]*$/)) return ""
    name = substr(text, RSTART, RLENGTH)
    gsub(/[ \t]/, "", name)
    return name
}

function is_word(text, word) { return (" " text " ") ~ ("[^A-Za-z_0-9]" word "[^A-Za-z_0-9]") }

# WEIR__INLINE and WEIR__UNSEEN hold a `static`.
function is_static(text) { return is_word(text, "static") || is_word(text, "WEIR__INLINE") || is_word(text, "WEIR__UNSEEN") }

# A function's head: not a type's, not an initial value's.
function is_function(text)
{
    if (text ~ /=/ || is_word(text, "typedef")) return 0
    name = head_name(text)
    if (name == "" || name ~ /^(_Static_assert|static_assert)$/) return 0
    return bare !~ /^[^(]*\([ \t]*\*/ # a pointer to a function is a variable
}

function top_end() # `text` ended with a semicolon at the top level
{
    if (text ~ /^[ \t]*$/ || is_word(text, "typedef") || text ~ /_Static_assert|static_assert/) return
    if (is_static(text)) return
    if (is_function(text)) {
        said("function-declared", name)
        return
    }
    head_name(text) # cuts attributes
    if (bare !~ /^[ \t]*(struct|union|enum)([ \t]+[A-Za-z_0-9]+)?[ \t]*(\{\})?[ \t]*$/)
        said(is_word(text, "extern") ? "variable-declared" : "variable-defined", variable_name(text))
}

FNR == 1 { text = ""; level = 0; comment = 0; body = 0; directive = 0 }

{
    line = $0
    if (directive || (!comment && line ~ /^[ \t]*#/)) {
        directive = line ~ /\\$/
        next
    }
    n = length(line)
    if (assert_open || line ~ /^[ \t]*weir__assert[a-z_0-9]*[ \t]*\(/) {
        asserts++
        assert_open = line !~ /;/
    }
    for (i = 1; i <= n; i++) {
        c = substr(line, i, 1)
        if (!level && text ~ /^[ \t]*$/) first = FNR
        if (comment) {
            if (c == "*" && substr(line, i + 1, 1) == "/") { comment = 0; i++ }
            continue
        }
        if (c == "/" && substr(line, i + 1, 1) == "*") { comment = 1; i++; continue }
        if (c == "/" && substr(line, i + 1, 1) == "/") break
        if (c == "\"" || c == "'") {
            for (i++; i <= n && substr(line, i, 1) != c; i++)
                if (substr(line, i, 1) == "\\") i++
            if (!level) text = text "\"\""
            continue
        }
        if (c == "{") {
            if (!level) {
                if (text ~ /extern[ \t]*""[ \t]*$/) { text = ""; continue } # extern "C"
                if (is_function(text)) {
                    body = name
                    asserts = 0
                    if (!is_static(text)) said("function-defined", name)
                }
                text = text "{"
            }
            level++
        } else if (c == "}") {
            if (!level) { text = ""; continue } # the end of extern "C"
            if (!--level) {
                text = text "}"
                if (body) {
                    print FILENAME, "size", body, FNR - first + 1 - asserts
                    text = ""
                    body = 0
                }
            }
        } else if (!level && c == ";") {
            top_end()
            text = ""
        } else if (!level)
            text = text c
    }
    if (!level && !comment) text = text " "
}
