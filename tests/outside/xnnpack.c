/* An outside program with weir's installed adapter for XNNPACK. */
#include <weir/adapters/xnnpack.h>

#include <stdio.h>

int main(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    xnn_subgraph_t graph = NULL;
    if (weir_xnnpack_initialize(a) != xnn_status_success)
        return 1;
    if (xnn_create_subgraph(2, 0, &graph) != xnn_status_success)
        return 2;
    size_t held = weir_total_allocated(a);
    xnn_delete_subgraph(graph);
    printf("%zu bytes for a subgraph, then %zu\n", held, weir_total_allocated(a));
    return !(held > 0 && weir_total_allocated(a) == 0);
}
