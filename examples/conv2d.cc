/*
 * conv2d.cc - what conv2d.c does, over weir.hpp: the same network, weights and output.
 *
 *     conv2d-cxx [--scores] [--runs N] IMAGE.pgm|ppm
 *
 * Everything goes with its scope; the col_buffer returns to its pool by itself.
 */
#include "netpbm.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <weir/weir.hpp>

using weir::DataType;
using weir::Shape;
using weir::Tensor;

static constexpr std::size_t classes = 10;

/* out (rows x columns) = a (rows x inner) * b (inner x columns) */
static void matmul(float *out, const float *a, const float *b, std::size_t rows, std::size_t inner,
                   std::size_t columns)
{
    std::fill(out, out + rows * columns, 0.0f);
    for (std::size_t i = 0; i < rows; i++)
        for (std::size_t k = 0; k < inner; k++)
            for (std::size_t j = 0; j < columns; j++)
                out[i * columns + j] += a[i * inner + k] * b[k * columns + j];
}

/* Row (c * 3 + dy) * 3 + dx: the input's channel c, shifted by (dy - 1, dx - 1), with zeros
 * around it. */
static void im2col(float *col, const Tensor &in)
{
    const std::int64_t h = in.extent(1), w = in.extent(2);
    for (std::int64_t c = 0; c < in.extent(0); c++)
        for (std::int64_t d = 0; d < 9; d++)
            for (std::int64_t y = 0; y < h; y++)
                for (std::int64_t x = 0; x < w; x++) {
                    std::int64_t from_y = y + d / 3 - 1, from_x = x + d % 3 - 1;
                    bool inside = from_y >= 0 && from_y < h && from_x >= 0 && from_x < w;
                    *col++ = inside ? in.data<float>()[(c * h + from_y) * w + from_x] : 0;
                }
}

class Network
{
  public:
    /* For images of this shape: channels, height, width. */
    explicit Network(const Tensor &image)
        : conv1_(weights({8, image.extent(0), 3, 3}, 1)), conv2_(weights({16, 8, 3, 3}, 2)),
          dense_(weights({classes, 16 * (image.extent(1) / 2 / 2) * (image.extent(2) / 2 / 2)}, 3))
    {
    }

    Tensor forward(const Tensor &image)
    {
        Tensor x = max_pool(conv_relu(image, conv1_));
        x = max_pool(conv_relu(x, conv2_)).reshape({-1});
        Tensor scores = Tensor::create({classes}, DataType::FLOAT32, activations_context_);
        matmul(scores.data<float>(), dense_.data<float>(), x.data<float>(), classes,
               x.element_count(), 1);
        return scores;
    }

    void print(const char *when) const
    {
        auto pool = scratch_.stats();
        std::printf("%s\n", when);
        print(weights_context_);
        print(activations_context_);
        std::printf("  col_buffer   %zu from the pool, %zu new, %.1f KB idle\n", pool.hits,
                    pool.misses, static_cast<double>(pool.idle_bytes) / 1024);
    }

  private:
    /* As weights_fill in conv2d.c. */
    Tensor weights(const Shape &shape, std::uint32_t seed)
    {
        Tensor t = Tensor::create(shape, DataType::FLOAT32, weights_context_);
        auto inputs = t.element_count() / static_cast<std::size_t>(t.extent(0));
        float scale = std::sqrt(3.0f / static_cast<float>(inputs));
        for (std::size_t i = 0; i < t.element_count(); i++) {
            std::uint32_t x = (seed << 24) + static_cast<std::uint32_t>(i);
            x = (x ^ x >> 16) * 0x7feb352du;
            x = (x ^ x >> 15) * 0x846ca68bu;
            x ^= x >> 16;
            t.data<float>()[i] = (static_cast<float>(x >> 8) / 8388608.0f - 1.0f) * scale;
        }
        return t;
    }

    Tensor conv_relu(const Tensor &in, const Tensor &kernel)
    {
        auto columns = static_cast<std::size_t>(in.extent(1) * in.extent(2));
        auto inner = static_cast<std::size_t>(in.extent(0)) * 9;
        Tensor out = Tensor::create({kernel.extent(0), in.extent(1), in.extent(2)},
                                    DataType::FLOAT32, activations_context_);
        auto col_buffer = scratch_.acquire(inner * columns);
        im2col(col_buffer.data(), in);
        matmul(out.data<float>(), kernel.data<float>(), col_buffer.data(),
               static_cast<std::size_t>(kernel.extent(0)), inner, columns);
        float *first = out.data<float>();
        std::transform(first, first + out.element_count(), first,
                       [](float v) { return std::max(v, 0.0f); });
        return out;
    }

