/*
 * pool/class.c - the size-class tables. Generated once from the rule in class.h
 * and held to it by tests/unit/class.c; constant, so no start-up order matters.
 */
#include "pool/class.h"

_Static_assert(WEIR__MAP_SIZE == 1025, "the maps below cover WEIR__SMALL_MAX");
_Static_assert(WEIR__CLASSES <= 64, "a bit each in weir__cache.used");

const uint16_t weir__class_bytes[WEIR__CLASSES] = {
    0,    16,   32,   48,   64,   80,    96,    112,   128,   144,   160,   176,   192,
    208,  224,  256,  288,  320,  352,   384,   416,   448,   480,   512,   576,   640,
    704,  768,  832,  896,  960,  1024,  1152,  1280,  1408,  1536,  1664,  1792,  1920,
    2048, 2304, 2560, 2816, 3072, 3328,  3584,  3840,  4096,  4608,  5120,  5632,  6144,
    6656, 7168, 7680, 8192, 9216, 10240, 11264, 12288, 13312, 14336, 15360, 16384,
};

const uint16_t weir__class_least[WEIR__CLASSES] = {
    0,    1,    1,    33,   1,    65,   65,    97,    65,    129,   129,   161,   129,
    193,  193,  193,  257,  257,  321,  321,   385,   385,   449,   449,   513,   577,
    641,  705,  769,  833,  897,  961,  1025,  1153,  1281,  1409,  1537,  1665,  1793,
    1921, 2049, 2305, 2561, 2817, 3073, 3329,  3585,  3841,  4097,  4609,  5121,  5633,
    6145, 6657, 7169, 7681, 8193, 9217, 10241, 11265, 12289, 13313, 14337, 15361,
};

const uint16_t weir__class_map16[WEIR__MAP_SIZE] = {
    [0] = 0,
    [1] = 32,
    [2] = 64,
    [3] = 96,
    [4] = 128,
    [5] = 160,
    [6] = 192,
    [7] = 224,
    [8] = 256,
    [9] = 288,
    [10] = 320,
    [11] = 352,
    [12] = 384,
    [13] = 416,
    [14] = 448,
    [15 ... 16] = 480,
    [17 ... 18] = 512,
    [19 ... 20] = 544,
    [21 ... 22] = 576,
    [23 ... 24] = 608,
    [25 ... 26] = 640,
    [27 ... 28] = 672,
    [29 ... 30] = 704,
    [31 ... 32] = 736,
    [33 ... 36] = 768,
    [37 ... 40] = 800,
    [41 ... 44] = 832,
    [45 ... 48] = 864,
    [49 ... 52] = 896,
    [53 ... 56] = 928,
    [57 ... 60] = 960,
    [61 ... 64] = 992,
    [65 ... 72] = 1024,
    [73 ... 80] = 1056,
    [81 ... 88] = 1088,
    [89 ... 96] = 1120,
    [97 ... 104] = 1152,
    [105 ... 112] = 1184,
    [113 ... 120] = 1216,
    [121 ... 128] = 1248,
    [129 ... 144] = 1280,
    [145 ... 160] = 1312,
    [161 ... 176] = 1344,
    [177 ... 192] = 1376,
    [193 ... 208] = 1408,
    [209 ... 224] = 1440,
    [225 ... 240] = 1472,
    [241 ... 256] = 1504,
    [257 ... 288] = 1536,
    [289 ... 320] = 1568,
    [321 ... 352] = 1600,
    [353 ... 384] = 1632,
    [385 ... 416] = 1664,
    [417 ... 448] = 1696,
    [449 ... 480] = 1728,
    [481 ... 512] = 1760,
    [513 ... 576] = 1792,
    [577 ... 640] = 1824,
    [641 ... 704] = 1856,
    [705 ... 768] = 1888,
    [769 ... 832] = 1920,
    [833 ... 896] = 1952,
    [897 ... 960] = 1984,
    [961 ... 1024] = 2016,
};

