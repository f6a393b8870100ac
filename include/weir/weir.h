/* weir.h - everything, in one include. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H

#include <weir/allocator.h>
#include <weir/error.h>
#include <weir/export.h>
#include <weir/link.h>
#include <weir/plan.h>
#include <weir/pool.h>
#include <weir/version.h>

#endif
