/* tools/stats/devices.c - see stats_devices.h. */
#include "tools/stats/devices.h"
#include "tools/common/text.h"

#include <weir/cuda.h>
#include <weir/error.h>

#include <stdio.h>

void stats_devices_open(void)
{
    for (int i = 0; i < weir_cuda_device_count(); i++)
        weir_cuda_allocator(i);
}

/* The device's name and figures; false: it cannot be used, weir_last_error says why. */
static bool device_look(int i, char *name, size_t size, weir_device_stats *stats)
{
    weir_allocator *a = weir_cuda_allocator(i);
    *stats = (weir_device_stats){.size = sizeof *stats};
    return a && weir_cuda_device_name(i, name, size) == 0 && weir_device_stats_get(a, stats) == 0;
}

int stats_devices_text(void)
{
    int count = weir_cuda_device_count();
    printf("\ndevices\n");
    if (!count)
        printf("    no CUDA device: %s\n", weir_last_error());
    for (int i = 0; i < count; i++) {
        char name[128];
        weir_device_stats s;
        if (device_look(i, name, sizeof name, &s))
            printf("    cuda:%d  %s, %zu MiB, %zu free, %s\n", i, name, s.device_total / MIB,
                   s.device_free / MIB,
                   s.mode == WEIR_DEVICE_EXPANDABLE ? "expandable" : "segments");
        else
            printf("    cuda:%d  %s\n", i, weir_last_error());
    }
    return 0;
}

int stats_devices_json(struct json *j)
{
    int count = weir_cuda_device_count();
    json_array(j, "devices");
    for (int i = 0; i < count; i++) {
        char name[128];
        weir_device_stats s;
        if (!device_look(i, name, sizeof name, &s))
            continue;
        json_object(j, NULL);
        json_text(j, "device", text_made("cuda:%d", i));
        json_count(j, "total", s.device_total);
        json_count(j, "free", s.device_free);
        json_bool(j, "expandable", s.mode == WEIR_DEVICE_EXPANDABLE);
        json_end(j);
    }
    json_end(j);
    return 0;
}
