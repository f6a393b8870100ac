/*
 * tests/device/cuda_target.c - the suite's target over the CUDA table and the fake driver.
 * A library path counts from the start of a process only, so the program starts itself
 * again with the fake's folder in it.
 */
#include "cuda_target.h"
#include "../helpers/suite.h"
#include "base/error.h"
#include "device_pool/pool.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *fake;

void *fake_symbol(const char *name)
{
    if (!fake)
        fake = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    void *symbol = fake ? dlsym(fake, name) : NULL;
    if (!symbol) {
        fprintf(stderr, "%s is not in the fake libcuda.so.1: %s\n", name, dlerror());
        abort();
    }
    return symbol;
}

static const weir_device_table *table(void)
{
    return weir__cuda_table(0, WEIR__CUDA_DEVICE, NULL);
}

const struct device_target *device_target(void)
{
    static struct device_target t;
    if (t.name)
        return &t;
    *(void **)&t.set_capacity = fake_symbol("sim_set_capacity");
    *(void **)&t.used = fake_symbol("sim_used");
    *(void **)&t.calls = fake_symbol("sim_calls");
    *(void **)&t.fail_after = fake_symbol("sim_fail_after");
    *(void **)&t.has_failed = fake_symbol("sim_has_failed");
    *(void **)&t.hold = fake_symbol("sim_hold");
    *(void **)&t.release = fake_symbol("sim_release");
    *(void **)&t.waits = fake_symbol("sim_waits");
    *(void **)&t.violations = fake_symbol("sim_violations");
    *(void **)&t.leftovers = fake_symbol("fakecuda_leftovers");
    t.table = table;
    t.driver_is_asynchronous = true;
    t.name = "cuda:0";
    return &t;
}

int main(int argc, char **argv)
{
    if (!getenv("FAKECUDA_HERE")) {
        char path[4096];
        const char *before = getenv("LD_LIBRARY_PATH");
        snprintf(path, sizeof path, "%s%s%s", FAKECUDA_DIR, before ? ":" : "",
                 before ? before : "");
        setenv("LD_LIBRARY_PATH", path, 1);
        setenv("FAKECUDA_HERE", "1", 1);
        execv("/proc/self/exe", argv);
        perror("starting again");
        return 99;
    }
    return suite_main(argc, argv);
}
