/* fuzz/json.h - is a text JSON (RFC 8259)? Nothing is kept of it. */
#ifndef WEIR_FUZZ_JSON_H
#define WEIR_FUZZ_JSON_H

#include <stdbool.h>
#include <string.h>

static inline const char *json_space(const char *at)
{
    return at ? at + strspn(at, " \t\r\n") : NULL;
}

/* Behind what is asked for, or NULL where something else is. */
static inline const char *json_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\')
            continue;
        at++;
        if (*at == 'u' && strspn(at + 1, "0123456789abcdefABCDEF") < 4)
            return NULL;
        if (!*at || !strchr("\"\\/bfnrtu", *at))
            return NULL;
    }
    return at + 1;
}

static inline const char *json_number(const char *at)
{
    static const char digits[] = "0123456789";
    at += *at == '-';
    size_t whole = strspn(at, digits);
    if (!whole || (*at == '0' && whole > 1))
        return NULL;
    at += whole;
    if (*at == '.') {
        size_t more = strspn(at + 1, digits);
        if (!more)
            return NULL;
        at += 1 + more;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        size_t power = strspn(at, digits);
        return power ? at + power : NULL;
    }
    return at;
}

static inline const char *json_value(const char *at, int depth);

/* A list in brackets; with `keys` an object. */
static inline const char *json_list(const char *at, bool keys, int depth)
{
    char end = keys ? '}' : ']';
    at = json_space(at + 1);
    if (*at == end)
        return at + 1;
    for (;;) {
        if (keys) {
            at = json_space(json_string(at));
            if (!at || *at++ != ':')
                return NULL;
        }
        at = json_space(json_value(json_space(at), depth + 1));
        if (!at || *at == end)
            return at ? at + 1 : NULL;
        if (*at++ != ',')
            return NULL;
        at = json_space(at);
    }
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the text, and no deeper than 64
static inline const char *json_value(const char *at, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    if (depth > 64)
        return NULL;
    if (*at == '{' || *at == '[')
        return json_list(at, *at == '{', depth);
    if (*at == '"')
        return json_string(at);
    for (int i = 0; i < 3; i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return at + strlen(words[i]);
    return json_number(at);
}

/* `text` ends with a zero, which is not among its `size` bytes. */
static inline bool json_is_one(const char *text, size_t size)
{
    const char *end = json_space(json_value(json_space(text), 0));
    return end && end == text + size;
}

#endif
