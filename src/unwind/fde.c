/* unwind/fde.c - see fde.h. */
#include "unwind/fde.h"

#include <string.h>

/* -- entries ----------------------------------------------------------------------------------- */

/* The contents of the entry at b, which goes on behind it; false: the last one, or bad. */
static bool take_entry(struct weir__bytes *b, struct weir__bytes *entry)
{
    uint64_t length = weir__take_fixed(b, 4);
    if (length == 0xffffffff)
        length = weir__take_fixed(b, 8);
    if (b->bad || !length || length > (uint64_t)(b->end - b->at))
        return false;
    *entry = (struct weir__bytes){b->at, b->at + length, false};
    b->at += length;
    return true;
}

static void cie_augmentation(struct weir__cie *cie, struct weir__bytes *b, const char *letters)
{
    uint64_t length = weir__take_uleb(b);
    if (length > (uint64_t)(b->end - b->at)) {
        b->bad = true;
        return;
    }
    const unsigned char *behind = b->at + length;
    for (const char *c = letters + 1; *c; c++) {
        if (*c == 'R')
            cie->encoding = (unsigned)weir__take_fixed(b, 1);
        else if (*c == 'L')
            weir__take_fixed(b, 1);
        else if (*c == 'P')
            weir__take_pointer(b, (unsigned)weir__take_fixed(b, 1) & ~(unsigned)WEIR__PE_INDIRECT,
                               0);
        else if (*c == 'S')
            cie->signal = true;
        else if (*c != 'B' && *c != 'G')
            break;
    }
    b->at = behind;
}

static bool cie_read(const struct weir__module *module, uint64_t address, struct weir__cie *cie)
{
    struct weir__bytes all = weir__bytes_at(module, address), b;
    *cie = (struct weir__cie){.encoding = 0};
    if (!take_entry(&all, &b) || weir__take_fixed(&b, 4) != 0)
        return false;
    uint64_t version = weir__take_fixed(&b, 1);
    const char *letters = (const char *)b.at;
    size_t left = (size_t)(b.end - b.at), n = strnlen(letters, left);
    if (n == left)
        return false;
    b.at += n + 1;
    if (b.bad || (version != 1 && version != 3) || (*letters && *letters != 'z'))
        return false;
    cie->code_align = weir__take_uleb(&b);
    cie->data_align = weir__take_sleb(&b);
    cie->return_register = version == 1 ? weir__take_fixed(&b, 1) : weir__take_uleb(&b);
    cie->augmented = *letters == 'z';
    if (cie->augmented)
        cie_augmentation(cie, &b, letters);
    cie->program = b;
    return !b.bad;
}

/* `entry`: an FDE's contents. */
static bool fde_read(const struct weir__module *module, struct weir__bytes b, struct weir__fde *fde)
{
    uint64_t here = (uint64_t)(uintptr_t)b.at;
    uint64_t back = weir__take_fixed(&b, 4);
    if (b.bad || !back || !cie_read(module, here - back, &fde->cie))
        return false;
    fde->start = weir__take_pointer(&b, fde->cie.encoding, 0);
    fde->end = fde->start + weir__take_pointer(&b, fde->cie.encoding & WEIR__PE_FORM, 0);
    if (fde->cie.augmented) {
        uint64_t length = weir__take_uleb(&b);
        if (length > (uint64_t)(b.end - b.at))
            return false;
        b.at += length;
    }
    fde->program = b;
    return !b.bad;
}

static bool fde_has(const struct weir__fde *fde, uint64_t address)
{
    return address >= fde->start && address < fde->end;
}

/* -- finding one ------------------------------------------------------------------------------ */

/* In order, where the module has no table of its functions. */
static bool fde_scan(const struct weir__module *module, struct weir__bytes all, uint64_t address,
                     struct weir__fde *fde)
{
    struct weir__bytes entry;
    while (take_entry(&all, &entry)) {
        struct weir__bytes kind = entry;
        if (weir__take_fixed(&kind, 4) && fde_read(module, entry, fde) && fde_has(fde, address))
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

bool weir__fde_find(const struct weir__module *module, uint64_t address, struct weir__fde *fde)
{
    enum { SORTED = 0x3b }; /* signed, four bytes, relative to the header */
    uint64_t header = (uint64_t)(uintptr_t)module->table;
    struct weir__bytes b = weir__bytes_at(module, header), entry;
    uint64_t version = weir__take_fixed(&b, 1);
    unsigned frame_encoding = (unsigned)weir__take_fixed(&b, 1),
             count_encoding = (unsigned)weir__take_fixed(&b, 1),
             table_encoding = (unsigned)weir__take_fixed(&b, 1);
    uint64_t frames = weir__take_pointer(&b, frame_encoding, header);
    if (b.bad || version != 1)
        return false;
    if (table_encoding != SORTED || count_encoding == WEIR__PE_OMIT)
        return fde_scan(module, weir__bytes_at(module, frames), address, fde);
    uint64_t count = weir__take_pointer(&b, count_encoding, header);
    if (b.bad || count > (uint64_t)(b.end - b.at) / 8)
        return false;
    uint64_t at = table_search(b.at, count, header, address);
    struct weir__bytes all = weir__bytes_at(module, at);
    return at && take_entry(&all, &entry) && fde_read(module, entry, fde) && fde_has(fde, address);
}
