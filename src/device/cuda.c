/*
 * device/cuda.c - finds the CUDA driver: libcuda.so.1, opened at the first use, never
 * closed. Owns the table of its functions and each thread's last error.
 */
#include "base/error.h"
#include "device/cuda_api.h"
#include "os/locks.h"
#include "os/thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

static struct {
    struct weir__guard guard; /* the driver starts programs */
    bool ready;               /* atomic */
    struct weir__cuda_api api;
} cuda = {.guard = WEIR__GUARD(DRIVER)};

static void guard_each(weir__lock_visitor *visit)
{
    visit(&cuda.guard.lock, weir__guard_holder(&cuda.guard));
}
WEIR__LOCKS_EACH(DRIVER, guard_each);

static WEIR__TLS char error_text[128];

static const struct {
    const char *symbol;
    size_t offset;
    bool required;
} functions[] = {
#define FUNCTION(name, symbol, required, parameters)                                               \
    {symbol, offsetof(struct weir__cuda_api, name), required},
    WEIR__CUDA_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

static int api_load(void *library)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(library, functions[i].symbol);
        if (!function && functions[i].required)
            return weir__fail(ENODEV, "CUDA: the driver is too old: it has no %s",
                              functions[i].symbol);
        *(void **)((char *)&cuda.api + functions[i].offset) = function;
    }
    return 0;
}

static int cuda_open_locked(void)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        return weir__fail(ENODEV, "CUDA: no driver: %s", why ? why : "libcuda.so.1 is not there");
    }
    int error = api_load(library);
    if (!error && weir__cuda_result(cuda.api.Init(0), "cuInit"))
        error = weir__fail(ENODEV, "CUDA: %s", error_text);
    if (error)
        dlclose(library);
    else
        __atomic_store_n(&cuda.ready, true, __ATOMIC_RELEASE);
    return error;
}

const struct weir__cuda_api *weir__cuda_get(void)
{
    if (weir__likely(__atomic_load_n(&cuda.ready, __ATOMIC_ACQUIRE)))
        return &cuda.api;
    weir__guard_take(&cuda.guard);
    int error = cuda.ready ? 0 : cuda_open_locked();
    weir__guard_drop(&cuda.guard);
    if (!error)
        return &cuda.api;
    errno = error;
    return NULL;
}

int weir__cuda_result(int result, const char *call)
{
    const char *name = NULL, *text = NULL;
    if (weir__likely(result == WEIR__CUDA_SUCCESS))
        return 0;
    if (result == WEIR__CUDA_NOT_READY)
        return EAGAIN;
    cuda.api.GetErrorName(result, &name);
    cuda.api.GetErrorString(result, &text);
    snprintf(error_text, sizeof error_text, "%s: %s: %s", call, name ? name : "unknown error",
             text ? text : "no text");
    switch (result) {
    case WEIR__CUDA_OUT_OF_MEMORY:
        return ENOMEM;
    case WEIR__CUDA_NO_DEVICE:
    case WEIR__CUDA_INVALID_DEVICE:
        return ENODEV;
    case WEIR__CUDA_NOT_SUPPORTED:
        return ENOTSUP;
    default:
        return EIO;
    }
}

const char *weir__cuda_error_text(void)
{
    return error_text;
}

void weir__cuda_error_set(const char *text)
{
    snprintf(error_text, sizeof error_text, "%s", text);
}