const uint16_t weir__class_map64[WEIR__MAP_SIZE] = {
    [0] = 0,
    [1 ... 4] = 128,
    [5 ... 8] = 256,
    [9 ... 12] = 384,
    [13 ... 16] = 480,
    [17 ... 20] = 544,
    [21 ... 24] = 608,
    [25 ... 28] = 672,
    [29 ... 32] = 736,
    [33 ... 36] = 768,
    [37 ... 40] = 800,
    [41 ... 44] = 832,
    [45 ... 48] = 864,
    [49 ... 52] = 896,
    [53 ... 56] = 928,
    [57 ... 60] = 960,
    [61 ... 64] = 992,
    [65 ... 72] = 1024,
    [73 ... 80] = 1056,
    [81 ... 88] = 1088,
    [89 ... 96] = 1120,
    [97 ... 104] = 1152,
    [105 ... 112] = 1184,
    [113 ... 120] = 1216,
    [121 ... 128] = 1248,
    [129 ... 144] = 1280,
    [145 ... 160] = 1312,
    [161 ... 176] = 1344,
    [177 ... 192] = 1376,
    [193 ... 208] = 1408,
    [209 ... 224] = 1440,
    [225 ... 240] = 1472,
    [241 ... 256] = 1504,
    [257 ... 288] = 1536,
    [289 ... 320] = 1568,
    [321 ... 352] = 1600,
    [353 ... 384] = 1632,
    [385 ... 416] = 1664,
    [417 ... 448] = 1696,
    [449 ... 480] = 1728,
    [481 ... 512] = 1760,
    [513 ... 576] = 1792,
    [577 ... 640] = 1824,
    [641 ... 704] = 1856,
    [705 ... 768] = 1888,
    [769 ... 832] = 1920,
    [833 ... 896] = 1952,
    [897 ... 960] = 1984,
    [961 ... 1024] = 2016,
};

int weir__class_of(size_t size, size_t alignment)
{
    weir__assert(weir__is_power_of_two(alignment));
    if (size > WEIR__SMALL_MAX || alignment > WEIR__SMALL_MAX)
        return -1;
    if (weir__likely(alignment == WEIR__EMPTY_STRIDE))
        return weir__class_map64[weir__class_index(size)] >> WEIR__BIN_SHIFT;
    if (!size && alignment <= WEIR__EMPTY_STRIDE)
        return WEIR__CLASS_EMPTY;
    size_t least = weir__max(size, alignment);
    unsigned sizeclass = weir__class_map16[weir__class_index(least)] >> WEIR__BIN_SHIFT;
    while (sizeclass < WEIR__CLASSES && weir__class_bytes[sizeclass] & (alignment - 1))
        sizeclass++;
    return sizeclass < WEIR__CLASSES ? (int)sizeclass : -1;
}

/* Blocks up to here move WEIR__BATCH_MAX at a time; larger ones 16 KiB at a time, but two. */
#define BATCH_FULL  ((size_t)512)
#define BATCH_BYTES ((size_t)16384)
#define BATCH_LEAST ((size_t)2)

#define DEPOT_FULL  (256 * WEIR__KIB) /* of blocks up to BATCH_FULL */
#define DEPOT_OTHER (64 * WEIR__KIB)

unsigned weir__class_batch(unsigned sizeclass)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    size_t size = weir__class_stride(sizeclass);
    return (unsigned)(size <= BATCH_FULL ? WEIR__BATCH_MAX
                                         : weir__max(BATCH_BYTES / size, BATCH_LEAST));
}

unsigned weir__class_depot(unsigned sizeclass)
{
    weir__assert(sizeclass < WEIR__CLASSES);
    size_t size = weir__class_stride(sizeclass), batch = weir__class_batch(sizeclass);
    size_t bytes = size <= BATCH_FULL ? DEPOT_FULL : DEPOT_OTHER;
    return (unsigned)(weir__min(bytes / (batch * size) + 1, WEIR__DEPOT_MAX / batch) * batch);
}
