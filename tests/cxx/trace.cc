/* weir::Trace and MarkScope: a recording has the scope's events, ends with it, and is one a
 * process. */
#include "../helpers/cxx.h"

#include <sys/stat.h>
#include <unistd.h>
#include <utility>

using weir::Buffer;
using weir::Mark;
using weir::MarkScope;
using weir::Trace;

static std::string path()
{
    const char *folder = std::getenv("TMPDIR");
    return std::string(folder ? folder : "/tmp") + "/cxx_trace." + std::to_string(getpid());
}

static void a_recording()
{
    {
        Trace trace(path());
        EXPECT(trace && Trace::stats().recording);
        Buffer<char> a(1000);
        {
            MarkScope layer(Mark::LAYER, "conv1"), inner(Mark::OPERATOR, "im2col");
            EXPECT(layer && inner);
            Buffer<char> b(2345);
        }
        weir_trace_stats now = Trace::stats();
        EXPECT(now.peak == 3345 && now.events >= 7 && now.dropped == 0);
        EXPECT(error_of([] { Trace second(path() + ".no"); }) == EBUSY);
        EXPECT(trace.stop().ok() && !trace && !Trace::stats().recording);
        EXPECT(error_of([&] { (void)trace.stop(); }) == EINVAL);
    }
    struct stat file;
    EXPECT(stat(path().c_str(), &file) == 0 && file.st_size > 100);
    EXPECT(Trace::stats().bytes == static_cast<std::uint64_t>(file.st_size));
    unlink(path().c_str());
    EXPECT(access((path() + ".no").c_str(), F_OK) != 0);
}

static void ends_with_its_scope()
{
    {
        Trace trace(path()), moved(std::move(trace)), assigned;
        EXPECT(!trace && moved && Trace::stats().recording); /* NOLINT */
        assigned = std::move(moved);
        EXPECT(assigned && !moved); /* NOLINT */
        assigned = Trace();
        EXPECT(!Trace::stats().recording);
        Trace again(path(), cpu, 10);
        EXPECT(Trace::stats().recording);
    }
    EXPECT(!Trace::stats().recording);
    unlink(path().c_str());
}

static void refusals()
{
    EXPECT(error_of([] { Trace trace("/nowhere/at/all"); }) == ENOENT);
    weir::Context context("child");
    EXPECT(error_of([&] { Trace trace(path(), context); }) == EINVAL);
    weir_allocator *none = nullptr;
    EXPECT(error_of([&] { Trace trace(path(), none); }) == EINVAL);
    EXPECT(!Trace::stats().recording && access(path().c_str(), F_OK) != 0);
    EXPECT(error_of([] { MarkScope mark(Mark::RUN, nullptr); }) == EINVAL);
    MarkScope idle(Mark::OTHER, "nothing is recorded");
    EXPECT(idle);
}

int main()
{
    return run({a_recording, ends_with_its_scope, refusals});
}
