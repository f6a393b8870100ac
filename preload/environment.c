/*
 * preload/environment.c - see environment.h. Owns what it noted in the constructor, which
 * never changes afterwards. All else lies on the caller's stack: a child of vfork runs in
 * its parent's memory, a handler anywhere.
 *
 * A program that is static, or setuid, keeps our entry: its loader says nothing, and its
 * children may carry us.
 */
#include "preload/environment.h"

#include "observe/run_page.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRELOAD       "LD_PRELOAD="
#define PRELOAD_CHARS (sizeof PRELOAD - 1)
#define SEPARATORS    " :"

/* What `weir run` sets for the programs it follows, and what we add to it. */
static const char *const names[] = {WEIR__RUN_VARIABLE, "WEIR_LIMIT", "WEIR_RECORD",
                                    "WEIR_RECORD_TAKEN"};
#define NAMES (sizeof names / sizeof *names)

static const char *library WEIR__AT_START; /* our file, as the loader found it */
static const char *library_name;           /* and its base name */
static const char *loader;                 /* base name of the loader of this process */
static char entry[PATH_MAX];               /* our element of LD_PRELOAD; "": there was none */
static char kept[NAMES][PATH_MAX]; /* NAME=value, or ""; all of them "" where no weir run is */

/* -- what LD_PRELOAD holds ---------------------------------------------------------------- */

/* The next element of the list; false: there is none. */
static bool element_next(const char **list, const char **start, size_t *length)
{
    *start = *list + strspn(*list, SEPARATORS);
    *length = strcspn(*start, SEPARATORS);
    *list = *start + *length;
    return *length > 0;
}

static const char *element_name(const char *start, size_t length)
{
    const char *slash = memrchr(start, '/', length);
    return slash ? slash + 1 : start;
}

/* By its base name: a path may have `$LIB` in it, or another way there. */
static bool element_is_ours(const char *start, size_t length)
{
    const char *name = element_name(start, length);
    size_t rest = length - (size_t)(name - start);
    return library_name && rest == strlen(library_name) && memcmp(name, library_name, rest) == 0;
}

static bool list_has_ours(const char *list)
{
    const char *start;
    for (size_t length; element_next(&list, &start, &length);)
        if (element_is_ours(start, length))
            return true;
    return false;
}

static bool is_preload(const char *variable)
{
    return strncmp(variable, PRELOAD, PRELOAD_CHARS) == 0;
}

/* The one that counts is the last. */
static const char *preload_of(char *const envp[])
{
    const char *found = NULL;
    for (; envp && *envp; envp++)
        if (is_preload(*envp))
            found = *envp;
    return found;
}

/* -- what was noted -------------------------------------------------------------------------- */

static void entry_note(const char *list)
{
    const char *start;
    for (size_t length; list && element_next(&list, &start, &length);)
        if (element_is_ours(start, length) && length < sizeof entry) {
            memcpy(entry, start, length);
            return;
        }
}

static void variables_note(void)
{
    const char *page = secure_getenv(WEIR__RUN_VARIABLE);
    for (size_t i = 0; page && *page && i < NAMES; i++) {
        const char *value = getenv(names[i]);
        size_t name = strlen(names[i]), length = value ? strlen(value) : PATH_MAX;
        if (name + 1 + length + 1 > sizeof kept[i])
            continue;
        memcpy(kept[i], names[i], name);
        kept[i][name] = '=';
        memcpy(kept[i] + name + 1, value, length + 1);
    }
}

void preload_environment_start(void)
{
    Dl_info about;
    if (dladdr(&library, &about) && about.dli_fname) {
        library = about.dli_fname;
        const char *slash = strrchr(library, '/');
        library_name = slash ? slash + 1 : library;
    }
    loader = weir__program_loader();
    entry_note(getenv("LD_PRELOAD"));
    variables_note();
}

/* -- the next program ------------------------------------------------------------------------- */

static bool library_is_there(void)
{
    int saved = errno;
    bool there = !library || access(library, R_OK) == 0 ||
                 (errno != ENOENT && errno != ENOTDIR && errno != EACCES);
    errno = saved;
    return there;
}

/* Of a runtime that is preloaded. */
static enum weir__lost sanitizer_asked(char *const envp[])
{
    const char *list = preload_of(envp), *start;
    if (!list)
        return WEIR__LOST_NOT;
    list += PRELOAD_CHARS;
    for (size_t length; element_next(&list, &start, &length);) {
        enum weir__lost which = weir__sanitizer_of(element_name(start, length));
        if (which != WEIR__LOST_NOT)
            return which;
    }
    return WEIR__LOST_NOT;
}

