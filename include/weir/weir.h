/* weir.h - everything, in one include. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/allocator.h>
#include <weir/arena.h>
#include <weir/background.h>
#include <weir/buffer.h>
#include <weir/buffer_pool.h>
#include <weir/callbacks.h>
#include <weir/cuda.h>
#include <weir/device.h>
#include <weir/dlpack.h>
#include <weir/error.h>
#include <weir/export.h>
#include <weir/guards.h>
#include <weir/link.h>
#include <weir/placement.h>
#include <weir/plan.h>
#include <weir/pressure.h>
#include <weir/profile.h>
#include <weir/stats.h>
#include <weir/tensor.h>
#include <weir/trace.h>
#include <weir/version.h>

#ifndef WEIR_NO_OLD_NAMES
#include <weir/old_names.h>
#endif

#endif
