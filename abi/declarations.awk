# declarations.awk - the public functions of weir's headers, each on a line of its own as
# "type name(parameters)", without comments, attributes and the macros that stand for them.
#
#     awk -f declarations.awk HEADER...

{
    sub(/\/\/.*/, "")
    if (!/^[ \t]*#/)
        text = text " " $0
}

# What follows the parentheses that begin at the first one of `rest`; they are in `inside`.
function balanced(rest,    depth, i, c)
{
    for (i = 1; i <= length(rest); i++) {
        c = substr(rest, i, 1)
        depth += (c == "(") - (c == ")")
        if (c == ")" && depth == 0)
            break
    }
    inside = substr(rest, 1, i)
    return substr(rest, i + 1)
}

# `declaration` without macros such as WEIR_NODISCARD and WEIR_ALLOC_SIZE(2).
function plain(declaration,    before)
{
    while (match(declaration, /WEIR_[A-Z0-9_]+/)) {
        before = substr(declaration, 1, RSTART - 1)
        declaration = substr(declaration, RSTART + RLENGTH)
        if (declaration ~ /^\(/)
            declaration = balanced(declaration)
        declaration = before declaration
    }
    gsub(/[ \t]+/, " ", declaration)
    gsub(/\* /, "*", declaration)
    gsub(/^ | $/, "", declaration)
    return declaration
}

END {
    gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ", text)
    count = split(text, parts, "WEIR_API ")
    for (p = 2; p <= count; p++) {
        sub(/;.*/, "", parts[p])
        declaration = plain(parts[p])
        balanced(declaration)
        print inside
    }
}
