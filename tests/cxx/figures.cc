/* weir::Figures: the texts hold what the counters say, whole, for one allocator and for all. */
#include "../helpers/cxx.h"

using weir::Buffer;
using weir::Figures;

static bool has(const std::string &text, const std::string &part)
{
    return text.find(part) != std::string::npos;
}

template <class Print> static std::string printed(Print print)
{
    std::string text(1 << 16, ' ');
    std::FILE *file = std::tmpfile();
    EXPECT(file && print(file).ok());
    std::rewind(file);
    text.resize(std::fread(&text[0], 1, text.size(), file));
    std::fclose(file);
    return text;
}

static void texts()
{
    weir::Context context("figured", 1 << 20), below("beneath", 0, context);
    Buffer<char> a(12345, context), b(55555, below);
    Figures figures(context);
    EXPECT(figures.read().total_allocated == 67900 && figures.read().allocation_count == 2);
    std::string json = figures.json(), metrics = figures.openmetrics();
    EXPECT(json.front() == '{' && has(json, "67900") && has(json, "\"beneath\"") &&
           has(json, "55555"));
    EXPECT(json.find('\0') == std::string::npos && metrics.find('\0') == std::string::npos);
    EXPECT(has(metrics, "figured/beneath") && metrics.substr(metrics.size() - 6) == "# EOF\n");
    std::string table = printed([&](std::FILE *to) { return figures.print(to); });
    EXPECT(has(table, "figured") && has(table, "beneath") && !has(table, "cpu"));
    table = printed([&](std::FILE *to) { return figures.print_holders(to, 1); });
    EXPECT(!table.empty());
    EXPECT(figures.holders().size() == 1 && figures.holders()[0].bytes == 67900);

    Figures all = Figures::all();
    EXPECT(all.read().total_allocated == cpu->total_allocated() && has(all.json(), "figured"));
    EXPECT(has(all.openmetrics(), "cpu/figured") && all.holders()[0].bytes == 67900);
    table = printed([&](std::FILE *to) { return all.print(to); });
    EXPECT(has(table, "cpu") && has(table, "beneath"));
}

static void refusals()
{
    weir_allocator *none = nullptr;
    Figures bad{weir::AllocatorRef(none)};
    EXPECT(error_of([&] { (void)bad.read(); }) == EINVAL);
    EXPECT(error_of([&] { (void)bad.json(); }) == EINVAL);
    EXPECT(error_of([&] { (void)bad.print(stderr); }) == EINVAL);
    EXPECT(error_of([&] { (void)bad.holders(); }) == EINVAL);
    EXPECT(error_of([&] { (void)bad.print_holders(stderr); }) == EINVAL);
    std::FILE *full = std::fopen("/dev/full", "w");
    if (full) {
        std::setvbuf(full, nullptr, _IONBF, 0);
        EXPECT(error_of([&] { (void)Figures::all().print(full); }) == ENOSPC);
        std::fclose(full);
    }
}

int main()
{
    return run({texts, refusals});
}
