/* unwind/cfi.c - see cfi.h. */
#include "unwind/cfi.h"

#include "unwind/fde.h"
#include "unwind/registers.h"

/* -- expressions ------------------------------------------------------------------------------- */

/* A register, or none, and a constant; of a load the address. */
struct value {
    enum { OF_NONE, OF_SP, OF_FP, OF_OTHER } of;
    bool loaded;
    int64_t by;
};

#define DEPTH 8

struct machine {
    struct value stack[DEPTH];
    unsigned n;
    bool bad;
};

static void push(struct machine *m, struct value value)
{
    if (m->n == DEPTH)
        m->bad = true;
    else
        m->stack[m->n++] = value;
}

static struct value pop(struct machine *m)
{
    if (m->n)
        return m->stack[--m->n];
    m->bad = true;
    return (struct value){.of = OF_OTHER};
}

static struct value register_value(uint64_t number, int64_t by, uint64_t address)
{
    if (number == WEIR__DWARF_SP)
        return (struct value){OF_SP, false, by};
    if (number == WEIR__DWARF_FP)
        return (struct value){OF_FP, false, by};
#if defined(__x86_64__)
    if (number == WEIR__DWARF_RA)
        return (struct value){OF_NONE, false, (int64_t)address + by};
#endif
    (void)address;
    return (struct value){.of = OF_OTHER};
}

static void combine(struct machine *m, unsigned op)
{
    struct value b = pop(m), a = pop(m);
    bool plain = a.of == OF_NONE && b.of == OF_NONE && !a.loaded && !b.loaded;
    if (op == 0x22 && !a.loaded && !b.loaded && (a.of == OF_NONE || b.of == OF_NONE)) { /* plus */
        push(m, (struct value){a.of == OF_NONE ? b.of : a.of, false, a.by + b.by});
        return;
    }
    int64_t by = 0;
    if (op == 0x1a)
        by = a.by & b.by;
    else if (op == 0x1c)
        by = a.by - b.by;
    else if (op == 0x24)
        by = b.by >= 0 && b.by < 63 ? (int64_t)((uint64_t)a.by << b.by) : 0;
    else if (op == 0x2a)
        by = a.by >= b.by;
    else
        m->bad = true;
    m->bad |= !plain;
    push(m, (struct value){OF_NONE, false, by});
}

static void operation(struct machine *m, struct weir__bytes *b, unsigned op, uint64_t address)
{
    struct value top;
    if (op >= 0x30 && op <= 0x4f) { /* literals */
        push(m, (struct value){OF_NONE, false, op - 0x30});
    } else if (op >= 0x70 && op <= 0x8f) { /* a register and a number */
        push(m, register_value(op - 0x70, weir__take_sleb(b), address));
    } else if (op >= 0x08 && op <= 0x0f) { /* constants of 1, 2, 4, 8 bytes */
        size_t n = (size_t)1 << (op - 0x08) / 2;
        uint64_t value = weir__take_fixed(b, n);
        unsigned unused = (unsigned)(64 - 8 * n);
        push(m, (struct value){OF_NONE, false,
                               op & 1 ? (int64_t)(value << unused) >> unused : (int64_t)value});
    } else if (op == 0x06) { /* deref */
        top = pop(m);
        m->bad |= top.loaded;
        top.loaded = true;
        push(m, top);
    } else if (op == 0x23) { /* plus_uconst */
        top = pop(m);
        m->bad |= top.loaded;
        top.by += (int64_t)weir__take_uleb(b);
        push(m, top);
    } else {
        combine(m, op);
    }
}

static struct value evaluate(struct weir__bytes b, const struct value *first, uint64_t address)
{
    struct machine m = {.n = 0};
    if (first)
        push(&m, *first);
    while (b.at < b.end && !b.bad && !m.bad)
        operation(&m, &b, (unsigned)weir__take_fixed(&b, 1), address);
    struct value top = pop(&m);
    if (b.bad || m.bad)
        top = (struct value){.of = OF_OTHER};
    return top;
}

/* -- programs -----------------------------------------------------------------------------------
 */

