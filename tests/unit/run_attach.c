/* The memory that `weir run` shares: by a path, over a socket, as a segment, and what is none. */
#include "observe/run_attach.h"

#include "../helpers/suite.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int file = -1; /* the memory */
static struct weir__run_head *head;
static char path[32]; /* its */
static size_t bytes;

static void setup(void)
{
    const uint32_t unit = (uint32_t)sysconf(_SC_PAGESIZE);
    bytes = (size_t)weir__run_bytes(unit, false);
    file = memfd_create("run", MFD_CLOEXEC);
    cr_assert(file >= 0 && ftruncate(file, (off_t)bytes) == 0);
    head = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    cr_assert_neq(head, MAP_FAILED);
    *head = (struct weir__run_head){.magic = WEIR__RUN_MAGIC, .bytes = bytes, .unit = unit};
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
}

TestSuite(run_attach, .init = setup);

static bool attached(const char *where, bool write)
{
    struct weir__run_head *there = weir__run_attach_to(where, write);
    if (!there)
        return false;
    head->serial++;
    cr_expect_eq(there->serial, head->serial, "the same memory");
    cr_expect_eq(munmap(there, bytes), 0);
    return true;
}

Test(run_attach, by_its_path)
{
    cr_expect(attached(path, true));
    cr_expect(attached(path, false));
    cr_expect_not(attached("", true));
    cr_expect_not(attached("/nowhere", true));
    char long_one[100];
    memset(long_one, '/', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    cr_expect_not(attached(long_one, true));
    cr_assert_eq(setenv(WEIR__RUN_VARIABLE, path, 1), 0);
    struct weir__run_head *there = weir__run_attach();
    cr_assert_not_null(there);
    cr_expect_eq(munmap(there, bytes), 0);
    cr_assert_eq(unsetenv(WEIR__RUN_VARIABLE), 0);
    cr_expect_null(weir__run_attach());
}

Test(run_attach, other_memory_is_none)
{
    head->magic++;
    cr_expect_not(attached(path, true));
    head->magic--;
    head->unit *= 2;
    cr_expect_not(attached(path, true));
    head->unit /= 2;
    head->bytes--;
    cr_expect_not(attached(path, true));
    head->bytes++;
    head->record = 1; /* and no room for chunks */
    cr_expect_not(attached(path, true));
    head->record = 0;
    cr_expect(attached(path, true));
    cr_assert_eq(ftruncate(file, (off_t)sizeof *head - 1), 0);
    cr_expect_not(attached(path, true));
}

/* -- over a socket ------------------------------------------------------------------------------
 */

static int listener;
static char name[64]; /* of the socket */

enum sends { THE_FILE, A_BYTE, NOTHING };

static void answer(int client, enum sends sends)
{
    char byte = 'y';
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.head = {.cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS,
                          .cmsg_len = CMSG_LEN(sizeof(int))}};
    memcpy(CMSG_DATA(&control.head), &file, sizeof file);
    struct iovec data = {&byte, 1};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
    if (sends == THE_FILE) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    if (sends != NOTHING)
        cr_expect_eq(sendmsg(client, &message, 0), 1);
}

/* One client, who must know the key. */
static void *serve(void *sends)
{
    char key[16] = "";
    int client = accept(listener, NULL, NULL);
    cr_expect_eq(recv(client, key, sizeof key - 1, 0), 6);
    cr_expect_str_eq(key, "sesame");
    answer(client, *(enum sends *)sends);
    close(client);
    return NULL;
}

static void listen_now(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(name, sizeof name, "weir-test-%d", (int)getpid());
    memcpy(address.sun_path + 1, name, (size_t)length);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)),
                 0);
    cr_assert_eq(listen(listener, 4), 0);
}

static bool attached_over(enum sends sends)
{
    char where[128];
    pthread_t server;
    snprintf(where, sizeof where, "/nowhere @%s sesame", name);
    cr_assert_eq(pthread_create(&server, NULL, serve, &sends), 0);
    bool done = attached(where, true);
    pthread_join(server, NULL);
    return done;
}

