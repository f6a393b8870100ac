/* netpbm.c - the reader. Trusts nothing in the file. */
#include "netpbm.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SIDE_MOST 16384

struct header {
    int channels; /* 1 or 3 */
    bool text;    /* samples as decimal numbers */
    unsigned width, height, maximum;
};

/* The next decimal number, past white space and comments; false: there is none. */
static bool number_read(FILE *file, unsigned *value)
{
    int c = getc(file);
    while (isspace(c) || c == '#') {
        while (c == '#' && (c = getc(file)) != '\n' && c != EOF)
            c = '#';
        if (c != EOF)
            c = getc(file);
    }
    if (!isdigit(c))
        return false;
    for (*value = 0; isdigit(c); c = getc(file)) {
        if (*value > 1000000)
            return false;
        *value = *value * 10 + (unsigned)(c - '0');
    }
    return c == EOF || isspace(c); /* exactly one white-space character is taken */
}

/* NULL, or what is wrong. */
static const char *header_read(FILE *file, struct header *h)
{
    int p = getc(file), kind = getc(file);
    if (p != 'P' || !kind || !strchr("2356", kind))
        return "neither a PGM nor a PPM image (P2, P3, P5 or P6)";
    h->text = kind <= '3';
    h->channels = kind == '3' || kind == '6' ? 3 : 1;
    if (!number_read(file, &h->width) || !number_read(file, &h->height) ||
        !number_read(file, &h->maximum))
        return "the header is damaged";
    if (h->width < 1 || h->height < 1 || h->width > SIDE_MOST || h->height > SIDE_MOST)
        return "a side of the image is 0 or over 16384";
    if (h->maximum < 1 || h->maximum > 65535)
        return "the greatest sample must be 1 to 65535";
    return NULL;
}

static bool sample_read(FILE *file, const struct header *h, unsigned *sample)
{
    if (h->text)
        return number_read(file, sample);
    int high = h->maximum > 255 ? getc(file) : 0, low = getc(file);
    *sample = (unsigned)high << 8 | (unsigned)low;
    return high != EOF && low != EOF;
}

/* The file has pixel after pixel, the tensor channel after channel. */
static const char *samples_read(FILE *file, const struct header *h, float *planes)
{
    size_t pixels = (size_t)h->width * h->height;
    for (size_t i = 0; i < pixels; i++)
        for (int channel = 0; channel < h->channels; channel++) {
            unsigned sample;
            if (!sample_read(file, h, &sample))
                return "the file ends before the image does";
            if (sample > h->maximum)
                return "a sample is over the greatest that the header names";
            planes[(size_t)channel * pixels + i] = (float)sample / (float)h->maximum;
        }
    return NULL;
}

weir_tensor *netpbm_read(const char *path, weir_allocator *a, char *why, size_t size)
{
    struct header h;
    weir_tensor *image = NULL;
    FILE *file = fopen(path, "rb");
    if (!file) {
        snprintf(why, size, "%s: %s", path, strerror(errno));
        return NULL;
    }
    const char *wrong = header_read(file, &h);
    if (!wrong) {
        const int64_t shape[] = {h.channels, h.height, h.width};
        image = weir_tensor_create_in(a, shape, 3, WEIR_FLOAT32);
        wrong = image ? samples_read(file, &h, weir_tensor_data(image)) : weir_last_error();
    }
    if (wrong) {
        snprintf(why, size, "%s: %s", path, ferror(file) ? strerror(errno) : wrong);
        weir_tensor_release(image);
        image = NULL;
    }
    fclose(file);
    return image;
}
