/*
 * adapters/torch.hpp - libtorch's CPU tensors through weir (c10::Allocator), C++17.
 *
 * Header-only; compile and link with `pkg-config weir-torch`. libtorch has one CPU
 * allocator, looked up at every allocation, and frees a block by a plain function that
 * gets nothing but the block's address: so there is one weir context a process here,
 * chosen once. weir_tag_set around what a model does tells models and phases apart.
 *
 * What libtorch expects and does not say:
 *  - 64 bytes of alignment (c10::gAlignment);
 *  - a null pointer, which is not freed, for 0 bytes;
 *  - an exception, a c10::Error, where memory is short: null would be used;
 *  - raw_allocate demands that the block is its own context;
 *  - the allocator outlives every tensor, static ones too: this one is never destroyed;
 *  - the allocator reports to the profiler.
 *
 * A process that is recorded (weir/trace.h) when install() is called has marks of what runs: a run
 * around each TorchScript method, an operator around each operator, by at::RecordFunction. Where
 * a thread has no tag, tensors have the tag "activations" inside such a method and
 * "tensors" elsewhere; libtorch does not tell weights apart.
 *
 * Not through weir: scratch memory of the BLAS and of NNPACK, XNNPACK and oneDNN, the
 * graph and operator tables (C++ new), device memory.
 *
 * Thread rule: any thread, but install before the first tensor, once.
 */
#ifndef WEIR_ADAPTERS_TORCH_HPP
#define WEIR_ADAPTERS_TORCH_HPP

#include <weir/trace.h>
#include <weir/weir.h>

#include <ATen/record_function.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <memory>

namespace weir
{

class torch_allocator final : public c10::Allocator
{
  public:
    /* Makes `context` (NULL: the CPU allocator) the one that libtorch's CPU tensors come
     * from, now and until the process ends; it is not to be destroyed. False, and
     * nothing changed, if another context was installed before. */
    static bool install(weir_allocator *context = nullptr, uint8_t priority = 100)
    {
        torch_allocator &only = instance();
        context = context ? context : weir_cpu_allocator();
        weir_allocator *none = nullptr;
        if (!__atomic_compare_exchange_n(&only.context_, &none, context, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
            return none == context;
        c10::SetCPUAllocator(&only, priority);
        weir_trace_stats recording = WEIR_TRACE_STATS_INIT;
        if (weir_trace_stats_get(&recording) == 0 && recording.recording)
            marks_begin();
        /* A higher priority may hold the place. */
        return c10::GetCPUAllocator() == &only;
    }

    /* The installed context; NULL before. */
    static weir_allocator *context()
    {
        return __atomic_load_n(&instance().context_, __ATOMIC_ACQUIRE);
    }

    c10::DataPtr allocate(size_t size) const override
    {
        const c10::Device cpu(c10::DeviceType::CPU);
        if (size == 0)
            return {nullptr, nullptr, &free_block, cpu};
        weir_tag former = weir_tag_set(runs() ? tags().activations : tags().tensors);
        if (former)
            weir_tag_set(former);
        void *block = weir_allocate(context_, size);
        weir_tag_set(former);
        if (!block)
            refuse(size);
        report(block, static_cast<int64_t>(size));
        return {block, block, &free_block, cpu};
    }

    c10::DeleterFnPtr raw_deleter() const override
    {
        return &free_block;
    }

  private:
    struct tag_pair {
        weir_tag tensors = weir_tag_intern("tensors");
        weir_tag activations = weir_tag_intern("activations");
        tag_pair()
        {
            if (activations)
                (void)weir_tag_class(activations, WEIR_CLASS_ACTIVATION);
        }
    };
    static const tag_pair &tags()
    {
        static const tag_pair pair;
        return pair;
    }

    /* Methods that this thread is in. */
    static unsigned &runs()
    {
        static thread_local unsigned depth = 0;
        return depth;
    }

    static weir_mark kind_of(const at::RecordFunction &function)
    {
        return function.scope() == at::RecordScope::TORCHSCRIPT_FUNCTION ? WEIR_MARK_RUN
                                                                         : WEIR_MARK_OPERATOR;
    }
    static std::unique_ptr<at::ObserverContext> mark_begin(const at::RecordFunction &function)
    {
        weir_mark kind = kind_of(function);
        runs() += kind == WEIR_MARK_RUN;
        (void)weir_trace_mark(kind, function.name(), true);
        return nullptr;
    }
    static void mark_end(const at::RecordFunction &function, at::ObserverContext *)
    {
        weir_mark kind = kind_of(function);
        runs() -= kind == WEIR_MARK_RUN && runs() > 0;
        (void)weir_trace_mark(kind, function.name(), false);
    }
    static void marks_begin()
    {
        at::addGlobalCallback(
            at::RecordFunctionCallback(mark_begin, mark_end)
                .scopes({at::RecordScope::FUNCTION, at::RecordScope::TORCHSCRIPT_FUNCTION}));
    }

    /* Tensors of static storage are freed after static objects: never destroyed. */
    static torch_allocator &instance()
    {
        static torch_allocator *only = new torch_allocator;
        return *only;
    }

    static void free_block(void *block)
    {
        if (!block)
            return;
        weir_allocator *from = context();
        if (c10::memoryProfilingEnabled())
            report(block, -static_cast<int64_t>(weir_requested_size(from, block)));
        weir_deallocate(from, block);
    }

    static void report(void *block, int64_t change)
    {
        if (!c10::memoryProfilingEnabled())
            return;
        weir_stats stats;
        stats.size = sizeof(stats);
        weir_stats_get(context(), &stats);
        c10::reportMemoryUsageToProfiler(
            block, change, static_cast<int64_t>(stats.total_allocated),
            stats.reserved == WEIR_UNSUPPORTED ? 0 : static_cast<int64_t>(stats.reserved),
            c10::Device(c10::DeviceType::CPU));
    }

    [[noreturn]] __attribute__((noinline, cold)) static void refuse(size_t size)
    {
        TORCH_CHECK_WITH(OutOfMemoryError, false, "weir: ", size, " bytes refused to \"",
                         weir_allocator_name(context()), "\": ", weir_last_error());
        __builtin_unreachable();
    }

    weir_allocator *context_ = nullptr;
};

} // namespace weir

#endif
