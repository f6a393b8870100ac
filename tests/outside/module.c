/* A plugin that links weir; its host (late_load.c, opener.c) does not, or has another. */
#include <weir/weir.h>

int module_main(void);
int module_main(void)
{
    weir_allocator *cpu = weir_cpu_allocator();
    size_t before = weir_total_allocated(cpu);
    void *block = weir_allocate(cpu, 12345);
    WEIR_BUFFER(char, scratch, 1000);
    int right = block && weir_total_allocated(cpu) == before + 12345 + 1000;
    weir_deallocate(cpu, block);
    weir_buffer_release(&scratch);
    return right && weir_total_allocated(cpu) == before ? 0 : 1;
}
