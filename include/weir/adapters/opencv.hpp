/*
 * adapters/opencv.hpp - the memory of OpenCV's matrices through weir (cv::MatAllocator),
 * C++17.
 *
 * Header-only; compile and link with `pkg-config weir-opencv`. A matrix remembers its
 * allocator, so there may be several, each over a context: as the default
 * (cv::Mat::setDefaultAllocator) or for single matrices (Mat::allocator).
 *
 * What OpenCV expects and does not say:
 *  - 64 bytes of alignment (CV_MALLOC_ALIGN; 32 for what the DNN module reads);
 *  - sizes of 0 get a block; sizes that overflow are an error;
 *  - an exception, cv::Exception of StsNoMem, where memory is short: null would be used. A
 *    matrix with its own allocator then asks the default one, without a word: a
 *    limit binds where this allocator is the default;
 *  - matrices over memory of the program's own have it neither taken nor freed here;
 *  - the allocator outlives every matrix made with it; so does its context.
 *
 * Not through weir: what OpenCV takes from fastMalloc itself (scratch of the DNN
 * module's convolutions), UMatData headers (C++ new), UMat on a device.
 *
 * OpenCV does not tell what a matrix is for: where the thread has no tag, matrices have
 * the tag "matrices", and inside a weir::opencv_run "activations". That is a mark around what runs,
 * too (weir/trace.h):
 *
 *     weir::opencv_run run("detect");
 *     cv::Mat found = net.forward();
 *
 * Thread rule: any thread.
 */
#ifndef WEIR_ADAPTERS_OPENCV_HPP
#define WEIR_ADAPTERS_OPENCV_HPP

#include <weir/trace.h>
#include <weir/weir.h>

#include <opencv2/core.hpp>

namespace weir
{

/* A run of this name, which stays until then, begins here and ends with the scope. */
class opencv_run
{
  public:
    explicit opencv_run(const char *name)
        : mark_(weir_mark_scope_begin(WEIR_MARK_RUN, name)), former_(weir_tag_set(tag()))
    {
        if (former_)
            weir_tag_set(former_);
    }
    opencv_run(const opencv_run &) = delete;
    opencv_run &operator=(const opencv_run &) = delete;
    ~opencv_run()
    {
        weir_tag_set(former_);
        weir_mark_scope_end(&mark_);
    }

  private:
    static weir_tag tag()
    {
        weir_tag made = weir_tag_intern("activations");
        if (made)
            (void)weir_tag_class(made, WEIR_CLASS_ACTIVATION);
        return made;
    }

    weir_mark_scope mark_;
    weir_tag former_;
};

class opencv_allocator final : public cv::MatAllocator
{
  public:
    /* Over `context` (NULL: the CPU allocator), which must outlive this. */
    explicit opencv_allocator(weir_allocator *context = nullptr)
        : context_(context ? context : weir_cpu_allocator()), tag_(weir_tag_intern("matrices"))
    {
    }

    weir_allocator *context() const
    {
        return context_;
    }

    cv::UMatData *allocate(int dims, const int *sizes, int type, void *data, size_t *step,
                           cv::AccessFlag, cv::UMatUsageFlags) const override
    {
        size_t total = layout(dims, sizes, type, data != nullptr, step);
        void *block = data ? data : take(total);
        if (!block)
            refuse(total);
        cv::UMatData *u;
        try {
            u = new cv::UMatData(this);
        } catch (...) {
            if (!data)
                weir_deallocate(context_, block);
            throw;
        }
        u->data = u->origdata = static_cast<uchar *>(block);
        u->size = total;
        if (data)
            u->flags |= cv::UMatData::USER_ALLOCATED;
        return u;
    }

    bool allocate(cv::UMatData *u, cv::AccessFlag, cv::UMatUsageFlags) const override
    {
        return u != nullptr;
    }

    void deallocate(cv::UMatData *u) const override
    {
        if (!u)
            return;
        CV_Assert(u->urefcount == 0 && u->refcount == 0);
        if (!(u->flags & cv::UMatData::USER_ALLOCATED))
            weir_deallocate(context_, u->origdata);
        u->origdata = nullptr;
        delete u;
    }

  private:
    void *take(size_t total) const
    {
        weir_tag former = weir_tag_set(tag_);
        if (former)
            weir_tag_set(former);
        void *block = weir_allocate(context_, total);
        weir_tag_set(former);
        return block;
    }

    /* Bytes of the whole matrix; *step gets the bytes from one index to the next of each
     * dimension, where a matrix over the program's memory does not say them itself. */
    static size_t layout(int dims, const int *sizes, int type, bool given, size_t *step)
    {
        size_t total = CV_ELEM_SIZE(type);
        for (int i = dims - 1; i >= 0; i--) {
            if (step && given && step[i] != cv::Mat::AUTO_STEP) {
                CV_Assert(total <= step[i]);
                total = step[i];
            } else if (step) {
                step[i] = total;
            }
            if (__builtin_mul_overflow(total, static_cast<size_t>(sizes[i]), &total))
                CV_Error(cv::Error::StsNoMem, "weir: a matrix of more bytes than there are");
        }
        return total;
    }

    [[noreturn]] __attribute__((noinline, cold)) void refuse(size_t size) const
    {
        cv::error(cv::Error::StsNoMem,
                  cv::format("weir: %zu bytes refused to \"%s\": %s", size,
                             weir_allocator_name(context_), weir_last_error()),
                  CV_Func, __FILE__, __LINE__);
        __builtin_unreachable();
    }

    weir_allocator *context_;
    weir_tag tag_;
};

} // namespace weir

#endif
