#include "tools/symbols/short.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MOST = 200 };

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* All of the text; its end. */
static char *text_put(char *to, const char *text)
{
    size_t length = strlen(text);
    memcpy(to, text, length + 1);
    return to + length;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* -- groups ---------------------------------------------------------------------------------------
 */

/* "operator" at `at`, and not within a word that begins before. */
static bool is_operator(const char *name, const char *at)
{
    return begins(at, "operator") && !is_word(at[8]) && (at == name || !is_word(at[-1]));
}

/* One behind "operator" and its sign; just behind the word where a type follows. */
static const char *operator_end(const char *at)
{
    static const char *const signs[] = {
        "()", "[]", "<=>", "<<=",    ">>=",       "->*",  "<<",      ">>",       "<=",
        ">=", "->", "==",  "!=",     "&&",        "||",   "++",      "--",       "+=",
        "-=", "*=", "/=",  "%=",     "^=",        "&=",   "|=",      "<",        ">",
        "+",  "-",  "*",   "/",      "%",         "^",    "&",       "|",        "~",
        "!",  "=",  ",",   " new[]", " delete[]", " new", " delete", " co_await"};
    at += strlen("operator");
    if (begins(at, "\"\"")) { /* of a literal: "operator\"\" _km" */
        for (at += 2 + (at[2] == ' '); is_word(*at);)
            at++;
        return at;
    }
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t length = strlen(signs[i]);
        if (strncmp(at, signs[i], length) == 0 &&
            (!isalpha((unsigned char)signs[i][length - 1]) || !is_word(at[length])))
            return at + length;
    }
    return at;
}

static char bracket_of(char open)
{
    switch (open) {
    case '<':
        return '>';
    case '(':
        return ')';
    case '[':
        return ']';
    default:
        return '}';
    }
}

/* One behind the bracket that closes the one at `at`; NULL: none does. Between parentheses < and
 * > may compare; between < and > they are brackets but for an operator's and an arrow's. */
static const char *group_end(const char *name, const char *at, unsigned depth)
{
    char open = *at, close = bracket_of(open);
    if (depth > DEPTH_MOST)
        return NULL;
    for (at++; *at && *at != close;)
        if (is_operator(name, at))
            at = operator_end(at);
        else if (at[0] == '-' && at[1] == '>')
            at += 2;
        else if (*at == '(' || *at == '[' || *at == '{' || (*at == '<' && open == '<')) {
            if (!(at = group_end(name, at, depth + 1)))
                return NULL;
        } else
            at++;
    return *at ? at + 1 : NULL;
}

/* -- C++ ------------------------------------------------------------------------------------------
 */

struct writer {
    const char *name, *at; /* the name, and how far it is read */
    char *to;
    size_t n;
    unsigned depth;
};

static void put(struct writer *out, const char *text, size_t n)
{
    memcpy(out->to + out->n, text, n);
    out->n += n;
}

/* A word, a sign; as it is. */
static void put_upto(struct writer *out, const char *end)
{
    put(out, out->at, (size_t)(end - out->at));
    out->at = end;
}

static bool skip_group(struct writer *out)
{
    const char *end = group_end(out->name, out->at, 0);
    if (end)
        out->at = end;
    return end;
}

static bool put_arguments(struct writer *out)
{
    put(out, "<...>", 5);
    return skip_group(out);
}

/* "{lambda(int)#1}" without its parameters. */
static bool put_braces(struct writer *out)
{
    const char *end = group_end(out->name, out->at, 0);
    if (!end)
        return false;
    const char *open = memchr(out->at, '(', (size_t)(end - out->at));
    const char *number = memrchr(out->at, '#', (size_t)(end - out->at));
    if (open && number && open < number) {
        put_upto(out, open);
        out->at = number;
    }
    put_upto(out, end);
    return true;
}

static bool put_name(struct writer *out);

/* "operator+", "operator()", "operator int": a conversion goes on up to its parameters. */
static bool put_operator(struct writer *out)
{
    const char *end = operator_end(out->at);
    bool conversion = end == out->at + strlen("operator") && *end == ' ';
    put_upto(out, end);
    if (!conversion) {
        if (out->at[0] == ' ' && out->at[1] == '<')
            out->at++; /* "operator<< <int>" */
        return true;
    }
    while (*out->at && *out->at != '(')
        if (*out->at == '<' ? !put_arguments(out) : (put_upto(out, out->at + 1), false))
            return false;
    return true;
}

