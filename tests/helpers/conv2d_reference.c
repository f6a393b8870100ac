/*
 * conv2d_reference IMAGE: the network of examples/conv2d without weir, without
 * im2col and in double: each output element by its definition, straight from the file.
 * Reads scores (one a line) from standard input and fails unless they are those, within
 * what float arithmetic may lose.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int channels, height, width;
static double *image;

static double weight(unsigned layer, unsigned i, unsigned inputs)
{
    uint32_t x = (uint32_t)(layer * 16777216u + i);
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    /* NOLINTNEXTLINE(bugprone-integer-division): its upper 24 bits */
    return ((x / 256) / 8388608.0 - 1) * sqrt(3.0 / inputs);
}

static void image_read(const char *path)
{
    char kind;
    int maximum, c;
    FILE *file = fopen(path, "rb");
    if (!file || fscanf(file, "P%c", &kind) != 1)
        exit(99);
    while ((c = getc(file)) == '\n' || c == '#')
        if (c == '#')
            while (getc(file) != '\n')
                continue;
    ungetc(c, file);
    if (fscanf(file, "%d %d %d", &width, &height, &maximum) != 3 || maximum != 255)
        exit(99);
    getc(file);
    channels = kind == '6' ? 3 : 1;
    image = malloc(sizeof *image * (size_t)(channels * height * width));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int i = 0; i < channels; i++)
                image[(i * height + y) * width + x] = getc(file) / 255.0;
    fclose(file);
}

/* ReLU of the 3 x 3 convolution at one place. */
static double conv_at(const double *in, int inputs, int h, int w, unsigned layer, int output, int y,
                      int x)
{
    double sum = 0;
    for (int i = 0; i < inputs; i++)
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++)
                if (y + dy >= 0 && y + dy < h && x + dx >= 0 && x + dx < w)
                    sum +=
                        in[(i * h + y + dy) * w + x + dx] *
                        weight(layer, (unsigned)(((output * inputs + i) * 3 + dy + 1) * 3 + dx + 1),
                               (unsigned)inputs * 9);
    return sum > 0 ? sum : 0;
}

static double *conv_pool(const double *in, int inputs, int h, int w, unsigned layer, int outputs)
{
    double *out = malloc(sizeof *out * (size_t)(outputs * (h / 2) * (w / 2)));
    for (int o = 0; o < outputs; o++)
        for (int y = 0; y < h / 2; y++)
            for (int x = 0; x < w / 2; x++) {
                double most = 0;
                for (int corner = 0; corner < 4; corner++)
                    most = fmax(most, conv_at(in, inputs, h, w, layer, o, 2 * y + corner / 2,
                                              2 * x + corner % 2));
                out[(o * (h / 2) + y) * (w / 2) + x] = most;
            }
    return out;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 99;
    image_read(argv[1]);
    double *first = conv_pool(image, channels, height, width, 1, 8);
    double *second = conv_pool(first, 8, height / 2, width / 2, 2, 16);
    unsigned flat = 16u * (unsigned)(height / 2 / 2) * (unsigned)(width / 2 / 2);
    for (unsigned i = 0; i < 10; i++) {
        double expected = 0, size = 0, score;
        for (unsigned j = 0; j < flat; j++) {
            double term = second[j] * weight(3, i * flat + j, flat);
            expected += term;
            size += fabs(term);
        }
        if (scanf("%lf", &score) != 1 || !(fabs(score - expected) < 1e-6 * size)) {
            fprintf(stderr, "score %u is %.9g, not %.9g\n", i, score, expected);
            return 1;
        }
    }
    free(image);
    free(first);
    free(second);
    return getchar() == '\n' && getchar() == EOF ? 0 : 1;
}
