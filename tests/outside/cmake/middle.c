/* A library that uses weir for its users. */
#include <weir/weir.h>

const char *middle_backing(void);
const char *middle_backing(void)
{
    weir_stats stats = {.size = sizeof stats};
    WEIR_BUFFER(double, scratch, 1000);
    return weir_buffer_data(&scratch) && weir_stats_get(weir_cpu_allocator(), &stats) == 0
               ? stats.backing
               : "none";
}
