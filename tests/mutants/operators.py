"""Where a C source can be changed by one operator or one statement, and how.

sites(text) lists all of them, in the order of the file; the same text gives the same list. Comments,
strings and preprocessor lines are left alone, and everything outside of functions.
"""

import re
from collections import namedtuple

# Replace text[start:end] by `new`.
Site = namedtuple("Site", "operator start end new")

COMPARISONS = {"==": "!=", "!=": "==", "<=": "<", ">=": ">", "<": "<=", ">": ">="}
LOGIC = {"&&": "||", "||": "&&"}
SUMS = {"+": "-", "-": "+", "+=": "-=", "-=": "+=", "++": "--", "--": "++"}

TOKEN = re.compile(
    r"[A-Za-z_]\w*|0[xX][0-9a-fA-F]+[uUlL]*|\d+\.\d*\w*|\d+[uUlL]*"
    r"|->|\+\+|--|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|\S"
)
TYPES = re.compile(
    r"^(const|static|struct|union|enum|unsigned|signed|int|long|short|char|bool|void|float|double|"
    r"extern|register|typedef|_Atomic|_Static_assert|\w+_t|FILE|DIR)\b|^weir_\w+\s+\*?\w+\s*[=;\[]"
)
KEPT = re.compile(r"^(return\s|goto\b|case\b|default\b|weir__assert|weir__prefetch|__builtin_prefetch|_Static_assert|\(void\)\w+;)")


def masked(text):
    """The text with comments, strings and preprocessor lines blank, at the same places."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())
    text = re.sub(
        r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S
    )
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.M)


def bodies(code):
    """Where the functions are: (start, end) of what stands between { and } in column 0."""
    for match in re.finditer(r"^\{\n(.*?)^\}", code, flags=re.S | re.M):
        yield match.start(1), match.end(1)


def is_unary(before):
    return not before or before in "=(,{[?:;<>+-*/%&|^!~" or before in ("return", "case", "&&", "||") or (
        before[-1] == "=" or before in COMPARISONS or before in LOGIC
    )


def tokens_sites(code, start, end):
    before = ""
    for match in TOKEN.finditer(code, start, end):
        token, at = match.group(), match.span()
        after = code[at[1] : at[1] + 2]
        if token in COMPARISONS and not (token in "<>" and after[:1] == token):
            yield Site("comparison", *at, COMPARISONS[token])
        elif token in LOGIC:
            yield Site("logic", *at, LOGIC[token])
        elif token in ("++", "--", "+=", "-="):
            yield Site("sum", *at, SUMS[token])
        elif token in "+-" and not is_unary(before) and code[at[0] - 1].isspace():
            yield Site("sum", *at, SUMS[token])
        elif token in ("true", "false"):
            yield Site("constant", *at, "false" if token == "true" else "true")
        elif re.fullmatch(r"\d+[uUlL]*", token):
            digits = re.match(r"\d+", token).group()
            suffix = token[len(digits) :]
            if not (digits.startswith("0") and len(digits) > 1):
                yield Site("off by one", *at, str(int(digits) + 1) + suffix)
                if int(digits) > 0:
                    yield Site("off by one", *at, str(int(digits) - 1) + suffix)
                if int(digits) > 1:
                    yield Site("constant", *at, "0" + suffix)
        before = token


def conditions_sites(code, start, end):
    for match in re.finditer(r"\b(?:if|while) \(", code[start:end]):
        first = start + match.end()
        depth, at = 1, first
        while depth and at < end:
            depth += {"(": 1, ")": -1}.get(code[at], 0)
            at += 1
        yield Site("condition", first, at - 1, None)


def statements_sites(code, start, end):
    """Whole statements that are no declarations, each on lines of its own."""
    at = start
    pending = None
    for line in code[start:end].splitlines(keepends=True):
        stripped = line.strip()
        if pending is None and stripped and not re.match(r"(if|for|while|switch|else|do)\b|[{}]", stripped):
            pending = at + len(line) - len(line.lstrip())
        if pending is not None and stripped.endswith(";"):
            statement = code[pending : at + len(line.rstrip())]
            flat = statement.strip()
            if not TYPES.match(flat) and not KEPT.match(flat) and "{" not in flat:
                yield Site("statement", pending, at + len(line.rstrip()), ";")
            pending = None
        elif pending is not None and stripped.endswith(("{", "}", ":")):
            pending = None
        at += len(line)


def sites(text):
    code = masked(text)
    found = []
    for start, end in bodies(code):
        found += tokens_sites(code, start, end)
        for site in conditions_sites(code, start, end):
            found.append(site._replace(new="!(" + text[site.start : site.end] + ")"))
        found += statements_sites(code, start, end)
    return sorted(found, key=lambda site: (site.start, site.end, site.operator, site.new))


def applied(text, site):
    return text[: site.start] + site.new + text[site.end :]
