/*
 * base/version.c - says which weir was loaded. No state.
 */
#include <weir/version.h>

const char *weir_version(void)
{
    return WEIR_VERSION;
}

int weir_version_number(void)
{
    return WEIR_VERSION_NUMBER;
}
