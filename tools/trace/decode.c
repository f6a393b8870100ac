/* tools/trace/decode.c - see decode.h and docs/internals/trace-format.md. */
#include "tools/trace/decode.h"

#include <string.h>

bool trace_decoder_begin(struct trace_decoder *d, const unsigned char *payload, size_t n)
{
    struct trace_cursor *c = &d->cursor;
    *c = (struct trace_cursor){payload, payload + n, false};
    d->thread = (uint32_t)cursor_varint(c);
    d->tid = (uint32_t)cursor_varint(c);
    d->number = cursor_varint(c);
    d->ticks = cursor_varint(c);
    d->left = cursor_varint(c);
    d->address = 0;
    memset(d->slots, 0, sizeof d->slots);
    memset(d->shapes, 0, sizeof d->shapes);
    return !c->bad;
}

static void decode_address(struct trace_decoder *d, unsigned head)
{
    struct trace_cursor *c = &d->cursor;
    if (head & WEIR__TRACE_ADDRESS)
        d->address += cursor_svarint(c) * (head & WEIR__TRACE_UNALIGNED ? 1 : 16);
    else
        d->address = d->slots[cursor_byte(c)];
    d->slots[weir__trace_slot(d->address)] = d->address;
}

static void decode_shape(struct trace_decoder *d, unsigned head, struct trace_record *record)
{
    struct trace_cursor *c = &d->cursor;
    unsigned slot = cursor_byte(c);
    if (slot >= WEIR__TRACE_SHAPES) {
        cursor_bad(c);
        return;
    }
    struct trace_shape *shape = &d->shapes[slot];
    if (head & WEIR__TRACE_SHAPE) {
        shape->requested = cursor_varint(c);
        shape->usable = shape->requested + cursor_varint(c);
        uint64_t align_shift = cursor_varint(c);
        shape->context = (uint32_t)cursor_number(c);
        shape->tag = (uint32_t)cursor_varint(c);
        shape->align_shift = (uint8_t)align_shift;
        shape->set = align_shift < 64;
    }
    if (!shape->set)
        cursor_bad(c);
    record->requested = shape->requested;
    record->usable = shape->usable;
    record->align_shift = shape->align_shift;
    record->context = shape->context;
    record->tag = shape->tag;
    /* A note that said so came before; without one it is as the last time. */
    if (record->kind == TRACE_RECORD_ALLOCATE) {
        shape->stack = record->stacked ? record->stack : shape->stack;
        record->stack = shape->stack;
    }
}

static void decode_block(struct trace_decoder *d, unsigned head, struct trace_record *record)
{
    struct trace_cursor *c = &d->cursor;
    unsigned kind = head & WEIR__TRACE_KIND_MASK;
    d->number += 1 + (head & WEIR__TRACE_NUMBER ? cursor_svarint(c) : 0);
    if (head & WEIR__TRACE_TIME)
        d->ticks += cursor_varint(c);
    decode_address(d, head);
    record->address = d->address;
    if (kind == WEIR__TRACE_FREE) {
        record->kind = TRACE_RECORD_FREE;
        record->sized = head & WEIR__TRACE_SHAPE;
        if (record->sized)
            record->requested = cursor_varint(c);
        return;
    }
    record->kind = kind == WEIR__TRACE_ALLOCATE ? TRACE_RECORD_ALLOCATE : TRACE_RECORD_RESIZE;
    decode_shape(d, head, record);
    if (kind == WEIR__TRACE_MOVE)
        record->from = record->address + cursor_svarint(c);
}

static void decode_failed(struct trace_cursor *c, struct trace_record *record)
{
    record->kind = TRACE_RECORD_FAILED;
    record->requested = cursor_varint(c);
    record->align_shift = (uint8_t)(cursor_varint(c) & 63);
    record->context = (uint32_t)cursor_varint(c);
    record->tag = (uint32_t)cursor_varint(c);
    record->detail = (uint32_t)cursor_varint(c);
}

