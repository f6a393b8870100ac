/* chain NTH LAST: takes 100000 + NTH * 1000 bytes, and becomes the next by exec up to LAST. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int nth = argc == 3 ? atoi(argv[1]) : 0, last = argc == 3 ? atoi(argv[2]) : 0;
    static void *volatile block;
    char next[16];
    block = malloc(100000 + (size_t)nth * 1000);
    if (!nth || !block)
        return 2;
    if (nth == last)
        return 0;
    snprintf(next, sizeof next, "%d", nth + 1);
    execl(argv[0], argv[0], next, argv[2], (char *)NULL);
    return 1;
}