/* "(*f(int))(char)": what stands in the parentheses is the name, and its parameters. */
static bool put_declarator(struct writer *out)
{
    const char *end = group_end(out->name, out->at, 0);
    const char *inner = out->at + 1 + strspn(out->at + 1, "*& ");
    if (!end || out->depth >= DEPTH_MOST)
        return false;
    struct writer within = {out->name, inner, out->to, 0, out->depth + 1};
    if (!put_name(&within) || (*within.at && within.at > end)) /* "": it has ended the name */
        return false;
    out->n = within.n;
    out->at = "";
    return true;
}

/* Behind parameters: does the name go on, as a lambda's in a function does? */
static bool goes_on(struct writer *out)
{
    static const char *const words[] = {" const", " volatile", " &&", " &"};
    const char *at = out->at;
    for (size_t i = 0; i < sizeof words / sizeof *words;)
        if (begins(at, words[i])) {
            at += strlen(words[i]);
            i = 0;
        } else
            i++;
    if (!begins(at, "::"))
        return false;
    out->at = at;
    return true;
}

static bool put_parentheses(struct writer *out)
{
    static const char anonymous[] = "(anonymous namespace)";
    if (begins(out->at, anonymous)) {
        put_upto(out, out->at + sizeof anonymous - 1);
        return true;
    }
    if (out->n >= 8 && memcmp(out->to + out->n - 8, "decltype", 8) == 0)
        return skip_group(out);
    if (out->n == 0 && (out->at[1] == '*' || out->at[1] == '&'))
        return put_declarator(out);
    if (!skip_group(out))
        return false;
    if (!goes_on(out))
        out->at = "";
    return true;
}

/* A space ends the return type, of which templates alone have one. */
static bool put_space(struct writer *out)
{
    if (begins(out->at, " [clone")) {
        out->at = "";
        return true;
    }
    out->at++;
    if (!(out->n >= 8 && memcmp(out->to + out->n - 8, "decltype", 8) == 0 && *out->at == '('))
        out->n = 0;
    return true;
}

static bool put_part(struct writer *out)
{
    const char *at = out->at;
    if (is_operator(out->name, at))
        return put_operator(out);
    switch (*at) {
    case '<':
        return put_arguments(out);
    case '(':
        return put_parentheses(out);
    case '{':
        return put_braces(out);
    case '[': /* "[abi:cxx11]" */
        return skip_group(out);
    case ' ':
        return put_space(out);
    default:
        put_upto(out, at + 1);
        return true;
    }
}

static bool put_name(struct writer *out)
{
    while (*out->at && *out->at != ')')
        if (!put_part(out))
            return false;
    return out->n > 0 && (!*out->at || out->depth > 0);
}

/* "non-virtual thunk to ", "guard variable for ": what is before the name. */
static size_t prefix_length(const char *name)
{
    static const char *const prefixes[] = {
        "non-virtual thunk to ",  "virtual thunk to ",          "covariant return thunk to ",
        "transaction clone for ", "TLS init function for ",     "TLS wrapper function for ",
        "guard variable for ",    "non-transaction clone for ", "hidden alias for "};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (begins(name, prefixes[i]))
            return strlen(prefixes[i]);
    return 0;
}

void short_cxx(char *to, const char *name)
{
    size_t prefix = prefix_length(name);
    struct writer out = {name, name + prefix, to + prefix, 0, 0};
    memcpy(to, name, prefix);
    if (put_name(&out))
        out.to[out.n] = '\0';
    else
        text_put(to, name);
}

/* -- C --------------------------------------------------------------------------------------------
 */

/* Length of a word that compilers add at `at`, a dot before it and numbers behind it; or 0. */
static size_t suffix_length(const char *at)
{
    static const char *const words[] = {".cold",     ".part", ".constprop", ".isra",
                                        ".lto_priv", ".llvm", ".localalias"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (!begins(at, words[i]))
            continue;
        while (at[length] == '.' && isdigit((unsigned char)at[length + 1]))
            length += 1 + strspn(at + length + 1, "0123456789");
        if (!at[length] || at[length] == '.' || at[length] == '@')
            return length;
    }
    return 0;
}

size_t short_symbol(const char *symbol)
{
    size_t length = strlen(symbol);
    const char *version = *symbol ? strchr(symbol + 1, '@') : NULL;
    if (version)
        length = (size_t)(version - symbol);
    for (const char *at = symbol; (at = strchr(at + 1, '.')) && at < symbol + length;) {
        const char *end = at;
        for (size_t n; (n = suffix_length(end)) != 0;)
            end += n;
        if (end > at && (!*end || *end == '@'))
            return (size_t)(at - symbol);
    }
    return length;
}

/* -- Rust
 * ------------------------------------------------------------------------------------------ */

