/* An outside program with weir's installed adapter for OpenCV. */
#include <weir/adapters/opencv.hpp>

int main()
{
    weir_allocator_options options = {};
    options.name = "matrices";
    options.limit = 100000;
    weir_allocator *a = weir_allocator_create(&options);
    weir::opencv_allocator allocator(a);
    {
        cv::Mat m;
        m.allocator = &allocator;
        m.create(100, 200, CV_32F);
        m.setTo(1.5f);
        cv::Mat shared = m;
        if (weir_block_tag(a, m.data) != weir_tag_intern("matrices"))
            return 6;
        {
            weir::opencv_run run("run");
            cv::Mat found;
            found.allocator = &allocator;
            found.create(10, 10, CV_8U);
            if (weir_class_of_tag(weir_block_tag(a, found.data)) != WEIR_CLASS_ACTIVATION)
                return 7;
        }
        if (weir_tag_set(0) != 0)
            return 8;
        if (weir_total_allocated(a) != 80000 || cv::sum(shared)[0] != 30000)
            return 1;
        uchar outside[16] = {};
        cv::Mat over(4, 4, CV_8U, outside); /* the program's own memory */
        over.allocator = &allocator;
        cv::Mat zero;
        zero.allocator = &allocator;
        zero.create(0, 10, CV_8U);
        cv::Mat large; /* refused, and then OpenCV's default allocator is asked */
        large.allocator = &allocator;
        large.create(1000, 1000, CV_8U);
        cv::Mat::setDefaultAllocator(&allocator);
        try {
            cv::Mat refused(1000, 1000, CV_8U);
            return 2;
        } catch (const cv::Exception &e) {
            if (e.code != cv::Error::StsNoMem)
                return 3;
        }
        cv::Mat::setDefaultAllocator(cv::Mat::getStdAllocator());
        if (weir_total_allocated(a) != 80000)
            return 4;
    }
    return weir_allocation_count(a) == 0 && weir_allocator_destroy(a) == 0 ? 0 : 5;
}
