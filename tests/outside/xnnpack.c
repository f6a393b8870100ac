/* An outside program with weir's installed adapter for XNNPACK. */
#include <weir/adapters/xnnpack.h>

#include <stdio.h>

int main(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    xnn_operator_t op = NULL;
    if (weir_xnnpack_initialize(a) != xnn_status_success)
        return 1;
    if (xnn_create_clamp_nc_f32(8, 8, 8, 0.0f, 1.0f, 0, &op) != xnn_status_success)
        return 2;
    size_t held = weir_total_allocated(a);
    xnn_delete_operator(op);
    printf("%zu bytes for an operator, then %zu\n", held, weir_total_allocated(a));
    return !(held > 0 && weir_total_allocated(a) == 0);
}
