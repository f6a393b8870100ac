/* A plugin that links weir; its host (host.c) does not. */
#include <weir/weir.h>

int module_main(void);
int module_main(void)
{
    weir_allocator *cpu = weir_cpu_allocator();
    void *block = weir_allocate(cpu, 12345);
    int right = block && weir_total_allocated(cpu) == 12345;
    weir_deallocate(cpu, block);
    return right && weir_total_allocated(cpu) == 0 ? 0 : 1;
}
