/* unwind/module.c - see module.h. */
#include "unwind/module.h"

#include "os/locks.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

static struct {
    weir__lock lock;
    uint32_t count; /* atomic: those before it can be read without the lock */
    struct weir__module all[WEIR__MODULES_MOST];
} modules = {.lock = WEIR__LOCK(UNWIND)};
WEIR__LOCKS_KNOW(UNWIND, &modules.lock);

/* -- from the loader -------------------------------------------------------------------------- */

static void module_of_info(const struct dl_phdr_info *info, struct weir__module *module)
{
    *module = (struct weir__module){
        .start = UINTPTR_MAX, .bias = info->dlpi_addr, .path = info->dlpi_name};
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD) {
            module->start = weir__min(module->start, at);
            module->end = weir__max(module->end, at + segment->p_memsz);
        }
        if (segment->p_type == PT_GNU_EH_FRAME)
            module->table = (const void *)at;
    }
}

struct wanted {
    uintptr_t address;
    struct weir__module *module;
    unsigned nth;
};

static int module_match(struct dl_phdr_info *info, size_t size, void *user)
{
    struct wanted *wanted = user;
    struct weir__module module;
    (void)size;
    module_of_info(info, &module);
    wanted->nth++;
    if (wanted->address < module.start || wanted->address >= module.end)
        return 0;
    *wanted->module = module;
    return 1;
}

#if defined(DLFO_STRUCT_HAS_EH_DBASE)
typedef __typeof__(_dl_find_object) find_object;

/* The program itself. Where its segments leave pages out between them, the loader answers for the
 * segment alone, whose start is no file's; it is one module all the same. Set once. */
static struct weir__module program;

static int program_match(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    module_of_info(info, &program);
    return 1; /* it comes first */
}

/* By name: it is the loader's, which weir does not name as needed, and a build with a new C library
 * may run with an older one. Looked up when a recording begins, before an allocation is. */
static find_object *find_object_get(void)
{
    static find_object *found;
    static bool looked;
    if (weir__unlikely(!weir__relaxed_get(looked))) {
        void *symbol = dlsym(RTLD_DEFAULT, "_dl_find_object");
        memcpy(&found, &symbol, sizeof found);
        dl_iterate_phdr(program_match, NULL);
        __atomic_store_n(&looked, true, __ATOMIC_RELEASE);
    }
    return found;
}

static bool module_ask(uintptr_t address, struct weir__module *module)
{
    struct dl_find_object found;
    find_object *find = find_object_get();
    if (!find) {
        struct wanted wanted = {address, module, 0};
        return dl_iterate_phdr(module_match, &wanted) == 1;
    }
    if (find((void *)address, &found) != 0)
        return false;
    *module = (struct weir__module){.start = (uintptr_t)found.dlfo_map_start,
                                    .end = (uintptr_t)found.dlfo_map_end,
                                    .bias = found.dlfo_link_map->l_addr,
                                    .path = found.dlfo_link_map->l_name,
                                    .table = found.dlfo_eh_frame};
    if (module->start >= program.start && module->end <= program.end) {
        module->start = program.start;
        module->end = program.end;
    }
    return true;
}

static bool module_is_cheap(void)
{
    return find_object_get() != NULL;
}
#else
static bool module_ask(uintptr_t address, struct weir__module *module)
{
    struct wanted wanted = {address, module, 0};
    return dl_iterate_phdr(module_match, &wanted) == 1;
}

static bool module_is_cheap(void)
{
    return false;
}
#endif

static bool module_remembered(uintptr_t address, struct weir__module *module)
{
    uint32_t count = __atomic_load_n(&modules.count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        if (address >= modules.all[i].start && address < modules.all[i].end) {
            *module = modules.all[i];
            return true;
        }
    return false;
}

bool weir__module_find(uintptr_t address, struct weir__module *module)
{
    if (!module_is_cheap() && module_remembered(address, module))
        return true;
    return module_ask(address, module);
}

bool weir__module_own(struct weir__module *module)
{
    struct wanted wanted = {(uintptr_t)&weir__module_own, module, 0};
    return dl_iterate_phdr(module_match, &wanted) == 1 && wanted.nth > 1;
}

/* -- those that were met ---------------------------------------------------------------------- */

static bool is_same(const struct weir__module *a, const struct weir__module *b)
{
    return a->start == b->start && a->bias == b->bias && a->path == b->path && a->table == b->table;
}

static bool overlap(const struct weir__module *a, const struct weir__module *b)
{
    return a->start < b->end && b->start < a->end;
}

/* Readers without the lock may see one of them twice, or a mix that lies nowhere. */
static void forget_locked(uint32_t i)
{
    uint32_t last = modules.count - 1;
    modules.all[i].end = 0;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    modules.all[i] = modules.all[last];
    __atomic_store_n(&modules.count, last, __ATOMIC_RELEASE);
}

static bool forget_other_locked(const struct weir__module *module, struct weir__module *other)
{
    for (uint32_t i = 0; i < modules.count; i++)
        if (overlap(&modules.all[i], module) && !is_same(&modules.all[i], module)) {
            *other = modules.all[i];
            forget_locked(i);
            return true;
        }
    return false;
}

static bool remember_locked(const struct weir__module *module)
{
    for (uint32_t i = 0; i < modules.count; i++)
        if (is_same(&modules.all[i], module))
            return false;
    if (modules.count == WEIR__MODULES_MOST)
        return false;
    modules.all[modules.count] = *module;
    __atomic_store_n(&modules.count, modules.count + 1, __ATOMIC_RELEASE);
    return true;
}

bool weir__module_remember(const struct weir__module *module,
                           void (*gone)(const struct weir__module *module))
{
    struct weir__module other;
    bool left, met = false;
    do {
        weir__lock_take(&modules.lock);
        left = forget_other_locked(module, &other);
        met = !left && remember_locked(module);
        weir__lock_drop(&modules.lock);
        if (left)
            gone(&other);
    } while (left);
    return met;
}

/* Of two that are gone at one instant each is told once: the thread that forgets it tells. */
static bool forget(const struct weir__module *module)
{
    bool found = false;
    weir__lock_take(&modules.lock);
    for (uint32_t i = 0; i < modules.count && !found; i++)
        if (is_same(&modules.all[i], module)) {
            forget_locked(i);
            found = true;
        }
    weir__lock_drop(&modules.lock);
    return found;
}

/* From the last on: who is forgotten is replaced by one that was looked at. */
void weir__modules_check(void (*gone)(const struct weir__module *module))
{
    for (uint32_t i = __atomic_load_n(&modules.count, __ATOMIC_ACQUIRE); i-- > 0;) {
        struct weir__module module = modules.all[i], now;
        bool there = module_ask(module.start, &now) && is_same(&module, &now);
        if (module.end && !there && forget(&module))
            gone(&module);
    }
}

void weir__modules_each(void (*visit)(const struct weir__module *module))
{
    uint32_t count = __atomic_load_n(&modules.count, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < count; i++)
        visit(&modules.all[i]);
}

void weir__modules_forget(void)
{
    weir__lock_take(&modules.lock);
    __atomic_store_n(&modules.count, 0, __ATOMIC_RELEASE);
    weir__lock_drop(&modules.lock);
}
