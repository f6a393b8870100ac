/* cxx/tag.hpp - who a block is for. Part of weir.hpp; allocator.h says what a tag is. */
#ifndef WEIR_CXX_TAG_HPP
#define WEIR_CXX_TAG_HPP

#include <weir/cxx/allocator.hpp>

#include <string>

WEIR_CXX_BEGIN

/* What the memory of a tag is used for. */
enum class TagClass {
    NONE = WEIR_CLASS_NONE,
    WEIGHT = WEIR_CLASS_WEIGHT,
    KV = WEIR_CLASS_KV,
    ACTIVATION = WEIR_CLASS_ACTIVATION,
    SCRATCH = WEIR_CLASS_SCRATCH,
    STAGING = WEIR_CLASS_STAGING,
    OTHER = WEIR_CLASS_OTHER
};

/* A name that blocks carry; a value, any thread. No tag is false. */
class Tag
{
  public:
    Tag() noexcept = default;
    explicit Tag(weir_tag value) noexcept : value_(value)
    {
    }

    /* Made on first use of the name; "" and nullptr mean no tag. ENOSPC where there are too many,
     * ENOMEM. */
    Tag(const char *name) : value_(weir_tag_intern(name))
    {
        if (!value_ && name && *name)
            (void)detail::fail(errno);
    }
    Tag(const std::string &name) : Tag(name.c_str())
    {
    }

    /* Of a live block of `a`. */
    static Tag of(AllocatorRef a, const void *block) noexcept
    {
        return Tag(weir_block_tag(a.handle(), block));
    }

    /* That of what this thread allocates. */
    static Tag current() noexcept
    {
        weir_tag now = weir_tag_set(0);
        weir_tag_set(now);
        return Tag(now);
    }

    /* Of this class from here on, whatever it was; EINVAL without a tag. */
    Status set_class(TagClass use) const
    {
        return detail::check(weir_tag_class(value_, static_cast<weir_class>(use)));
    }
    [[nodiscard]] TagClass tag_class() const noexcept
    {
        return static_cast<TagClass>(weir_class_of_tag(value_));
    }

    explicit operator bool() const noexcept
    {
        return value_ != 0;
    }
    weir_tag value() const noexcept
    {
        return value_;
    }
    /* "" for no tag; valid as long as the process. */
    const char *name() const noexcept
    {
        return weir_tag_name(value_);
    }

    friend bool operator==(Tag a, Tag b) noexcept
    {
        return a.value_ == b.value_;
    }
    friend bool operator!=(Tag a, Tag b) noexcept
    {
        return !(a == b);
    }

  private:
    weir_tag value_ = 0;
};

/* What this thread allocates in the scope carries the tag; scopes nest, and end on the thread
 * they began on. A tag that could not be made leaves the one outside. */
class TagScope
{
  public:
    explicit TagScope(Tag tag) noexcept
        : active_(tag), former_(active_ ? weir_tag_set(tag.value()) : 0)
    {
    }
    TagScope(const TagScope &) = delete;
    TagScope &operator=(const TagScope &) = delete;
    ~TagScope()
    {
        if (active_)
            weir_tag_set(former_);
    }

    /* Does it do something? */
    explicit operator bool() const noexcept
    {
        return active_;
    }

  private:
    bool active_;
    weir_tag former_;
};

WEIR_CXX_END

#endif