struct place {
    enum { SAME, AT_CFA, AS_SAID, UNDEFINED, ELSEWHERE } how;
    int64_t by;
    struct weir__bytes said; /* an expression: its address */
};

struct row {
    uint64_t cfa_register;
    int64_t cfa_by;
    bool cfa_is_said;
    struct weir__bytes cfa_said;
    struct place fp, ra, other;
};

struct run {
    const struct weir__cie *cie;
    uint64_t address, at;
    struct row row, initial, kept[DEPTH];
    unsigned nkept;
};

static struct place *place_of(struct row *row, uint64_t number)
{
    return number == WEIR__DWARF_FP ? &row->fp : number == WEIR__DWARF_RA ? &row->ra : &row->other;
}

static struct weir__bytes take_block(struct weir__bytes *b)
{
    uint64_t length = weir__take_uleb(b);
    struct weir__bytes block = {b->at, b->at, false};
    if (length > (uint64_t)(b->end - b->at))
        b->bad = true;
    else
        block.end = b->at += length;
    return block;
}

static void put_place(struct run *r, uint64_t number, int how, int64_t by)
{
    *place_of(&r->row, number) = (struct place){.how = how, .by = by};
}

static void restore(struct run *r, uint64_t number)
{
    *place_of(&r->row, number) = *place_of(&r->initial, number);
}

static void step_cfa(struct run *r, struct weir__bytes *b, unsigned op)
{
    if (op == 0x0c || op == 0x12 || op == 0x0d)
        r->row.cfa_register = weir__take_uleb(b);
    if (op == 0x0c || op == 0x0e)
        r->row.cfa_by = (int64_t)weir__take_uleb(b);
    else if (op == 0x12 || op == 0x13)
        r->row.cfa_by = weir__take_sleb(b) * r->cie->data_align;
    r->row.cfa_is_said = op == 0x0f;
    if (op == 0x0f)
        r->row.cfa_said = take_block(b);
}

static void step_remember(struct run *r, struct weir__bytes *b, bool restores)
{
    if (restores ? !r->nkept : r->nkept == DEPTH)
        b->bad = true;
    else if (restores)
        r->row = r->kept[--r->nkept];
    else
        r->kept[r->nkept++] = r->row;
}

static void step_register(struct run *r, struct weir__bytes *b, unsigned op)
{
    uint64_t number = weir__take_uleb(b);
    int64_t align = r->cie->data_align;
    switch (op) {
    case 0x05:
        put_place(r, number, AT_CFA, (int64_t)weir__take_uleb(b) * align);
        break;
    case 0x11:
        put_place(r, number, AT_CFA, weir__take_sleb(b) * align);
        break;
    case 0x2f:
        put_place(r, number, AT_CFA, -(int64_t)weir__take_uleb(b) * align);
        break;
    case 0x06:
        restore(r, number);
        break;
    case 0x07:
        put_place(r, number, UNDEFINED, 0);
        break;
    case 0x08:
        put_place(r, number, SAME, 0);
        break;
    case 0x10:
        put_place(r, number, AS_SAID, 0);
        place_of(&r->row, number)->said = take_block(b);
        break;
    default: /* another register, or values that are nowhere */
        put_place(r, number, ELSEWHERE, 0);
        if (op == 0x16)
            take_block(b);
        else
            weir__take_uleb(b);
    }
}

/* False: what follows is of addresses behind the one that is asked for. */
static bool advance(struct run *r, uint64_t by)
{
    r->at += by * r->cie->code_align;
    return r->at <= r->address;
}