enum weir__lost preload_environment_lost(const char *path, bool shell, char *const envp[])
{
    struct weir__program_file about;
    if (!library_is_there())
        return WEIR__LOST_LIBRARY;
    weir__program_file_examine(path, loader, shell, &about);
    return about.lost != WEIR__LOST_NOT ? about.lost : sanitizer_asked(envp);
}

static bool variable_is_set(char *const envp[], const char *variable)
{
    size_t name = strcspn(variable, "=") + 1;
    for (; envp && *envp; envp++)
        if (strncmp(*envp, variable, name) == 0)
            return true;
    return false;
}

/* Under `weir run`, which follows whatever a program becomes. */
static bool is_followed(void)
{
    return kept[0][0] && entry[0];
}

/* Somebody cleared it: what `weir run` has set is put back. Where the page is named, the
 * other variables are as somebody wants them: a weir run within has its own. */
static bool is_cleared(char *const envp[])
{
    return is_followed() && !variable_is_set(envp, kept[0]);
}

/* Is our entry to be put back? */
static bool wants_entry(char *const envp[], enum weir__lost why)
{
    const char *preload = preload_of(envp);
    return is_followed() && !weir__lost_loudly(why) &&
           !(preload && list_has_ours(preload + PRELOAD_CHARS));
}

static bool wants_change(char *const envp[], enum weir__lost why)
{
    const char *preload = preload_of(envp);
    if (weir__lost_loudly(why))
        return preload && list_has_ours(preload + PRELOAD_CHARS);
    return is_cleared(envp) || wants_entry(envp, why);
}

/* An environment that the stack should not hold stays as it is. */
#define ENTRIES_MAX 16384

size_t preload_environment_room(char *const envp[], enum weir__lost why)
{
    size_t entries = NAMES + 2, text = PRELOAD_CHARS + strlen(entry) + 2;
    if (!wants_change(envp, why))
        return 0;
    for (; envp && *envp; envp++, entries++)
        if (is_preload(*envp))
            text += strlen(*envp) + strlen(entry) + 2;
    return entries < ENTRIES_MAX ? entries + text / sizeof(char *) + 1 : 0;
}

/* The variable without us; NULL if nothing is left. `text` moves on. */
static char *preload_without(const char *variable, char **text)
{
    char *made = *text, *end = made + PRELOAD_CHARS;
    const char *list = variable + PRELOAD_CHARS, *start;
    memcpy(made, PRELOAD, PRELOAD_CHARS);
    for (size_t length; element_next(&list, &start, &length);) {
        if (element_is_ours(start, length))
            continue;
        if (end != made + PRELOAD_CHARS)
            *end++ = ':';
        memcpy(end, start, length);
        end += length;
    }
    *end++ = '\0';
    *text = end;
    return made[PRELOAD_CHARS] ? made : NULL;
}

/* The variable, or NULL, with us first. */
static char *preload_with(const char *variable, char **text)
{
    char *made = *text, *end = made;
    const char *rest = variable ? variable + PRELOAD_CHARS : "";
    end = stpcpy(stpcpy(end, PRELOAD), entry);
    if (*rest)
        *end++ = ':';
    end = stpcpy(end, rest);
    *text = end + 1;
    return made;
}

/* Those that are not there already. */
static void variables_add(char **room, size_t count)
{
    for (size_t i = 0; i < NAMES; i++)
        if (kept[i][0] && !variable_is_set(room, kept[i])) {
            room[count++] = kept[i];
            room[count] = NULL;
        }
}

char *const *preload_environment_make(char *const envp[], enum weir__lost why, char **room)
{
    bool without = weir__lost_loudly(why), with = wants_entry(envp, why);
    bool cleared = !without && is_cleared(envp);
    const char *preload = preload_of(envp);
    size_t entries = 0, count = 0;
    for (char *const *at = envp; at && *at; at++)
        entries++;
    char *text = (char *)(room + entries + NAMES + 2);
    for (; envp && *envp; envp++) {
        room[count] = *envp;
        if (without && is_preload(*envp))
            room[count] = preload_without(*envp, &text);
        else if (with && *envp == preload)
            room[count] = preload_with(preload, &text);
        count += room[count] != NULL;
    }
    if (with && !preload)
        room[count++] = preload_with(NULL, &text);
    room[count] = NULL;
    if (cleared)
        variables_add(room, count);
    return room;
}
