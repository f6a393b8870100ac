/*
 * weir.hpp - weir for C++17: RAII over the C interface, header-only.
 *
 * Every class is a thin owner of a C object; handle() gives that object, and what is said in
 * the C headers (units, threads, statistics) holds here. What fails throws: std::bad_alloc
 * for ENOMEM, std::system_error with weir_last_error() for the rest. Only allocate()
 * returns nullptr, as the written design has it.
 */
#ifndef WEIR_WEIR_HPP
#define WEIR_WEIR_HPP

#include <weir/cxx/allocator.hpp>
#include <weir/cxx/buffer.hpp>
#include <weir/cxx/profiler.hpp>
#include <weir/cxx/standard.hpp>
#include <weir/cxx/tensor.hpp>

#endif
