/* weir::Tag and TagScope: blocks carry what the scope says, nested, thread by thread; Figures'
 * holders add up. */
#include "../helpers/cxx.h"

#include <thread>

using weir::Buffer;
using weir::Tag;
using weir::TagScope;

static void tags()
{
    Tag none, conv("layer1/conv"), same(std::string("layer1/conv")), pool("layer1/pool");
    EXPECT(!none && none.value() == 0 && none.name()[0] == 0);
    EXPECT(conv && conv == same && conv != pool && conv != none);
    EXPECT(std::string(conv.name()) == "layer1/conv");
    EXPECT(conv.tag_class() == weir::TagClass::NONE);
    EXPECT(conv.set_class(weir::TagClass::KV).ok() && same.tag_class() == weir::TagClass::KV);
    EXPECT(error_of([&] { (void)none.set_class(weir::TagClass::KV); }) == EINVAL);
    EXPECT(!Tag("") && !Tag(static_cast<const char *>(nullptr)));
}

static void scopes()
{
    weir::Context context("tags");
    Buffer<char> before(10, context);
    EXPECT(!Tag::current());
    {
        TagScope outer("outer");
        EXPECT(outer && Tag::current() == Tag("outer"));
        Buffer<char> a(100, context);
        {
            TagScope inner(std::string("inner")), nothing{Tag()};
            EXPECT(inner && !nothing && Tag::current() == Tag("inner"));
            Buffer<char> b(1000, context), c(50, context);
            EXPECT(Tag::of(context, b.data()) == Tag("inner"));
            std::thread([&] {
                EXPECT(!Tag::current());
                Buffer<char> d(5, context);
                EXPECT(!Tag::of(context, d.data()));
            }).join();
            auto holders = weir::Figures(context).holders();
            EXPECT(holders.size() == 3);
            EXPECT(holders[0].tag == "inner" && holders[0].bytes == 1050 && holders[0].blocks == 2);
            EXPECT(holders[0].largest == 1000 && holders[0].usable >= 1050);
            EXPECT(holders[1].tag == "outer" && holders[1].bytes == 100);
            EXPECT(holders[2].tag.empty() && holders[2].bytes == 10);
        }
        EXPECT(Tag::current() == Tag("outer"));
        Buffer<char> e(1, context);
        EXPECT(Tag::of(context, e.data()) == Tag("outer") &&
               Tag::of(context, a.data()) == Tag("outer"));
    }
    EXPECT(!Tag::current() && !Tag::of(context, before.data()));
}

/* The last test: none can be made any more, and what is there goes on. */
static void too_many()
{
    int error = 0;
    for (int i = 0; i < 10000 && !error; i++)
        error = error_of([&] { Tag tag("tag " + std::to_string(i)); });
    EXPECT(error == ENOSPC);
    TagScope outer("outer");
    EXPECT(outer && error_of([] { TagScope none("one more"); }) == ENOSPC);
    EXPECT(Tag::current() == Tag("outer"));
}

int main()
{
    return run({tags, scopes, too_many});
}
