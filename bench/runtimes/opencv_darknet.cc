/*
 * opencv_darknet.cc - Darknet-19 (Redmon 2016) in OpenCV's DNN module, random weights,
 * and the image pipeline before it, with weir and with OpenCV's own allocator.
 */
#include "bench/runtimes/compare.hpp"

#include <weir/adapters/opencv.hpp>

#include <cmath>
#include <opencv2/dnn.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

namespace
{

/* The network as text: convolutions (filters, size), 0 for a pooling. */
struct layer {
    int filters, size;
};

const layer layers[] = {{32, 3},   {0, 0},   {64, 3},   {0, 0},   {128, 3},  {64, 1},
                        {128, 3},  {0, 0},   {256, 3},  {128, 1}, {256, 3},  {0, 0},
                        {512, 3},  {256, 1}, {512, 3},  {256, 1}, {512, 3},  {0, 0},
                        {1024, 3}, {512, 1}, {1024, 3}, {512, 1}, {1024, 3}, {1000, 1}};

void append(std::vector<uchar> &to, const void *data, size_t size)
{
    const uchar *bytes = static_cast<const uchar *>(data);
    to.insert(to.end(), bytes, bytes + size);
}

/* xorshift, as floats in [-scale, scale), plus `offset`. */
void append_random(std::vector<uchar> &to, size_t count, float scale, float offset, uint32_t &state)
{
    std::vector<float> values(count);
    for (float &value : values) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        value = offset + scale * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
    }
    append(to, values.data(), count * sizeof(float));
}

/* Darknet's two files. */
void darknet19(std::string &cfg, std::vector<uchar> &weights)
{
    const int32_t version[3] = {0, 2, 0};
    const uint64_t seen = 0;
    uint32_t state = 1;
    int in = 3;
    append(weights, version, sizeof(version));
    append(weights, &seen, sizeof(seen));
    cfg = "[net]\nbatch=1\nwidth=224\nheight=224\nchannels=3\n";
    for (const layer &l : layers) {
        if (!l.filters) {
            cfg += "\n[maxpool]\nsize=2\nstride=2\n";
            continue;
        }
        bool last = &l == std::end(layers) - 1;
        cfg += cv::format(
            "\n[convolutional]\n%sfilters=%d\nsize=%d\nstride=1\npad=1\nactivation=%s\n",
            last ? "" : "batch_normalize=1\n", l.filters, l.size, last ? "linear" : "leaky");
        size_t filters = static_cast<size_t>(l.filters);
        size_t fan_in =
            static_cast<size_t>(in) * static_cast<size_t>(l.size) * static_cast<size_t>(l.size);
        append_random(weights, filters, 0.1f, 0.0f, state); /* biases */
        if (!last) {
            append_random(weights, filters, 0.1f, 1.0f, state); /* scales */
            append_random(weights, filters, 0.1f, 0.0f, state); /* means */
            append_random(weights, filters, 0.1f, 1.0f, state); /* variances */
        }
        append_random(weights, filters * fan_in, std::sqrt(6.0f / static_cast<float>(fan_in)), 0.0f,
                      state);
        in = l.filters;
    }
    cfg += "\n[avgpool]\n\n[softmax]\ngroups=1\n";
}

class darknet final : public compare::work
{
  public:
    darknet() : photo_(480, 640, CV_8UC3)
    {
        std::string cfg;
        std::vector<uchar> weights;
        darknet19(cfg, weights);
        net_ = cv::dnn::readNetFromDarknet(
            cfg.data(), cfg.size(), reinterpret_cast<const char *>(weights.data()), weights.size());
        net_.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
        cv::RNG random(1);
        random.fill(photo_, cv::RNG::UNIFORM, 0, 256);
    }

    uint64_t run() override
    {
        cv::Mat blurred, edges, gray;
        cv::GaussianBlur(photo_, blurred, cv::Size(5, 5), 0);
        cv::cvtColor(blurred, gray, cv::COLOR_BGR2GRAY);
        cv::Canny(gray, edges, 50, 150);
        net_.setInput(cv::dnn::blobFromImage(blurred, 1 / 255.0, cv::Size(224, 224)));
        cv::Mat out = net_.forward();
        uint64_t hash = child_hash(1, edges.data, edges.total() * edges.elemSize());
        return child_hash(hash, out.data, out.total() * out.elemSize());
    }

  private:
    cv::Mat photo_;
    cv::dnn::Net net_;
};

std::unique_ptr<compare::work> make(weir_allocator *context)
{
    if (context)
        cv::Mat::setDefaultAllocator(new weir::opencv_allocator(context)); /* for good */
    cv::setNumThreads(1);
    return std::make_unique<darknet>();
}

} // namespace

int main(int argc, char **argv)
{
    return compare::run_both(compare::parse("opencv_darknet", argc, argv), "opencv", make);
}