static bool step(struct run *r, struct weir__bytes *b)
{
    unsigned op = (unsigned)weir__take_fixed(b, 1), low = op & 0x3f;
    if (op >> 6 == 1)
        return advance(r, low);
    if (op >> 6 == 2)
        put_place(r, low, AT_CFA, (int64_t)weir__take_uleb(b) * r->cie->data_align);
    else if (op >> 6 == 3)
        restore(r, low);
    else if (op == 0x01) {
        r->at = weir__take_pointer(b, r->cie->encoding, 0);
        return r->at <= r->address;
    } else if (op >= 0x02 && op <= 0x04)
        return advance(r, weir__take_fixed(b, (size_t)1 << (op - 2)));
    else if (op == 0x0a || op == 0x0b)
        step_remember(r, b, op == 0x0b);
    else if ((op >= 0x0c && op <= 0x0f) || op == 0x12 || op == 0x13)
        step_cfa(r, b, op);
    else if (op == 0x2e)
        weir__take_uleb(b);
    else if ((op >= 0x05 && op <= 0x09) || op == 0x10 || op == 0x11 || (op >= 0x14 && op <= 0x16) ||
             op == 0x2f)
        step_register(r, b, op);
    else if (op != 0x00 && op != 0x2d) /* 2d: the return address is signed from here on, or not */
        b->bad = true;
    return true;
}

static bool run(struct run *r, struct weir__bytes program)
{
    while (program.at < program.end && !program.bad)
        if (!step(r, &program))
            break;
    return !program.bad;
}

/* -- a rule of it --------------------------------------------------------------------------------
 */

static bool rule_frame(const struct row *row, uint64_t address, struct weir__rule *rule)
{
    struct value cfa = row->cfa_is_said ? evaluate(row->cfa_said, NULL, address)
                                        : register_value(row->cfa_register, row->cfa_by, address);
    if (cfa.of != OF_SP && cfa.of != OF_FP)
        return false;
    if (cfa.loaded && cfa.of != OF_FP)
        return false;
    rule->frame = cfa.loaded ? WEIR__RULE_DEREF : cfa.of == OF_SP ? WEIR__RULE_SP : WEIR__RULE_FP;
    rule->frame_by = (int32_t)cfa.by;
    return cfa.by == rule->frame_by;
}

static bool rule_place(const struct place *place, uint64_t address, uint8_t *how, int32_t *by)
{
    struct value at = {.of = OF_FP, .by = place->by};
    *how = WEIR__RULE_KEPT;
    if (place->how == AT_CFA) {
        *how = WEIR__RULE_AT_FRAME;
    } else if (place->how == AS_SAID) {
        at = evaluate(place->said, NULL, address);
        *how = at.of == OF_FP && !at.loaded ? WEIR__RULE_AT_FP : WEIR__RULE_LOST;
    } else if (place->how == ELSEWHERE) {
        *how = WEIR__RULE_LOST;
    }
    *by = *how == WEIR__RULE_KEPT || *how == WEIR__RULE_LOST ? 0 : (int32_t)at.by;
    return *how == WEIR__RULE_KEPT || *how == WEIR__RULE_LOST || at.by == *by;
}

static struct weir__rule rule_of_row(const struct row *row, uint64_t address)
{
    const struct weir__rule cut = {.frame = WEIR__RULE_CUT};
    struct weir__rule rule = {0};
    if (row->ra.how == UNDEFINED)
        return (struct weir__rule){.frame = WEIR__RULE_END};
    if (!rule_frame(row, address, &rule) || !rule_place(&row->fp, address, &rule.fp, &rule.fp_by) ||
        !rule_place(&row->ra, address, &rule.ra, &rule.ra_by) || rule.ra == WEIR__RULE_LOST ||
        (rule.ra == WEIR__RULE_KEPT && !WEIR__HAS_LINK_REGISTER))
        return cut;
    return rule;
}

struct weir__rule weir__cfi_rule(const struct weir__module *module, uint64_t address)
{
    struct weir__fde fde;
    if (!module->table || !weir__fde_find(module, address, &fde))
        return (struct weir__rule){.frame = WEIR__RULE_CHAIN};
    if (fde.cie.signal)
        return (struct weir__rule){.frame = WEIR__RULE_SIGNAL};
    struct run r = {.cie = &fde.cie, .address = address, .at = fde.start};
    if (fde.cie.return_register != WEIR__DWARF_RA || !run(&r, fde.cie.program))
        return (struct weir__rule){.frame = WEIR__RULE_CUT};
    r.initial = r.row;
    r.at = fde.start;
    if (!run(&r, fde.program))
        return (struct weir__rule){.frame = WEIR__RULE_CUT};
    return rule_of_row(&r.row, address);
}
