/*
 * 13-dlpack.c - tensors to and from other frameworks without a copy. The other one is a function
 * here that knows DLPack's own header and nothing of weir.
 */
#include <dlpack/dlpack.h>
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

/* A consumer: adds the rows up, then says that it is done. */
static float foreign_sum(DLManagedTensor *managed)
{
    const DLTensor *t = &managed->dl_tensor;
    const float *data = (const float *)((const char *)t->data + t->byte_offset);
    float sum = 0;
    for (int64_t row = 0; row < t->shape[0]; row++)
        for (int64_t column = 0; column < t->shape[1]; column++)
            sum += data[row * t->strides[0] + column * t->strides[1]];
    managed->deleter(managed);
    return sum;
}

/* A producer: its memory goes when whoever has the tensor is done with it. */
static void foreign_delete(DLManagedTensor *managed)
{
    printf("the producer's memory is given back\n");
    free(managed->dl_tensor.data);
}

int main(void)
{
    weir_tensor *t = weir_tensor_create((int64_t[]){4, 6}, 2, WEIR_FLOAT32);
    for (size_t i = 0; i < weir_tensor_element_count(t); i++)
        ((float *)weir_tensor_data(t))[i] = 1;

    weir_tensor *half = weir_tensor_slice(t, 1, 0, 6, 2); /* every other column: strides */
    DLManagedTensor *out = weir_tensor_to_dlpack(half);
    weir_tensor_release(half);
    printf("%zu handles to the storage\n", weir_tensor_storage_count(t));
    printf("sum of a view: %g\n", out ? foreign_sum(out) : -1);
    printf("%zu handle to the storage\n", weir_tensor_storage_count(t));
    weir_tensor_release(t);

    static int64_t shape[] = {2, 3};
    DLManagedTensor produced = {.dl_tensor = {.data = calloc(6, sizeof(double)),
                                              .ndim = 2,
                                              .dtype = {kDLFloat, 64, 1},
                                              .shape = shape},
                                .deleter = foreign_delete};
    produced.dl_tensor.device.device_type = kDLCPU;
    weir_tensor *in = weir_tensor_from_dlpack(&produced);
    if (!in)
        return fprintf(stderr, "%s\n", weir_last_error()), EXIT_FAILURE;
    printf("%s of %zu elements, %s\n", weir_dtype_name(weir_tensor_dtype(in)),
           weir_tensor_element_count(in),
           weir_tensor_data(in) == produced.dl_tensor.data ? "not copied" : "copied");
    weir_tensor_release(in);
    return EXIT_SUCCESS;
}