/* "::h" and 16 hexadecimal digits at the end; or 0. */
static size_t rust_hash(const char *name)
{
    size_t length = strlen(name);
    return length > 19 && begins(name + length - 19, "::h") &&
                   strspn(name + length - 16, "0123456789abcdef") == 16
               ? length - 19
               : 0;
}

/* What stands for one character, in *c; the length of its escape, or 0. */
static size_t rust_escape(const char *at, char *c)
{
    static const struct {
        const char *text;
        char c;
    } escapes[] = {{"$LT$", '<'}, {"$GT$", '>'}, {"$RF$", '&'}, {"$BP$", '*'},
                   {"$LP$", '('}, {"$RP$", ')'}, {"$C$", ','},  {"$SP$", '@'}};
    unsigned code;
    int n = 0;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        if (begins(at, escapes[i].text)) {
            *c = escapes[i].c;
            return strlen(escapes[i].text);
        }
    if (sscanf(at, "$u%2x$%n", &code, &n) == 1 && n == 5 && code >= ' ' && code < 0x7f) {
        *c = (char)code;
        return 5;
    }
    return 0;
}

int short_rust(char *name)
{
    size_t length = rust_hash(name);
    if (!length)
        return 0;
    name[length] = '\0';
    char *to = name;
    for (const char *at = name; *at;) {
        size_t n = rust_escape(at, to);
        if (n)
            to++;
        else if (begins(at, "..")) {
            *to++ = ':';
            *to++ = ':';
            n = 2;
        } else if (*at == '_' && at[1] == '$' && (at == name || at[-1] == ':'))
            n = 1; /* a name cannot begin with an escape */
        else {
            *to++ = *at;
            n = 1;
        }
        at += n;
    }
    *to = '\0';
    return 1;
}

/* -- code made at run time
 * ------------------------------------------------------------------------- */

static const char *script_of(const char *name)
{
    static const char *const kinds[] = {"JS:", "Eval:", "Script:", "Function:", "LazyCompile:"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(name, kinds[i], strlen(kinds[i])) == 0)
            return name + strlen(kinds[i]) + strspn(name + strlen(kinds[i]), "~^+*");
    return NULL;
}

/* Functions have names with spaces ("get size"), and so have folders. */
static const char *path_of(const char *function)
{
    const char *space = strchr(function, ' '), *last = strrchr(function, ' ');
    for (const char *at = space; at; at = strchr(at + 1, ' '))
        if (at[1] == '/' || strncmp(at + 1, "file:", 5) == 0 || strncmp(at + 1, "node:", 5) == 0)
            return at + 1;
    return last ? last + 1 : NULL;
}

/* node:fs is no folder. */
static const char *file_of(const char *path)
{
    const char *slash = strncmp(path, "node:", 5) == 0 ? NULL : strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "FUNCTION PATH:LINE:COLUMN"; a script's own code has no name. */
static bool short_script(char *to, const char *function)
{
    const char *path = path_of(function), *column = path ? strrchr(path, ':') : NULL;
    if (!path || !column || column == path)
        return false;
    size_t named = (size_t)(path - function);
    const char *file = file_of(path);
    if (file > column)
        return false;
    if (named > 1)
        memcpy(to, function, named);
    else
        memcpy(to, "(script) ", named = 9);
    memcpy(to + named, file, (size_t)(column - file));
    to[named + (size_t)(column - file)] = '\0';
    return true;
}

/* "FUNCTION:PATH" */
static bool short_python(char *to, const char *function)
{
    const char *colon = strchr(function, ':');
    if (!colon || colon == function)
        return false;
    size_t named = (size_t)(colon - function);
    memcpy(to, function, named);
    to[named] = ' ';
    text_put(to + named + 1, file_of(colon + 1));
    return true;
}

static bool short_one(char *to, const char *name)
{
    const char *script = script_of(name);
    if (script ? short_script(to, script)
               : strncmp(name, "py::", 4) == 0 && short_python(to, name + 4))
        return true;
    text_put(to, name);
    return false;
}

bool short_jit(char *to, const char *name)
{
    const char *other = strstr(name, " or ");
    if (!other || (!script_of(other + 4) && strncmp(other + 4, "py::", 4) != 0))
        return short_one(to, name) && !strstr(name, " node:") && !strstr(name, ":<frozen ") &&
               !strstr(name, "/lib/python");
    char *first = strndup(name, (size_t)(other - name));
    if (!first)
        abort();
    short_one(to, first);
    free(first);
    short_one(text_put(to + strlen(to), " or "), other + 4);
    return false;
}
