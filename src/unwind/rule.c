/* unwind/rule.c - see rule.h. */
#include "unwind/rule.h"

#include "backing/meta.h"
#include "os/locks.h"
#include "os/stack.h"
#include "unwind/cfi.h"
#include "unwind/registers.h"

#include <errno.h>
#include <string.h>

#define SLOTS_FIRST 256u /* a page */

#define KEY_BITS WEIR__RULE_SHIFT
#define KEY_MASK WEIR__RULE_ADDRESS
#define DEAD     WEIR__RULE_DEAD
#define BY_BITS  WEIR__RULE_BITS

static weir__lock lock WEIR__AT_START = WEIR__LOCK(UNWIND);
WEIR__LOCKS_KNOW(UNWIND, &lock);
struct weir__rule_table *weir__rule_table WEIR__AT_START;

uint32_t weir__rules_epoch WEIR__AT_START;
bool weir__unwind_may_ask = true;
void (*weir__rule_module_met)(const struct weir__module *module) WEIR__AT_START;
void (*weir__rule_module_gone)(const struct weir__module *module) WEIR__AT_START;

/* -- packing ---------------------------------------------------------------------------------- */

static bool by_fits(int32_t by)
{
    return !(by & 7) && by / 8 >= -(1 << (BY_BITS - 1)) && by / 8 < 1 << (BY_BITS - 1);
}

static uint64_t by_pack(int32_t by, unsigned nth)
{
    return ((uint64_t)(int64_t)(by / 8) & ((UINT64_C(1) << BY_BITS) - 1)) << (BY_BITS * nth);
}

static struct weir__rule_words rule_pack(uint64_t address, const struct weir__rule *rule)
{
    return (struct weir__rule_words){
        address | (uint64_t)rule->frame << KEY_BITS | (uint64_t)rule->fp << (KEY_BITS + 4) |
            (uint64_t)rule->ra << (KEY_BITS + 8),
        by_pack(rule->frame_by, 0) | by_pack(rule->fp_by, 1) | by_pack(rule->ra_by, 2)};
}

WEIR__INLINE struct weir__rule rule_unpack(uint64_t key, uint64_t by)
{
    return (struct weir__rule){.frame = key >> KEY_BITS & 15,
                               .fp = key >> (KEY_BITS + 4) & 15,
                               .ra = key >> (KEY_BITS + 8) & 15,
                               .frame_by = (int32_t)weir__rule_by(by, 0),
                               .fp_by = (int32_t)weir__rule_by(by, 1),
                               .ra_by = (int32_t)weir__rule_by(by, 2)};
}

/* -- the table -------------------------------------------------------------------------------- */

static struct weir__rule_table *table_make(uint32_t slots)
{
    struct weir__rule_table *table =
        weir__meta_allocate(sizeof *table + slots * sizeof(struct weir__rule_words));
    if (!table)
        return NULL;
    table->mask = slots - 1;
    table->shift = 64 - weir__log2(slots);
    return table;
}

static void table_put(struct weir__rule_table *table, struct weir__rule_words made)
{
    uint32_t i = weir__rule_slot(table, made.key & KEY_MASK);
    while (weir__relaxed_get(table->slots[i].key))
        i = (i + 1) & table->mask;
    weir__relaxed_set(table->slots[i].by, made.by);
    __atomic_store_n(&table->slots[i].key, made.key, __ATOMIC_RELEASE);
    table->count++;
}

static bool slot_is_dead(uint64_t key)
{
    return key >= DEAD;
}

/* With room for one more, or NULL. The former table stays: threads may be reading it. */
static struct weir__rule_table *table_with_room_locked(void)
{
    struct weir__rule_table *old = weir__rule_table;
    if (old && old->count < old->mask - old->mask / 4)
        return old;
    if (old && old->count >= WEIR__RULES_MOST)
        return NULL;
    struct weir__rule_table *table = table_make(old ? 2 * (old->mask + 1) : SLOTS_FIRST);
    if (!table)
        return NULL;
    for (uint32_t i = 0; old && i <= old->mask; i++)
        if (old->slots[i].key && !slot_is_dead(old->slots[i].key))
            table_put(table, old->slots[i]);
    __atomic_store_n(&weir__rule_table, table, __ATOMIC_RELEASE);
    return table;
}

