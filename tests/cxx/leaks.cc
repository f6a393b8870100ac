/* weir::Checkpoint: what was left behind, by block, size, tag and allocator; what is refused. */
#include "../helpers/cxx.h"

#include <cstring>

using weir::Buffer;
using weir::Checkpoint;

static std::string printed(const Checkpoint &since)
{
    char text[4096] = "";
    std::FILE *file = std::tmpfile();
    EXPECT(file && since.print(file).ok());
    std::rewind(file);
    text[std::fread(text, 1, sizeof text - 1, file)] = 0;
    std::fclose(file);
    return text;
}

static void what_is_left()
{
    weir::Context context("model"), below("below", 0, context);
    Buffer<char> before(1000, context);
    Checkpoint since(context);
    EXPECT(since && since.number() > 0);
    EXPECT(since.stats().count == 0 && since.leaks().empty());
    EXPECT(printed(since).find("no leaks") != std::string::npos);
    Buffer<char> small(10, below), large, freed(77, context);
    {
        weir::TagScope scope("weights");
        large = Buffer<char>(500, context);
    }
    freed.release();
    std::vector<weir::Leak> found = since.leaks();
    EXPECT(found.size() == 2);
    EXPECT(found[0].address == large.data() && found[0].requested == 500);
    EXPECT(found[0].usable >= 500 && found[0].tag == "weights");
    EXPECT(found[0].allocator == "model" && found[1].allocator == "below");
    EXPECT(found[1].address == small.data() && found[1].tag.empty());
    EXPECT(since.stats().count == 2 && since.stats().bytes == 510);
    EXPECT(printed(since).find("weights") != std::string::npos);
    small.release();
    large.release();
    EXPECT(since.leaks().empty());
}

static void refusals()
{
    weir::Context context("model");
    Checkpoint first(context), second(context);
    EXPECT(error_of([&] { (void)first.leaks(); }) == ESTALE);
    EXPECT(error_of([&] { (void)first.stats(); }) == ESTALE);
    EXPECT(error_of([&] { (void)first.print(stderr); }) == ESTALE);
    EXPECT(second.leaks().empty() && second.number() != first.number());
    weir_allocator *none = nullptr;
    EXPECT(error_of([&] { Checkpoint bad(none); }) == EINVAL);
#if !WEIR_CXX_EXCEPTIONS
    Checkpoint bad(none);
    EXPECT(!bad && bad.leaks().empty() && bad.stats().size == 0 &&
           bad.print(stderr).code() == EINVAL);
#endif
}

/* Of the CPU allocator, unless another is named. */
static void defaults()
{
    Checkpoint since;
    Buffer<int> b(3);
    EXPECT(since.stats().count == 1 && since.stats().bytes == 12);
}

int main()
{
    return run({what_is_left, refusals, defaults});
}
