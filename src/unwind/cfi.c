/* unwind/cfi.c - see cfi.h. */
#include "unwind/cfi.h"

#include "unwind/registers.h"

#include <string.h>

/* -- bytes ------------------------------------------------------------------------------------ */

/* Past the end it reads zeros and is bad. */
struct bytes {
    const unsigned char *at, *end;
    bool bad;
};

static uint64_t take_fixed(struct bytes *b, size_t n)
{
    uint64_t value = 0;
    if (!b->at || (size_t)(b->end - b->at) < n) {
        b->bad = true;
        b->at = b->end;
        return 0;
    }
    memcpy(&value, b->at, n);
    b->at += n;
    return value;
}

static uint64_t take_uleb(struct bytes *b)
{
    uint64_t value = 0, byte = 0x80;
    for (unsigned shift = 0; byte & 0x80 && !b->bad; shift += 7) {
        byte = take_fixed(b, 1);
        value |= shift < 64 ? (byte & 0x7f) << shift : 0;
    }
    return value;
}

static int64_t take_sleb(struct bytes *b)
{
    uint64_t value = 0, byte = 0x80;
    unsigned shift = 0;
    for (; byte & 0x80 && !b->bad; shift += 7) {
        byte = take_fixed(b, 1);
        value |= shift < 64 ? (byte & 0x7f) << shift : 0;
    }
    if (byte & 0x40 && shift < 64)
        value |= -(UINT64_C(1) << shift);
    return (int64_t)value;
}

/* DW_EH_PE_*: the low half is the form, then what it is relative to, then indirection. */
enum {
    PE_OMIT = 0xff,
    PE_FORM = 0x0f,
    PE_TO = 0x70,
    PE_PC = 0x10,
    PE_DATA = 0x30,
    PE_INDIRECT = 0x80
};

static uint64_t take_form(struct bytes *b, unsigned form)
{
    switch (form) {
    case 0x0:
    case 0x4:
    case 0xc:
        return take_fixed(b, 8);
    case 0x1:
        return take_uleb(b);
    case 0x2:
        return take_fixed(b, 2);
    case 0x3:
        return take_fixed(b, 4);
    case 0x9:
        return (uint64_t)take_sleb(b);
    case 0xa:
        return (uint64_t)(int16_t)take_fixed(b, 2);
    case 0xb:
        return (uint64_t)(int32_t)take_fixed(b, 4);
    default:
        b->bad = true;
        return 0;
    }
}

static uint64_t take_pointer(struct bytes *b, unsigned encoding, uint64_t data)
{
    uint64_t here = (uint64_t)(uintptr_t)b->at;
    if (encoding == PE_OMIT)
        return 0;
    uint64_t value = take_form(b, encoding & PE_FORM);
    if ((encoding & PE_TO) == PE_PC)
        value += here;
    else if ((encoding & PE_TO) == PE_DATA)
        value += data;
    else if (encoding & PE_TO)
        b->bad = true;
    b->bad |= (encoding & PE_INDIRECT) != 0;
    return value;
}

/* What the module has from its own address on. */
static struct bytes bytes_at(const struct weir__module *module, uint64_t address)
{
    bool within = address >= module->start && address < module->end;
    return (struct bytes){(const unsigned char *)(uintptr_t)(within ? address : module->end),
                          (const unsigned char *)module->end, !within};
}

/* -- entries: a CIE says what all of its FDEs have in common ------------------------------------
 */

struct cie {
    uint64_t code_align, return_register;
    int64_t data_align;
    unsigned encoding; /* of an FDE's addresses */
    bool augmented, signal;
    struct bytes program;
};

struct fde {
    struct cie cie;
    uint64_t start, end;
    struct bytes program;
};

/* The contents of the entry at b, which goes on behind it; false: the last one, or bad. */
static bool take_entry(struct bytes *b, struct bytes *entry)
{
    uint64_t length = take_fixed(b, 4);
    if (length == 0xffffffff)
        length = take_fixed(b, 8);
    if (b->bad || !length || length > (uint64_t)(b->end - b->at))
        return false;
    *entry = (struct bytes){b->at, b->at + length, false};
    b->at += length;
    return true;
}

static void cie_augmentation(struct cie *cie, struct bytes *b, const char *letters)
{
    uint64_t length = take_uleb(b);
    if (length > (uint64_t)(b->end - b->at)) {
        b->bad = true;
        return;
    }
    const unsigned char *behind = b->at + length;
    for (const char *c = letters + 1; *c; c++) {
        if (*c == 'R')
            cie->encoding = (unsigned)take_fixed(b, 1);
        else if (*c == 'L')
            take_fixed(b, 1);
        else if (*c == 'P')
            take_pointer(b, (unsigned)take_fixed(b, 1) & ~(unsigned)PE_INDIRECT, 0);
        else if (*c == 'S')
            cie->signal = true;
        else if (*c != 'B' && *c != 'G')
            break;
    }
    b->at = behind;
}

