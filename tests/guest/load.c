/*
 * A program and the libraries that it opens, in each role by a macro: PLUGIN (blocks cross
 * it both ways), MIDDLE (opens another library by name alone, which only its own RUNPATH
 * finds), EARLY (opens one in a constructor). Knows nothing of weir.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(PLUGIN)

char *plugin_make(size_t size);
char *plugin_copy(const char *text);
void plugin_free(void *block);

char *plugin_make(size_t size)
{
    return memset(malloc(size), 1, size);
}

char *plugin_copy(const char *text)
{
    return strdup(text);
}

void plugin_free(void *block)
{
    free(block);
}

#elif defined(MIDDLE)

void *middle_open(const char *name, int mode);

void *middle_open(const char *name, int mode)
{
    return dlopen(name, mode);
}

#elif defined(EARLY)

int early_opened(void);

static void *opened;

__attribute__((constructor)) static void early_start(void)
{
    opened = dlopen("libinner.so", RTLD_NOW | RTLD_DEEPBIND);
}

int early_opened(void)
{
    return opened != NULL;
}

#else

int early_opened(void);

static void *symbol(void *library, const char *name)
{
    void *found = library ? dlsym(library, name) : NULL;
    if (!found) {
        printf("%s: %s\n", name, dlerror());
        exit(2);
    }
    return found;
}

/* Each side frees what the other made. */
static void cross(void *library)
{
    char *(*make)(size_t) = (char *(*)(size_t))symbol(library, "plugin_make");
    char *(*copy)(const char *) = (char *(*)(const char *))symbol(library, "plugin_copy");
    void (*release)(void *) = (void (*)(void *))symbol(library, "plugin_free");
    for (size_t size = 1; size < 10000000; size *= 5) {
        char *volatile block = make(size);
        free(block);
        block = malloc(size);
        release(block);
    }
    char *text = copy("crossed");
    puts(text);
    free(text);
}

static void say(const char *what, void *library)
{
    printf("%s: %s\n", what, library ? "opened" : dlerror());
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 99;
    cross(dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND));
    cross(dlmopen(LM_ID_BASE, argv[1], RTLD_NOW | RTLD_DEEPBIND));
    say("by our own RUNPATH", dlopen("libguest.so", RTLD_NOW | RTLD_DEEPBIND));
    say("not by our own", dlopen("libinner.so.1", RTLD_NOW));

    void *middle = dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND);
    void *(*open_there)(const char *, int) =
        (void *(*)(const char *, int))symbol(middle, "middle_open");
    say("by the library's RUNPATH", open_there("libinner.so.1", RTLD_NOW | RTLD_DEEPBIND));
    say("by $ORIGIN of the library", open_there("$ORIGIN/inner/libinner.so.1", RTLD_LAZY));
    say("not by the library's", open_there("libguest.so.2", RTLD_NOW));

    say("no such file", dlopen("/nonexistent/library.so", RTLD_NOW | RTLD_DEEPBIND));
    say("no mode", dlopen(argv[1], 0));
    say("not a library", dlopen("/etc/passwd", RTLD_NOW));
    say("no such namespace", dlmopen(77, argv[1], RTLD_NOW));
    say("the program itself", dlopen(NULL, RTLD_NOW | RTLD_DEEPBIND));
    say("a namespace of its own", dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW | RTLD_DEEPBIND));
    printf("before the constructors: %d\n", early_opened());
    return 0;
}

#endif