static bool rule_find(uint64_t address, struct weir__rule_words *rule)
{
    const struct weir__rule_table *table = __atomic_load_n(&weir__rule_table, __ATOMIC_ACQUIRE);
    if (!table)
        return false;
    for (uint32_t i = weir__rule_slot(table, address);; i = (i + 1) & table->mask) {
        uint64_t key = __atomic_load_n(&table->slots[i].key, __ATOMIC_ACQUIRE);
        if (!key)
            return false;
        if ((key & KEY_MASK) == address && !slot_is_dead(key)) {
            *rule = (struct weir__rule_words){key, weir__relaxed_get(table->slots[i].by)};
            return true;
        }
    }
}

static void rule_keep(uint64_t address, struct weir__rule_words rule)
{
    struct weir__rule_words there;
    int saved = errno;
    weir__lock_take(&lock);
    struct weir__rule_table *table = rule_find(address, &there) ? NULL : table_with_room_locked();
    if (table)
        table_put(table, rule);
    weir__lock_drop(&lock);
    errno = saved;
}

void weir__rules_forget(uint64_t start, uint64_t end)
{
    weir__lock_take(&lock);
    struct weir__rule_table *table = weir__rule_table;
    for (uint32_t i = 0; table && i <= table->mask; i++) {
        uint64_t key = table->slots[i].key, address = key & KEY_MASK;
        if (address > start && address <= end)
            weir__relaxed_set(table->slots[i].key, key | DEAD);
    }
    __atomic_add_fetch(&weir__rules_epoch, 1, __ATOMIC_RELEASE);
    weir__lock_drop(&lock);
}

/* -- making one ------------------------------------------------------------------------------- */

static void module_gone(const struct weir__module *module)
{
    weir__rules_forget(module->start, module->end);
    if (weir__rule_module_gone)
        weir__rule_module_gone(module);
}

void weir__rules_check_modules(void)
{
    weir__modules_check(module_gone);
}

/* What was thought of its addresses before is forgotten: another module lay there, or none. */
void weir__rules_meet_module(const struct weir__module *module)
{
    if (!weir__module_remember(module, module_gone))
        return;
    weir__rules_forget(module->start, module->end);
    if (weir__rule_module_met)
        weir__rule_module_met(module);
}

static bool code_is_readable(uint64_t address, size_t n)
{
    return weir__relaxed_get(weir__unwind_may_ask) && weir__os_readable(address) &&
           weir__os_readable(address + n - 1);
}

/* The code that a signal's handler returns to, where a program or a kernel put it outside of all
 * modules. */
static bool is_trampoline(uint64_t address)
{
    static const unsigned char code[] = WEIR__TRAMPOLINE;
    return code_is_readable(address, sizeof code) &&
           memcmp((const void *)(uintptr_t)address, code, sizeof code) == 0;
}

/* Of code in no module, by what it does next. */
static void rule_of_code(uint64_t address, struct weir__rule *rule)
{
    uint32_t frame = code_is_readable(address, WEIR__RETURN_CODE)
                         ? weir__frame_of_code((const unsigned char *)(uintptr_t)address)
                         : 0;
    if (frame)
        *rule = (struct weir__rule){.frame = WEIR__RULE_SP,
                                    .ra = WEIR__RULE_AT_FRAME,
                                    .frame_by = (int32_t)frame,
                                    .ra_by = -8};
}

static struct weir__rule rule_make(uint64_t address)
{
    struct weir__rule rule = {.frame = WEIR__RULE_CHAIN};
    struct weir__module module;
    if (weir__module_find(address - 1, &module)) {
        weir__rules_meet_module(&module);
        rule = weir__cfi_rule(&module, address - 1);
    }
    if (rule.frame == WEIR__RULE_CHAIN && is_trampoline(address))
        rule.frame = WEIR__RULE_SIGNAL;
    else if (rule.frame == WEIR__RULE_CHAIN)
        rule_of_code(address, &rule);
    if (!by_fits(rule.frame_by) || !by_fits(rule.fp_by) || !by_fits(rule.ra_by))
        return (struct weir__rule){.frame = WEIR__RULE_CUT};
    return rule;
}

WEIR__NOINLINE struct weir__rule_words weir__rule_words_slow(uint64_t address)
{
    struct weir__rule_words words;
    const struct weir__rule cut = {.frame = WEIR__RULE_CUT};
    if (rule_find(address, &words))
        return words;
    if (!address || address > KEY_MASK)
        return rule_pack(0, &cut);
    struct weir__rule rule = rule_make(address);
    words = rule_pack(address, &rule);
    rule_keep(address, words);
    return words;
}

struct weir__rule weir__rule_of(uint64_t address)
{
    struct weir__rule_words words = weir__rule_words_of(address);
    return rule_unpack(words.key, words.by);
}
