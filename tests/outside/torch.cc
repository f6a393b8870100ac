/* An outside program with weir's installed adapter for libtorch, through c10 alone. */
#include <weir/adapters/torch.hpp>

int main()
{
    weir_allocator_options options = {};
    options.name = "tensors";
    options.limit = 100000;
    weir_allocator *a = weir_allocator_create(&options);
    if (!weir::torch_allocator::install(a) || weir::torch_allocator::context() != a)
        return 1;
    if (!weir::torch_allocator::install(a) || weir::torch_allocator::install(nullptr))
        return 2; /* twice the same is well, another is refused */
    c10::Allocator *installed = c10::GetCPUAllocator();
    {
        c10::DataPtr data = installed->allocate(1000), none = installed->allocate(0);
        if (weir_total_allocated(a) != 1000 || none.get() || !data.get())
            return 3;
        if (weir_block_tag(a, data.get()) != weir_tag_intern("tensors") || weir_tag_set(0) != 0)
            return 7;
        void *raw = installed->raw_allocate(24);
        if (weir_allocation_count(a) != 2)
            return 4;
        installed->raw_deallocate(raw);
        try {
            c10::DataPtr large = installed->allocate(100001);
            return 5;
        } catch (const c10::Error &) {
        }
    }
    return weir_allocation_count(a) ? 6 : 0;
}
