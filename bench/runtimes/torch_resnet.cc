/*
 * torch_resnet.cc - ResNet-18 (He et al. 2015) in libtorch's C++ interface, random
 * weights, with weir and with libtorch's own CPU allocator.
 */
#include "bench/runtimes/compare.hpp"

#include <weir/adapters/torch.hpp>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <stdexcept>

namespace
{

/* A convolution with its batch normalisation, for inference. */
struct conv {
    at::Tensor weight, mean, variance, scale, shift;
    int64_t stride, padding;

    conv(int64_t in, int64_t out, int64_t kernel, int64_t stride_)
        : weight(at::randn({out, in, kernel, kernel}) *
                 std::sqrt(2.0 / static_cast<double>(in * kernel * kernel))),
          mean(at::randn({out}) * 0.1), variance(at::rand({out}) + 0.5), scale(at::ones({out})),
          shift(at::zeros({out})), stride(stride_), padding(kernel / 2)
    {
    }

    at::Tensor operator()(const at::Tensor &x) const
    {
        at::Tensor y = at::conv2d(x, weight, {}, stride, padding);
        return at::batch_norm(y, scale, shift, mean, variance, false, 0.1, 1e-5, false);
    }
};

struct block {
    conv first, second;
    std::unique_ptr<conv> shortcut;

    block(int64_t in, int64_t out, int64_t stride)
        : first(in, out, 3, stride), second(out, out, 3, 1)
    {
        if (stride != 1 || in != out)
            shortcut = std::make_unique<conv>(in, out, 1, stride);
    }

    at::Tensor operator()(const at::Tensor &x) const
    {
        at::Tensor y = second(at::relu(first(x)));
        return at::relu_(y.add_(shortcut ? (*shortcut)(x) : x));
    }
};

class resnet18 final : public compare::work
{
  public:
    resnet18() : stem_(3, 64, 7, 2)
    {
        int64_t in = 64;
        for (int64_t channels : {64, 128, 256, 512}) {
            blocks_.emplace_back(in, channels, in == channels ? 1 : 2);
            blocks_.emplace_back(channels, channels, 1);
            in = channels;
        }
        classify_ = at::randn({1000, 512}) * 0.05;
        input_ = at::randn({1, 3, 224, 224});
    }

    uint64_t run() override
    {
        at::Tensor x = at::max_pool2d(at::relu(stem_(input_)), 3, 2, 1);
        for (const block &b : blocks_)
            x = b(x);
        x = at::linear(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1), classify_).contiguous();
        return child_hash(1, x.data_ptr<float>(), static_cast<size_t>(x.nbytes()));
    }

  private:
    conv stem_;
    std::vector<block> blocks_;
    at::Tensor classify_, input_;
};

std::unique_ptr<compare::work> make(weir_allocator *context)
{
    if (context && !weir::torch_allocator::install(context))
        throw std::runtime_error("libtorch has another allocator already");
    at::set_num_threads(1);
    at::manual_seed(1);
    return std::make_unique<resnet18>();
}

} // namespace

int main(int argc, char **argv)
{
    c10::InferenceMode inference;
    return compare::run_both(compare::parse("torch_resnet", argc, argv), "libtorch", make);
}
