#include "tools/symbols/demangle.h"

#include "tools/common/memory.h"
#include "tools/symbols/short.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The runtime's needs stack in proportion to the name. libstdc++'s takes at most 1,024 bytes. */
enum { DEMANGLED_MOST = 1 << 14 };

static void text_room(char **text, size_t *size, size_t wanted)
{
    if (wanted <= *size)
        return;
    *size = wanted < 256 ? 256 : 2 * wanted;
    *text = memory_array(*text, *size, 1);
}

static void text_set(char **text, size_t *size, const char *from, size_t length)
{
    text_room(text, size, length + 1);
    memcpy(*text, from, length);
    (*text)[length] = '\0';
}

#ifdef HAVE_DEMANGLE
char *__cxa_demangle(const char *symbol, char *buffer, size_t *size, int *status);

/* runtime: the name, demangled. */
static bool runtime_demangle(struct demangled *made, const char *symbol)
{
    int status = 0;
    if (!made->runtime) {
        made->runtime_size = 1024;
        made->runtime = memory_array(NULL, made->runtime_size, 1);
    }
    char *name = __cxa_demangle(symbol, made->runtime, &made->runtime_size, &status);
    if (status != 0 || !name)
        return false;
    made->runtime = name;
    return true;
}
#else
static bool runtime_demangle(struct demangled *made, const char *symbol)
{
    (void)made;
    (void)symbol;
    return false;
}
#endif

/* Of what the demangler does not know the end of, the name without it. */
static bool runtime_demangle_any(struct demangled *made)
{
    size_t length = short_symbol(made->full);
    char *end = made->full + length, cut = *end;
    if (runtime_demangle(made, made->full))
        return true;
    *end = '\0';
    bool known = cut && runtime_demangle(made, made->full);
    *end = cut;
    return known;
}

static bool demangle_cxx(struct demangled *made, size_t length)
{
    if (length > DEMANGLED_MOST || strncmp(made->full, "_Z", 2) != 0 || !runtime_demangle_any(made))
        return false;
    bool rust = short_rust(made->runtime);
    size_t n = strlen(made->runtime);
    text_set(&made->full, &made->full_size, made->runtime, n);
    text_room(&made->brief, &made->brief_size, 2 * n + 4);
    if (rust)
        memcpy(made->brief, made->runtime, n + 1);
    else
        short_cxx(made->brief, made->runtime);
    return true;
}

void demangle(struct demangled *made, const char *symbol, size_t length)
{
    text_set(&made->full, &made->full_size, symbol, length);
    if (!demangle_cxx(made, length))
        text_set(&made->brief, &made->brief_size, made->full, short_symbol(made->full));
}

void demangled_free(struct demangled *made)
{
    free(made->full);
    free(made->brief);
    free(made->runtime);
    *made = (struct demangled){0};
}