static bool cie_read(const struct weir__module *module, uint64_t address, struct cie *cie)
{
    struct bytes all = bytes_at(module, address), b;
    *cie = (struct cie){.encoding = 0};
    if (!take_entry(&all, &b) || take_fixed(&b, 4) != 0)
        return false;
    uint64_t version = take_fixed(&b, 1);
    const char *letters = (const char *)b.at;
    size_t n = strnlen(letters, (size_t)(b.end - b.at));
    take_fixed(&b, n + 1);
    if (b.bad || (version != 1 && version != 3) || (*letters && *letters != 'z'))
        return false;
    cie->code_align = take_uleb(&b);
    cie->data_align = take_sleb(&b);
    cie->return_register = version == 1 ? take_fixed(&b, 1) : take_uleb(&b);
    cie->augmented = *letters == 'z';
    if (cie->augmented)
        cie_augmentation(cie, &b, letters);
    cie->program = b;
    return !b.bad;
}

/* `entry`: an FDE's contents. */
static bool fde_read(const struct weir__module *module, struct bytes b, struct fde *fde)
{
    uint64_t here = (uint64_t)(uintptr_t)b.at;
    uint64_t back = take_fixed(&b, 4);
    if (b.bad || !back || !cie_read(module, here - back, &fde->cie))
        return false;
    fde->start = take_pointer(&b, fde->cie.encoding, 0);
    fde->end = fde->start + take_pointer(&b, fde->cie.encoding & PE_FORM, 0);
    if (fde->cie.augmented) {
        uint64_t length = take_uleb(&b);
        if (length > (uint64_t)(b.end - b.at))
            return false;
        b.at += length;
    }
    fde->program = b;
    return !b.bad;
}

static bool fde_has(const struct fde *fde, uint64_t address)
{
    return address >= fde->start && address < fde->end;
}

/* -- finding one ------------------------------------------------------------------------------ */

/* In order, where the module has no table of its functions. */
static bool fde_scan(const struct weir__module *module, struct bytes all, uint64_t address,
                     struct fde *fde)
{
    struct bytes entry;
    while (take_entry(&all, &entry)) {
        struct bytes kind = entry;
        if (take_fixed(&kind, 4) && fde_read(module, entry, fde) && fde_has(fde, address))
            return true;
    }
    return false;
}

/* The table: pairs of four bytes, an address and its entry, relative to the header, ascending. */
static uint64_t table_search(const unsigned char *table, uint64_t count, uint64_t header,
                             uint64_t address)
{
    uint64_t first = 0, behind = count;
    int32_t pair[2];
    while (first < behind) {
        uint64_t middle = first + (behind - first) / 2;
        memcpy(pair, table + 8 * middle, sizeof pair);
        if (header + (uint64_t)(int64_t)pair[0] <= address)
            first = middle + 1;
        else
            behind = middle;
    }
    if (!first)
        return 0;
    memcpy(pair, table + 8 * (first - 1), sizeof pair);
    return header + (uint64_t)(int64_t)pair[1];
}

static bool fde_find(const struct weir__module *module, uint64_t address, struct fde *fde)
{
    enum { SORTED = 0x3b }; /* signed, four bytes, relative to the header */
    uint64_t header = (uint64_t)(uintptr_t)module->table;
    struct bytes b = bytes_at(module, header), entry;
    uint64_t version = take_fixed(&b, 1);
    unsigned frame_encoding = (unsigned)take_fixed(&b, 1),
             count_encoding = (unsigned)take_fixed(&b, 1),
             table_encoding = (unsigned)take_fixed(&b, 1);
    uint64_t frames = take_pointer(&b, frame_encoding, header);
    if (b.bad || version != 1)
        return false;
    if (table_encoding != SORTED || count_encoding == PE_OMIT)
        return fde_scan(module, bytes_at(module, frames), address, fde);
    uint64_t count = take_pointer(&b, count_encoding, header);
    if (b.bad || count > (uint64_t)(b.end - b.at) / 8)
        return false;
    uint64_t at = table_search(b.at, count, header, address);
    struct bytes all = bytes_at(module, at);
    return at && take_entry(&all, &entry) && fde_read(module, entry, fde) && fde_has(fde, address);
}

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

static void operation(struct machine *m, struct bytes *b, unsigned op, uint64_t address)
{
    struct value top;
    if (op >= 0x30 && op <= 0x4f) { /* literals */
        push(m, (struct value){OF_NONE, false, op - 0x30});
    } else if (op >= 0x70 && op <= 0x8f) { /* a register and a number */
        push(m, register_value(op - 0x70, take_sleb(b), address));
    } else if (op >= 0x08 && op <= 0x0f) { /* constants of 1, 2, 4, 8 bytes */
        size_t n = (size_t)1 << (op - 0x08) / 2;
        uint64_t value = take_fixed(b, n);
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
        top.by += (int64_t)take_uleb(b);
        push(m, top);
    } else {
        combine(m, op);
    }
}

