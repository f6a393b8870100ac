/*
 * tools/report/protobuf.h - messages of protocol buffers, written field by field. Owns the bytes
 * of each message; a message is its caller's. All zero: empty.
 */
#ifndef WEIR_TOOLS_REPORT_PROTOBUF_H
#define WEIR_TOOLS_REPORT_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

struct protobuf {
    unsigned char *bytes;
    size_t n, room;
};

void protobuf_count(struct protobuf *message, unsigned field, uint64_t value);
void protobuf_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t n);
void protobuf_text(struct protobuf *message, unsigned field, const char *text);

/* A message in a message, which is empty from here on. */
void protobuf_nested(struct protobuf *message, unsigned field, struct protobuf *nested);

/* Elements of a packed field: added to `list`, which is then a field like a nested message. */
void protobuf_element(struct protobuf *list, uint64_t value);

void protobuf_free(struct protobuf *message);

#endif
