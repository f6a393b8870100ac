/*
 * weir::DLPack: storage shared both ways, and the deleter called exactly once, whoever has the
 * duty. The structs are DLPack's, written down here in the words of its specification.
 */
#include <cstddef>
#include <cstdint>

struct DLDevice {
    int32_t device_type, device_id;
};
struct DLDataType {
    uint8_t code, bits;
    uint16_t lanes;
};
struct DLTensor {
    void *data;
    DLDevice device;
    int32_t ndim;
    DLDataType dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
};
struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(DLManagedTensor *self);
};
struct DLManagedTensorVersioned {
    uint32_t major, minor;
    void *manager_ctx;
    void (*deleter)(DLManagedTensorVersioned *self);
    uint64_t flags;
    DLTensor dl_tensor;
};

#include "../helpers/cxx.h"

#include <utility>

using weir::DataType;
using weir::DLPack;
using weir::Tensor;

template <class Managed> static void out_and_in()
{
    Tensor t = Tensor::zeros({2, 3});
    {
        DLPack<Managed> out(t);
        EXPECT(out && out.get()->dl_tensor.data == t.data() && out.get()->dl_tensor.ndim == 2);
        EXPECT(weir_tensor_storage_count(t.handle()) == 2);
        DLPack<Managed> moved = std::move(out);
        EXPECT(!out && moved && weir_tensor_storage_count(t.handle()) == 2); /* NOLINT */
        out = std::move(moved);
        EXPECT(out && !moved); /* NOLINT */
        Tensor back = std::move(out).tensor();
        EXPECT(!out && back.data() == t.data() && back.shape() == t.shape()); /* NOLINT */
        t.reset();
        EXPECT(cpu->total_allocated() == 24);
        back.at<float>({1, 2}) = 5;
    }
    EXPECT(cpu->total_allocated() == 0);
    t = Tensor::zeros({4}, DataType::INT64);
    Managed *raw = DLPack<Managed>(t).release();
    t.reset();
    EXPECT(cpu->total_allocated() == 32);
    DLPack<Managed>{raw};
    EXPECT(cpu->total_allocated() == 0);
}

/* What cannot be a tensor stays whose it was. */
static int deleted;

static void count_deleted(DLManagedTensor *)
{
    deleted++;
}

static void refusals()
{
    float data[2] = {1, 2};
    int64_t shape[1] = {2};
    DLManagedTensor made = {
        {data, {1, 0}, 1, {2, 32, 4}, shape, nullptr, 0}, nullptr, count_deleted};
    deleted = 0;
    {
        DLPack<DLManagedTensor> in(&made);
        EXPECT(error_of([&] { (void)std::move(in).tensor(); }) == ENOTSUP); /* lanes */
        EXPECT(in && deleted == 0);                                         /* NOLINT */
        made.dl_tensor.dtype.lanes = 1;
        Tensor t = std::move(in).tensor();
        EXPECT(t.data<float>()[1] == 2 && deleted == 0 && !in); /* NOLINT */
        Tensor same = t;
        t.reset();
        EXPECT(deleted == 0);
        same.reset();
        EXPECT(deleted == 1);
        DLPack<DLManagedTensor> dropped(&made);
    }
    EXPECT(deleted == 2);
    EXPECT(error_of([] { DLPack<DLManagedTensor> none{Tensor()}; }) == EINVAL);
    DLPack<DLManagedTensor> empty;
    EXPECT(!empty && error_of([&] { (void)std::move(empty).tensor(); }) == EINVAL);
}

int main()
{
    return run({out_and_in<DLManagedTensor>, out_and_in<DLManagedTensorVersioned>, refusals});
}
