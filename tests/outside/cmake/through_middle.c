/*  through_middle PROVIDER: fails unless that is who serves the library. */
#include <weir/weir.h>

#include <stdio.h>
#include <string.h>

const char *middle_backing(void);

int main(int argc, char **argv)
{
    const char *backing = middle_backing();
    if (argc == 2 && strcmp(argv[1], backing) == 0 &&
        weir_total_allocated(weir_cpu_allocator()) == 0)
        return 0;
    fprintf(stderr, "through_middle: the provider is %s\n", backing);
    return 1;
}
