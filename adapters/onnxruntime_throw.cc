/*
 * adapters/onnxruntime_throw.cc - refuses memory in the way that ONNX Runtime
 * survives: NULL from an allocator crashes a run, an exception ends it with an
 * OrtStatus. Nothing else of the adapter is C++. Any thread.
 */
#include "onnxruntime_throw.h"

#include <cstdio>
#include <new>

namespace
{

/* Its text lives in the exception: there is no memory to be had now. */
class refusal : public std::bad_alloc
{
  public:
    explicit refusal(const char *reason) noexcept
    {
        std::snprintf(text, sizeof(text), "%s", reason);
    }
    const char *what() const noexcept override
    {
        return text;
    }

  private:
    char text[256];
};

} // namespace

extern "C" void weir__ort_throw(const char *reason)
{
    throw refusal(reason);
}
