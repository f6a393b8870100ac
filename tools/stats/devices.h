/* tools/stats/devices.h - the devices in `weir stats`. 0 or an errno value each. */
#ifndef WEIR_TOOLS_STATS_DEVICES_H
#define WEIR_TOOLS_STATS_DEVICES_H

#include "tools/common/json.h"

/* Makes the allocator of every CUDA device, so that the figures show it. */
void stats_devices_open(void);

int stats_devices_text(void);
int stats_devices_json(struct json *j); /* a member */

#endif