    Tensor max_pool(const Tensor &in)
    {
        const std::int64_t c = in.extent(0), h = in.extent(1), w = in.extent(2);
        Tensor out = Tensor::create({c, h / 2, w / 2}, DataType::FLOAT32, activations_context_);
        float *to = out.data<float>();
        for (std::int64_t i = 0; i < c; i++)
            for (std::int64_t y = 0; y < h / 2; y++)
                for (std::int64_t x = 0; x < w / 2; x++) {
                    const float *at = in.data<float>() + (i * h + 2 * y) * w + 2 * x;
                    *to++ = std::max(std::max(at[0], at[1]), std::max(at[w], at[w + 1]));
                }
        return out;
    }

    static void print(const weir::Allocator &a)
    {
        std::printf("  %-12s %8.1f KB live in %zu blocks, peak %.1f KB\n", a.name().c_str(),
                    static_cast<double>(a.total_allocated()) / 1024, a.allocation_count(),
                    static_cast<double>(a.peak_allocated()) / 1024);
    }

    /* In this order: tensors go before the context they are in. */
    weir::Context weights_context_{"weights"}, activations_context_{"activations"};
    weir::BufferPool scratch_;
    Tensor conv1_, conv2_, dense_;
};

static Tensor image_read(const std::string &path)
{
    char why[300];
    weir_tensor *image = netpbm_read(path.c_str(), weir_cpu_allocator(), why, sizeof why);
    if (!image)
        throw std::runtime_error(why);
    Tensor t = Tensor::adopt(image);
    if (t.extent(1) < 4 || t.extent(2) < 4)
        throw std::runtime_error(path + ": the image must be at least 4 x 4");
    return t;
}

static void run(const std::string &path, long runs, bool only_scores)
{
    Tensor image = image_read(path);
    Network model(image);
    if (!only_scores)
        model.print("before");
    Tensor scores = model.forward(image);
    for (long i = 1; i < runs; i++) {
        scores = Tensor();
        scores = model.forward(image);
    }
    if (!only_scores)
        model.print("after");
    for (std::size_t i = 0; i < classes; i++) {
        double score = static_cast<double>(scores.data<float>()[i]);
        std::printf(only_scores ? "%.7g\n" : i ? " %.4f" : "scores %.4f", score);
    }
    if (!only_scores)
        std::printf("\n");
    scores = Tensor(); /* before the context that it is in */
}

static int usage()
{
    std::fprintf(stderr, "usage: conv2d-cxx [--scores] [--runs N] IMAGE.pgm|ppm\n");
    return 2;
}

/* The figures of the stretch, and whether anything of it is left. */
static bool watched(const std::string &path, long runs, bool only_scores)
{
    auto allocator = weir::CPUAllocator::get_instance();
    std::size_t before = allocator->allocation_count();
    std::uint64_t checkpoint = weir_checkpoint(allocator->handle());
    weir::MemoryProfiler profiler;
    profiler.start();
    run(path, runs, only_scores);
    if (!only_scores)
        profiler.report("conv2d");
    bool leaked = allocator->allocation_count() != before;
    if (leaked)
        weir_leaks_print(stderr, allocator->handle(), checkpoint);
    else if (!only_scores)
        std::printf("no leaks\n");
    return leaked;
}

int main(int argc, char **argv)
{
    bool only_scores = false;
    long runs = 3;
    char *end = nullptr;
    const char *path = nullptr;
    for (int i = 1; i < argc; i++) {
        if (std::strcmp(argv[i], "--scores") == 0)
            only_scores = true;
        else if (std::strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = std::strtol(argv[++i], &end, 10);
        else if (argv[i][0] == '-' || path)
            return usage();
        else
            path = argv[i];
    }
    if (!path || runs < 1 || (end && *end))
        return usage();
    try {
        return watched(path, runs, only_scores);
    } catch (const std::exception &e) {
        std::fprintf(stderr, "conv2d-cxx: %s\n", e.what());
        return 1;
    }
}
