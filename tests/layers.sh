#!/bin/sh
# A file includes only its own layer and those below (docs: the layers, from the
# bottom). Neighbors in one line of the table do not see each other, except as
# said at `visible`.
set -u
cd "$top_srcdir" || exit 99

find src tools adapters preload include -name '*.[ch]' -o -name '*.hpp' -o -name '*.cc' \
    -o -name '*.in' -path '*include*' | sort |
    xargs awk '
function rank_of(layer)
{
    if (layer == "base") return 1
    if (layer == "os") return 1.5
    if (layer == "backing") return 2
    if (layer == "pool" || layer == "device" || layer == "track") return 3
    if (layer == "alloc") return 5
    if (layer == "object" || layer == "plan") return 6
    if (layer == "observe") return 7
    if (layer == "everything") return 7.5
    if (layer == "tools" || layer == "adapters" || layer == "preload") return 8
    return 0
}

# The layer that a public header belongs to. The vocabulary (types that every
# layer speaks of) is at the bottom.
function public_layer(header)
{
    if (header ~ /^(export|error|version|link|allocator|pool)\.h$/) return "base"
    if (header ~ /^(device|cuda)\.h$/) return "device"
    if (header ~ /^(tensor|buffer|buffer_pool|arena|dlpack)\.h$/) return "object"
    if (header ~ /^plan\.h$/) return "plan"
    if (header ~ /^(profile|trace|stats)\.h$/) return "observe"
    if (header ~ /^(weir\.h|weir\.hpp|cxx\/.*)$/) return "everything"
    if (header ~ /^adapters\/.*$/) return "adapters"
    return "unknown public header " header
}

function layer_of_file(name,    parts, n)
{
    n = split(name, parts, "/")
    if (parts[1] == "src") return parts[2]
    if (parts[1] == "include") {
        sub(/^include\/weir\//, "", name)
        sub(/\.in$/, "", name)
        return public_layer(name)
    }
    return parts[1]
}

# May a file of layer `from` include one of layer `to`? A plan binds tensors.
function visible(from, to)
{
    if (from == "plan" && to == "object") return 1 # tensors are bound to planned memory
    return from == to || rank_of(to) < rank_of(from)
}

/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    match($0, /["<][^">]*[">]/)
    target = substr($0, RSTART + 1, RLENGTH - 2)
    if (target ~ /^weir\//) {
        sub(/^weir\//, "", target)
        to = public_layer(target)
    } else if (substr($0, RSTART, 1) == "\"" && target ~ /\//) {
        split(target, parts, "/")
        to = parts[1]
    } else
        next
    seen++
    from = layer_of_file(FILENAME)
    if (!rank_of(to) || !rank_of(from)) {
        printf "%s:%d: includes %s: no such layer (%s, %s)\n", FILENAME, FNR, target, from, to
        bad++
    } else if (!visible(from, to)) {
        printf "%s:%d: layer %s must not include %s (layer %s)\n", FILENAME, FNR, from, target, to
        bad++
    }
}
/^[ \t]*#[ \t]*include[ \t]*".*\.c"/ {
    printf "%s:%d: includes a .c file\n", FILENAME, FNR
    bad++
}
END {
    printf "%d includes looked at\n", seen
    if (seen < 20) bad++
    exit bad > 0
}'
