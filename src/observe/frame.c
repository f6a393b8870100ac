/* observe/frame.c - see frame.h. */
#include "observe/frame.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A call that ends a function returns beyond it, so it is the byte before that tells. */
static const char *call_of(const void *address)
{
    return (const char *)address - 1;
}

const char *weir__frame_function(const void *address)
{
    Dl_info info;
    return dladdr(call_of(address), &info) && info.dli_sname ? info.dli_sname : NULL;
}

void weir__frame_text(char text[WEIR__FRAME_TEXT], const void *address)
{
    const char *call = call_of(address), *slash;
    Dl_info info;
    if (!dladdr(call, &info) || !info.dli_fname || !*info.dli_fname) {
        snprintf(text, WEIR__FRAME_TEXT, "%p", address);
        return;
    }
    const char *object = (slash = strrchr(info.dli_fname, '/')) ? slash + 1 : info.dli_fname;
    unsigned long offset = (unsigned long)(call - (const char *)info.dli_fbase);
    if (info.dli_sname)
        snprintf(text, WEIR__FRAME_TEXT, "%.150s+0x%lx (%.60s+0x%lx)", info.dli_sname,
                 (unsigned long)((const char *)address - (const char *)info.dli_saddr), object,
                 offset);
    else
        snprintf(text, WEIR__FRAME_TEXT, "%.150s+0x%lx", object, offset);
}