static void decode_payload(unsigned sub, struct trace_cursor *c, struct trace_record *record)
{
    static const uint8_t kinds[] = {[WEIR__TRACE_MARK_BEGIN] = TRACE_RECORD_MARK_BEGIN,
                                    [WEIR__TRACE_MARK_END] = TRACE_RECORD_MARK_END,
                                    [WEIR__TRACE_REGION_TAKEN] = TRACE_RECORD_REGION_TAKEN,
                                    [WEIR__TRACE_REGION_GIVEN] = TRACE_RECORD_REGION_GIVEN,
                                    [WEIR__TRACE_MAPPED] = TRACE_RECORD_MAPPED,
                                    [WEIR__TRACE_UNMAPPED] = TRACE_RECORD_UNMAPPED};
    record->kind = sub < sizeof kinds ? kinds[sub] : TRACE_RECORD_UNKNOWN;
    if (sub == WEIR__TRACE_FAILED) {
        decode_failed(c, record);
    } else if (sub == WEIR__TRACE_ADJUSTED) {
        record->kind = TRACE_RECORD_ADJUSTED;
        record->bytes = (int64_t)cursor_svarint(c);
        record->blocks = (int64_t)cursor_svarint(c);
    } else if (sub == WEIR__TRACE_DESTROYED) {
        record->kind = TRACE_RECORD_DESTROYED;
        record->context = (uint32_t)cursor_varint(c);
        record->bytes = (int64_t)cursor_varint(c);
        record->blocks = (int64_t)cursor_varint(c);
    } else if (sub == WEIR__TRACE_MARK_BEGIN || sub == WEIR__TRACE_MARK_END) {
        record->detail = (uint32_t)cursor_varint(c);
        record->name = (uint32_t)cursor_varint(c);
    } else if (record->kind != TRACE_RECORD_UNKNOWN) {
        record->address = cursor_varint(c);
        record->requested = cursor_varint(c);
    }
    if (sub == WEIR__TRACE_MAPPED) {
        record->detail = (uint32_t)cursor_varint(c);
        record->stack = (uint32_t)cursor_varint(c);
    }
}

static void decode_other(struct trace_decoder *d, unsigned sub, struct trace_record *record)
{
    struct trace_cursor *c = &d->cursor;
    size_t length;
    d->number += 1 + cursor_svarint(c);
    d->ticks += cursor_varint(c);
    const unsigned char *payload = cursor_string(c, &length);
    struct trace_cursor inner = {payload, payload + length, false};
    if (sub == 0)
        cursor_bad(c);
    decode_payload(sub, &inner, record);
    c->bad |= inner.bad;
}

static void decode_note(struct trace_cursor *c, unsigned sub, struct trace_record *record)
{
    size_t length;
    const unsigned char *payload = cursor_string(c, &length);
    struct trace_cursor inner = {payload, payload + length, false};
    if (sub == WEIR__TRACE_NOTE_BEFORE) {
        record->before = cursor_varint(&inner);
        record->sized = true;
    } else if (sub == WEIR__TRACE_NOTE_STACK) {
        record->stack = (uint32_t)cursor_varint(&inner);
        record->stacked = true;
    }
    c->bad |= inner.bad;
}

int trace_decoder_next(struct trace_decoder *d, struct trace_record *record)
{
    struct trace_cursor *c = &d->cursor;
    if (!d->left)
        return 0;
    d->left--;
    *record = (struct trace_record){.thread = d->thread, .tid = d->tid};
    unsigned head = cursor_byte(c);
    while ((head & WEIR__TRACE_KIND_MASK) == WEIR__TRACE_OTHER &&
           head >> WEIR__TRACE_SUB_SHIFT >= WEIR__TRACE_NOTES && !c->bad) {
        decode_note(c, head >> WEIR__TRACE_SUB_SHIFT, record);
        head = cursor_byte(c);
    }
    if ((head & WEIR__TRACE_KIND_MASK) > WEIR__TRACE_MOVE)
        cursor_bad(c);
    else if ((head & WEIR__TRACE_KIND_MASK) == WEIR__TRACE_OTHER)
        decode_other(d, head >> WEIR__TRACE_SUB_SHIFT, record);
    else
        decode_block(d, head, record);
    record->number = d->number;
    record->ticks = d->ticks;
    return c->bad ? -1 : 1;
}