static struct value evaluate(struct bytes b, const struct value *first, uint64_t address)
{
    struct machine m = {.n = 0};
    if (first)
        push(&m, *first);
    while (b.at < b.end && !b.bad && !m.bad)
        operation(&m, &b, (unsigned)take_fixed(&b, 1), address);
    struct value top = pop(&m);
    return b.bad || m.bad ? (struct value){.of = OF_OTHER} : top;
}

/* -- programs -----------------------------------------------------------------------------------
 */

struct place {
    enum { SAME, AT_CFA, AS_SAID, UNDEFINED, ELSEWHERE } how;
    int64_t by;
    struct bytes said; /* an expression: its address */
};

struct row {
    uint64_t cfa_register;
    int64_t cfa_by;
    bool cfa_is_said;
    struct bytes cfa_said;
    struct place fp, ra, other;
};

struct run {
    const struct cie *cie;
    uint64_t address, at;
    struct row row, initial, kept[DEPTH];
    unsigned nkept;
};

static struct place *place_of(struct row *row, uint64_t number)
{
    return number == WEIR__DWARF_FP ? &row->fp : number == WEIR__DWARF_RA ? &row->ra : &row->other;
}

static struct bytes take_block(struct bytes *b)
{
    uint64_t length = take_uleb(b);
    struct bytes block = {b->at, b->at, false};
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

static void step_cfa(struct run *r, struct bytes *b, unsigned op)
{
    if (op == 0x0c || op == 0x12 || op == 0x0d)
        r->row.cfa_register = take_uleb(b);
    if (op == 0x0c || op == 0x0e)
        r->row.cfa_by = (int64_t)take_uleb(b);
    else if (op == 0x12 || op == 0x13)
        r->row.cfa_by = take_sleb(b) * r->cie->data_align;
    r->row.cfa_is_said = op == 0x0f;
    if (op == 0x0f)
        r->row.cfa_said = take_block(b);
}

static void step_remember(struct run *r, struct bytes *b, bool restores)
{
    if (restores ? !r->nkept : r->nkept == DEPTH)
        b->bad = true;
    else if (restores)
        r->row = r->kept[--r->nkept];
    else
        r->kept[r->nkept++] = r->row;
}

static void step_register(struct run *r, struct bytes *b, unsigned op)
{
    uint64_t number = take_uleb(b);
    int64_t align = r->cie->data_align;
    switch (op) {
    case 0x05:
        put_place(r, number, AT_CFA, (int64_t)take_uleb(b) * align);
        break;
    case 0x11:
        put_place(r, number, AT_CFA, take_sleb(b) * align);
        break;
    case 0x2f:
        put_place(r, number, AT_CFA, -(int64_t)take_uleb(b) * align);
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
            take_uleb(b);
    }
}

/* False: what follows is of addresses behind the one that is asked for. */
static bool advance(struct run *r, uint64_t by)
{
    r->at += by * r->cie->code_align;
    return r->at <= r->address;
}

static bool step(struct run *r, struct bytes *b)
{
    unsigned op = (unsigned)take_fixed(b, 1), low = op & 0x3f;
    if (op >> 6 == 1)
        return advance(r, low);
    if (op >> 6 == 2)
        put_place(r, low, AT_CFA, (int64_t)take_uleb(b) * r->cie->data_align);
    else if (op >> 6 == 3)
        restore(r, low);
    else if (op == 0x01) {
        r->at = take_pointer(b, r->cie->encoding, 0);
        return r->at <= r->address;
    } else if (op >= 0x02 && op <= 0x04)
        return advance(r, take_fixed(b, (size_t)1 << (op - 2)));
    else if (op == 0x0a || op == 0x0b)
        step_remember(r, b, op == 0x0b);
    else if ((op >= 0x0c && op <= 0x0f) || op == 0x12 || op == 0x13)
        step_cfa(r, b, op);
    else if (op == 0x2e)
        take_uleb(b);
    else if ((op >= 0x05 && op <= 0x09) || op == 0x10 || op == 0x11 || (op >= 0x14 && op <= 0x16) ||
             op == 0x2f)
        step_register(r, b, op);
    else if (op != 0x00 && op != 0x2d) /* 2d: the return address is signed from here on, or not */
        b->bad = true;
    return true;
}

static bool run(struct run *r, struct bytes program)
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
    struct fde fde;
    if (!module->table || !fde_find(module, address, &fde))
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