Test(run_attach, over_a_socket)
{
    char where[256], long_one[150];
    listen_now();
    cr_expect(attached_over(THE_FILE));
    cr_expect_not(attached_over(A_BYTE), "a word without a file");
    snprintf(where, sizeof where, "/nowhere @%s", name);
    cr_expect_not(attached(where, true), "no key");
    cr_expect_not(attached("/nowhere @ sesame", true), "no name");
    memset(long_one, 'n', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    snprintf(where, sizeof where, "/nowhere @%s sesame", long_one);
    cr_expect_not(attached(where, true), "too long a name");
    close(listener);
    snprintf(where, sizeof where, "/nowhere @%s sesame", name);
    cr_expect_not(attached(where, true), "nobody listens any more");
    snprintf(where, sizeof where, "%s @%s sesame", path, name);
    cr_expect(attached(where, true), "the path is enough");
}

/* -- a segment ----------------------------------------------------------------------------------
 */

Test(run_attach, as_a_segment)
{
    char where[32];
    int segment = shmget(IPC_PRIVATE, bytes, IPC_CREAT | 0600);
    if (segment < 0)
        cr_skip("no segments here");
    struct weir__run_head *mine = shmat(segment, NULL, 0);
    cr_assert_neq(mine, (void *)-1);
    shmctl(segment, IPC_RMID, NULL); /* when nobody has it any more */
    snprintf(where, sizeof where, WEIR__RUN_SEGMENT "%d", segment);
    cr_expect_null(weir__run_attach_to(where, true), "its head is empty");
    memcpy(mine, head, sizeof *mine);
    for (int write = 0; write < 2; write++) {
        struct weir__run_head *there = weir__run_attach_to(where, write);
        cr_assert_not_null(there);
        mine->serial++;
        cr_expect_eq(there->serial, mine->serial, "the same memory");
        cr_expect_eq(shmdt(there), 0);
    }
    cr_expect_eq(shmdt(mine), 0);
    cr_expect_null(weir__run_attach_to(where, true), "it is gone");
}

/* -- images -------------------------------------------------------------------------------------
 */

Test(run_attach, images_until_there_is_no_more_room)
{
    uint32_t number = 7;
    for (uint32_t i = 0; i < WEIR__RUN_IMAGES; i++) {
        struct weir__run_image *image = weir__run_image_take(head, WEIR__RUN_LIBWEIR, 3, &number);
        cr_assert_not_null(image);
        cr_assert_eq(number, i);
        cr_assert_eq(image->pid, getpid());
        cr_assert_eq(image->serial, i + 1);
        cr_assert_eq(image->flags, 3);
    }
    cr_expect_null(weir__run_image_take(head, WEIR__RUN_LIBWEIR, 0, &number));
    cr_expect_eq(head->noted_lost, 1);
    weir__run_image_owner(head)[5] = 0;
    cr_expect_not_null(weir__run_image_take(head, WEIR__RUN_LIBWEIR, 0, &number));
    cr_expect_eq(number, 5);
    weir__run_image_owner(head)[5] = 0;
    head->closed = 1;
    cr_expect_null(weir__run_image_take(head, WEIR__RUN_LIBWEIR, 0, &number));
    cr_expect_eq(head->noted_lost, 1, "nobody reads: none is lost");
}

Test(run_attach, what_an_image_runs)
{
    static char long_one[2 * WEIR__RUN_COMMAND];
    struct weir__run_image *image = weir__run_image(head, 0), *copy = weir__run_image(head, 1);
    weir__run_command_set(image, 2, (char *[]){"/bin/tool", "-v", NULL});
    cr_expect_str_eq(image->program, "tool");
    cr_expect_str_eq(image->command, "/bin/tool -v");
    cr_expect_eq(image->word, 9);
    weir__run_command_copy(copy, image);
    cr_expect_str_eq(copy->program, "tool");
    cr_expect_str_eq(copy->command, "/bin/tool -v");
    cr_expect_eq(copy->word, 9);
    weir__run_command_set(image, 1, (char *[]){"folder/", NULL});
    cr_expect_str_eq(image->program, "folder/");
    weir__run_command_set(copy, 0, (char *[]){NULL});
    cr_expect_str_eq(copy->program, "");
    cr_expect_eq(copy->word, 0);
    memset(long_one, 'l', sizeof long_one - 1);
    weir__run_command_set(image, 3, (char *[]){"tool", long_one, "more", NULL});
    cr_expect_eq(strlen(image->command), WEIR__RUN_COMMAND - 1, "cut");
    cr_expect_eq(strncmp(image->command, "tool lll", 8), 0);
}
