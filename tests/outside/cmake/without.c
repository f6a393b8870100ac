/* A program that does not include weir.h, but uses a library that does.
 * without PROVIDER: fails unless that is who serves the library. */
#include <stdio.h>
#include <string.h>

const char *middle_backing(void);

int main(int argc, char **argv)
{
    const char *backing = middle_backing();
    if (argc == 2 && strcmp(argv[1], backing) == 0)
        return 0;
    fprintf(stderr, "without: the provider is %s\n", backing);
    return 1;
}
