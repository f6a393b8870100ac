#!/bin/sh
# A file includes only its own layer and those below, as docs/internals/design.md draws them. Siblings
# in one line of the drawing do not see each other, except as said at `visible`.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
cd "$top_srcdir" || exit 99

try "a file includes its own layer and those below"
find src tools bench adapters preload include -name '*.[ch]' -o -name '*.hpp' -o -name '*.cc' \
    -o -name '*.in' -path '*include*' | sort |
    xargs awk '
# The drawing in docs/internals/design.md: from `## Layers` to the next heading, indented lines, names before a gap of
# three spaces. The lowest line has rank 1.
FILENAME == "docs/internals/design.md" {
    if (/^## /) drawing = $0 == "## Layers"
    if (drawing && /^    [a-z]/) {
        sub(/^ +/, "")
        sub(/   .*/, "")
        drawn[++nlines] = $0
    }
    next
}
FNR == 1 && nlines && !ranked {
    for (i = 1; i <= nlines; i++) {
        n = split(drawn[i], names, " ")
        for (k = 1; k <= n; k++) rank[names[k]] = nlines + 1 - i
    }
    rank["everything"] = nlines - 1.5 # headers that include all others, below tools
    ranked = 1
}

function rank_of(layer) { layer = folder_of(layer); return layer in rank ? rank[layer] : 0 }

# The layer that a public header belongs to. The vocabulary (types that every
# layer speaks of) is at the bottom.
function public_layer(header)
{
    if (header ~ /^(export|error|version|link|allocator|callbacks|background|placement|pressure)\.h$/) return "base"
    if (header == "device.h") return "device_pool"
    if (header ~ /^(cuda|dlpack)\.h$/) return "device"
    if (header ~ /^(tensor|buffer|buffer_pool|arena)\.h$/) return "object"
    if (header ~ /^plan\.h$/) return "plan"
    if (header ~ /^(guards|profile|trace|stats)\.h$/) return "observe"
    if (header ~ /^(weir\.h|old_names\.h|weir\.hpp|cxx\/.*)$/) return "everything"
    if (header == "metrics.h") return "serve"
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
    return n > 2 && name ~ /^(tools|bench)\// ? parts[1] "/" parts[2] : parts[1]
}

# Rooms of tools and bench are layers of their own, each below the next: what all commands are made
# with, the reader of traces and the names of addresses, what a trace says, then commands that do not see each other; of
# bench the harness, then
# loads and modes. The rank of a room within its folder; the folder itself (tools/weir.c): 9.
function room_rank(layer,    room)
{
    room = layer
    if (!sub(/^[a-z]+\//, "", room)) return 9
    if (room == "common" || room == "harness") return 1
    if (layer ~ /^tools/ && room ~ /^(trace|symbols|shown)$/) return 2
    return layer ~ /^tools/ && room == "report" ? 2.5 : 3
}

function folder_of(layer)
{
    sub(/\/.*/, "", layer)
    return layer
}

# May a file of layer `from` include one of layer `to`? A plan binds tensors.
function visible(from, to)
{
    if (from == "plan" && to == "object") return 1 # tensors are bound to planned memory
    if (to == "tools") return rank_of(from) >= rank_of(to) # tools/command.h
    if (from == to) return 1
    if (folder_of(from) == folder_of(to)) return room_rank(to) < room_rank(from)
    return rank_of(to) < rank_of(from)
}

/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    match($0, /["<][^">]*[">]/)
    target = substr($0, RSTART + 1, RLENGTH - 2)
    if (target ~ /^weir\//) {
        sub(/^weir\//, "", target)
        to = public_layer(target)
    } else if (substr($0, RSTART, 1) == "\"" && target ~ /\//) {
        to = split(target, parts, "/") > 2 ? layer_of_file(target) : parts[1]
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
    if (seen < 20 || nlines < 5) bad++
    exit bad > 0
}' docs/internals/design.md || complain "the layers are not kept"
finish
