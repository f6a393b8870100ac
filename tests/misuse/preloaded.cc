/*
 * Crimes of a program that knows nothing of weir, against malloc and operator new, for
 * libweir-malloc.so in front of it: tests/misuse/crime.h says how they are run.
 */
#include "crime.h"

#include <dlfcn.h>
#include <malloc.h>
#include <new>
#include <pthread.h>
#include <string>
#include <sys/mman.h>
#include <vector>

namespace
{

/* The compiler knows neither of these. */
void *(*volatile take_now)(size_t) = malloc;
void *(*volatile resize_now)(void *, size_t) = realloc;
void (*volatile free_now)(void *) = free;
size_t (*volatile usable_now)(void *) = malloc_usable_size;
void *(*volatile set_now)(void *, int, size_t) = memset;
char *(*volatile copy_now)(char *, const char *) = strcpy;

byte *told(void *block)
{
    if (!block)
        exit(2);
    tell("B", block);
    return static_cast<byte *>(block);
}

byte *take(size_t size)
{
    return told(take_now(size));
}

void give(volatile void *block)
{
    free_now(const_cast<void *>(block));
}

void give_told(volatile void *address)
{
    give(told(const_cast<void *>(address)));
}

byte *take_at(bool end, size_t size)
{
    void *block = nullptr;
    for (int i = 0; i < 64; i++) {
        block = take_now(size);
        if ((reinterpret_cast<uintptr_t>(block) + (end ? size : 0)) % 4096 == 0)
            break;
    }
    return told(block);
}

byte *freed(size_t size)
{
    byte *block = take(size);
    give(block);
    return block;
}

/* -- frees ---------------------------------------------------------------------------------- */

void twice(byte *block)
{
    give(block);
    give(block);
}

void free_twice()
{
    twice(take(100));
}
void free_twice_empty()
{
    twice(take(0));
}
void free_twice_large()
{
    twice(take(1 << 20));
}
void free_twice_aligned()
{
    twice(told(memalign(4096, 100)));
}
void free_twice_calloc()
{
    twice(told(calloc(10, 10)));
}

void *give_in_thread(void *block)
{
    give(block);
    return nullptr;
}

void in_thread(byte *block)
{
    pthread_t thread;
    if (pthread_create(&thread, nullptr, give_in_thread, const_cast<unsigned char *>(block)))
        exit(2);
    pthread_join(thread, nullptr);
}

void free_twice_thread()
{
    byte *block = freed(100);
    in_thread(block);
}

void free_twice_late()
{
    void *keeps = take_now(100);
    byte *block = freed(100);
    for (int i = 0; i < 1024; i++)
        give(take_now(2000));
    give(block);
    give(keeps);
}

void free_twice_moved()
{
    byte *block = take(100);
    void *moved = resize_now(const_cast<unsigned char *>(block), 100000);
    give(block);
    give(moved);
}

char nothing[64];

void free_byte_on()
{
    give_told(take(1000) + 1);
}
void free_line_on()
{
    give_told(take(1000) + 64);
}
void free_page_on()
{
    give_told(take(1 << 20) + 4096);
}
void free_static()
{
    give_told(nothing + 16);
}
void free_number()
{
    give_told(reinterpret_cast<void *>(uintptr_t{0x7ff01230}));
}

void free_stack()
{
    char here[64] = {1};
    give_told(here + 16);
    look(here);
}

void free_closed()
{
    give_told(mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

void resize(volatile void *block)
{
    void *moved = resize_now(const_cast<void *>(block), 5000);
    look(moved);
}

void resize_freed()
{
    resize(freed(100));
}
void resize_freed_large()
{
    resize(freed(1 << 20));
}
void resize_interior()
{
    resize(told(const_cast<unsigned char *>(take(1000) + 64)));
}
void resize_static()
{
    resize(told(nothing));
}
void usable_freed()
{
    usable_now(const_cast<unsigned char *>(freed(100)));
}

/* C23's: whoever gives a wrong size is let through, as free is what is called. */
void free_sized_wrong()
{
    void (*sized)(void *, size_t) = nullptr;
    void *found = dlsym(RTLD_DEFAULT, "free_sized");
    memcpy(&sized, &found, sizeof found);
    byte *block = take(100);
    if (sized)
        sized(const_cast<unsigned char *>(block), 50);
    else
        give(block);
}

/* -- beside a block, and after it -------------------------------------------------------------- */

void over(byte *block, size_t size, size_t from, bool writes)
{
    tell("A", block + size + from);
    writes ? put(block + size + from) : look(block + size + from);
    give(block);
}

void over_1_write()
{
    over(take_at(true, 64), 64, 0, true);
}
void over_1_read()
{
    over(take_at(true, 64), 64, 0, false);
}
void over_8_write()
{
    over(take_at(true, 64), 64, 7, true);
}
void over_rest_write()
{
    over(take_at(false, 50), 50, 0, true);
}
void over_large_write()
{
    over(take_at(true, 48000), 48000, 0, true);
}
void over_empty_write()
{
    over(take(0), 0, 0, true);
}

void under(byte *block, size_t by, bool writes)
{
    tell("A", block - by);
    writes ? put(block - by) : look(block - by);
    give(block);
}

void under_1_write()
{
    under(take_at(false, 64), 1, true);
}
void under_1_read()
{
    under(take_at(false, 64), 1, false);
}
void under_16_write()
{
    under(take_at(false, 64), 16, true);
}

/* By the C library's own functions. */
void over_by_strcpy()
{
    byte *block = take_at(true, 16);
    tell("A", block + 16);
    copy_now(reinterpret_cast<char *>(const_cast<unsigned char *>(block)), "0123456789abcdef");
    give(block);
}

void use(byte *block, size_t at, bool writes)
{
    tell("A", block + at);
    writes ? put(block + at) : look(block + at);
}

void write_freed()
{
    use(freed(100), 8, true);
}
void read_freed()
{
    use(freed(100), 8, false);
}
void write_freed_large()
{
    use(freed(40000), 9, true);
}

void set_freed()
{
    byte *block = freed(64);
    tell("A", block);
    set_now(const_cast<unsigned char *>(block), 1, 64);
}

void write_moved()
{
    byte *block = take(100);
    void *moved = resize_now(const_cast<unsigned char *>(block), 20000);
    use(block, 8, true);
    give(moved);
}

/* The system is asked to write there: it answers with an error, and nothing else happens. */
void read_into_freed()
{
    byte *block = freed(100);
    int ends[2];
    if (pipe(ends) || write(ends[1], "x", 1) != 1)
        exit(2);
    ssize_t got = read(ends[0], const_cast<unsigned char *>(block), 1);
    crime_seen = static_cast<unsigned>(got);
}

/* -- C++ ------------------------------------------------------------------------------------------
 */

struct Plain {
    char bytes[64];
};

struct Other {
    char bytes[32];
};

struct Ends {
    char bytes[64];
    ~Ends()
    {
        crime_seen++;
    }
};

struct alignas(128) Wide {
    char bytes[256];
};

void delete_twice()
{
    auto *object = new Plain;
    told(object);
    operator delete(object);
    operator delete(object);
}

void delete_array_twice()
{
    auto *array = new Plain[3];
    told(array);
    delete[] array;
    operator delete[](array);
}

void delete_of_array()
{
    char *array = new char[100];
    told(array);
    operator delete(array);
}

void delete_of_array_plain()
{
    void *array = new Plain[3];
    told(array);
    delete static_cast<Plain *>(array);
}

/* Its number of elements lies before it. */
void delete_of_array_class()
{
    void *array = new Ends[3];
    told(array);
    delete static_cast<Ends *>(array);
}

void array_delete_of_one()
{
    void *object = new Plain;
    told(object);
    delete[] static_cast<Plain *>(object);
}

void free_of_new()
{
    give(told(new Plain));
}
void delete_of_malloc()
{
    operator delete(take_now(100));
}
void delete_of_static()
{
    operator delete(const_cast<unsigned char *>(told(nothing + 16)));
}

void delete_interior()
{
    auto *object = static_cast<char *>(operator new(100));
    operator delete(const_cast<unsigned char *>(told(object + 16)));
}

void delete_sized_wrong()
{
    auto *object = new Plain;
    told(object);
    operator delete(object, sizeof(Other));
}

void delete_other_type()
{
    void *object = new Plain;
    told(object);
    delete static_cast<Other *>(object);
}

void delete_aligned_plain()
{
#ifdef __cpp_aligned_new
    void *object = new Wide;
    told(object);
    operator delete(object);
#endif
}

void delete_plain_aligned()
{
#ifdef __cpp_aligned_new
    void *object = new Plain;
    told(object);
    operator delete(object, std::align_val_t(128));
#endif
}

void delete_aligned_twice()
{
#ifdef __cpp_aligned_new
    void *object = new Wide;
    told(object);
    operator delete(object, std::align_val_t(128));
    operator delete(object, std::align_val_t(128));
#endif
}

void write_deleted()
{
    auto *object = new Plain;
    auto *block = told(object);
    operator delete(object);
    use(block, 5, true);
}

void string_outlived()
{
    byte *block = nullptr;
    {
        std::string text(100, 'x');
        block = told(&text[0]);
    }
    use(block, 5, false);
}

void vector_grown()
{
    std::vector<char> v(100);
    byte *block = told(v.data());
    v.resize(50000);
    use(block, 5, true);
}

#define CRIME(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
const crime crimes[] = {CRIME(free_twice),
                        CRIME(free_twice_empty),
                        CRIME(free_twice_large),
                        CRIME(free_twice_aligned),
                        CRIME(free_twice_calloc),
                        CRIME(free_twice_thread),
                        CRIME(free_twice_late),
                        CRIME(free_twice_moved),
                        CRIME(free_byte_on),
                        CRIME(free_line_on),
                        CRIME(free_page_on),
                        CRIME(free_static),
                        CRIME(free_number),
                        CRIME(free_stack),
                        CRIME(free_closed),
                        CRIME(resize_freed),
                        CRIME(resize_freed_large),
                        CRIME(resize_interior),
                        CRIME(resize_static),
                        CRIME(usable_freed),
                        CRIME(free_sized_wrong),
                        CRIME(over_1_write),
                        CRIME(over_1_read),
                        CRIME(over_8_write),
                        CRIME(over_rest_write),
                        CRIME(over_large_write),
                        CRIME(over_empty_write),
                        CRIME(under_1_write),
                        CRIME(under_1_read),
                        CRIME(under_16_write),
                        CRIME(over_by_strcpy),
                        CRIME(write_freed),
                        CRIME(read_freed),
                        CRIME(write_freed_large),
                        CRIME(set_freed),
                        CRIME(write_moved),
                        CRIME(read_into_freed),
                        CRIME(delete_twice),
                        CRIME(delete_array_twice),
                        CRIME(delete_of_array),
                        CRIME(delete_of_array_plain),
                        CRIME(delete_of_array_class),
                        CRIME(array_delete_of_one),
                        CRIME(free_of_new),
                        CRIME(delete_of_malloc),
                        CRIME(delete_of_static),
                        CRIME(delete_interior),
                        CRIME(delete_sized_wrong),
                        CRIME(delete_other_type),
                        CRIME(delete_aligned_plain),
                        CRIME(delete_plain_aligned),
                        CRIME(delete_aligned_twice),
                        CRIME(write_deleted),
                        CRIME(string_outlived),
                        CRIME(vector_grown)};

} // namespace

int main(int argc, char **argv)
{
    return crime_main(argc, argv, crimes, sizeof crimes / sizeof *crimes);
}
