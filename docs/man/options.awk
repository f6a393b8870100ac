# What `weir COMMAND --help` prints, as sections of a man page: SYNOPSIS, DESCRIPTION, OPTIONS; of
# `weir --help` SYNOPSIS and COMMANDS. With -v section=NAME one section of that name, without the
# synopsis. Words in capitals stand for something and are italic; the rest of an option is bold.

function plain(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/'/, "\\(aq", text)
    sub(/^\./, "\\\\\\&.", text)
    return text
}

function shown(text,    out)
{
    while (match(text, /[A-Z]+/)) {
        out = out plain(substr(text, 1, RSTART - 1)) "\\fI" substr(text, RSTART, RLENGTH) "\\fB"
        text = substr(text, RSTART + RLENGTH)
    }
    return "\\fB" out plain(text) "\\fR"
}

function head(name)
{
    part = name
    if (!section) print ".SH " name
    else if (name == "DESCRIPTION") print ".SH " section
    else if (name == "OPTIONS") print ".SS Options"
}

/^usage: / { whole = $3 == "COMMAND"; head("SYNOPSIS") }
!NF { # a blank line ends a part
    if (part == "SYNOPSIS") head(whole ? "COMMANDS" : "DESCRIPTION")
    else if (part == "DESCRIPTION") head("OPTIONS")
    else if (part) exit
    next
}
part == "SYNOPSIS" {
    gsub(/^(usage:|      ) +| +$/, "")
    if (!section) print (forms++ ? ".br\n" : "") shown($0)
}
part == "COMMANDS" {
    name = $1
    sub(/^ *[^ ]+ +/, "")
    print ".TP\n.BR weir\\-" name " (1)\n" plain($0)
}
part == "DESCRIPTION" { print plain($0) }

# "  -o, --output FILE       what it does", and lines of the same behind as many blanks.
part == "OPTIONS" && /^  (-.,|   ) --/ {
    column = substr($0, 26, 1) == " " && substr($0, 27, 1) != " " ? 26 : length($0)
    option = substr($0, 1, column)
    gsub(/^ +| +$/, "", option)
    print ".TP\n" shown(option)
    if (column < length($0)) print plain(substr($0, column + 1))
}
part == "OPTIONS" && /^                          / { sub(/^ +/, ""); print plain($0) }
