/*
 * weir.hpp - weir for C++17: RAII over the C interface, header-only.
 *
 * Every class is a thin owner of a C object; handle() gives that object, and what is said in
 * the C headers (units, threads, statistics) holds here. What fails throws: std::bad_alloc
 * for ENOMEM, std::system_error with weir_last_error() for the rest; without exceptions it
 * returns an empty object or a Status (cxx/error.hpp). Only allocate() returns nullptr in both,
 * as the written design has it. RTTI is not needed.
 */
#ifndef WEIR_WEIR_HPP
#define WEIR_WEIR_HPP

#include <weir/cxx/allocator.hpp>
#include <weir/cxx/buffer.hpp>
#include <weir/cxx/context.hpp>
#include <weir/cxx/device.hpp>
#include <weir/cxx/dlpack.hpp>
#include <weir/cxx/error.hpp>
#include <weir/cxx/figures.hpp>
#include <weir/cxx/leaks.hpp>
#include <weir/cxx/owner.hpp>
#include <weir/cxx/plan.hpp>
#include <weir/cxx/plan_run.hpp>
#include <weir/cxx/profiler.hpp>
#include <weir/cxx/shape.hpp>
#include <weir/cxx/standard.hpp>
#include <weir/cxx/stream.hpp>
#include <weir/cxx/tag.hpp>
#include <weir/cxx/tensor.hpp>
#include <weir/cxx/trace.hpp>

#endif
