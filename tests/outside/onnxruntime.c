/* An outside program with weir's installed adapter for ONNX Runtime, and a runtime of a
 * version that nobody knows: it is refused with a reason. */
#include <weir/adapters/onnxruntime.h>
#include <weir/weir.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const OrtApi *ORT_API_CALL api(uint32_t version) NO_EXCEPTION
{
    (void)version;
    return NULL;
}

static const char *ORT_API_CALL version(void) NO_EXCEPTION
{
    return "9.9.9";
}

int main(void)
{
    static const OrtApiBase base = {api, version};
    weir_ort *ort = weir_ort_create(&base, NULL);
    printf("%s\n", weir_ort_error());
    return !(ort == NULL && errno == ENOTSUP && strstr(weir_ort_error(), "9.9.9") &&
             weir_total_allocated(weir_cpu_allocator()) == 0);
}
