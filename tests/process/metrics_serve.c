/* A process that serves its metrics: what clients are told, what a child has, how it ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/metrics.h>
#include <weir/weir.h>

static int failures;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static unsigned port_served(void)
{
    char address[64] = "";
    EXPECT(weir_metrics_address(address, sizeof address) == 0);
    EXPECT(strncmp(address, "127.0.0.1:", 10) == 0);
    return (unsigned)strtoul(address + 10, NULL, 10);
}

static int client_make(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof to) != 0) {
        close(s);
        return -1;
    }
    return s;
}

/* What is answered, in one buffer for all. */
static const char *answer_to(unsigned port, const char *request)
{
    static char answer[1 << 20];
    size_t n = 0;
    ssize_t got;
    int s = client_make(port);
    if (s < 0)
        return "";
    EXPECT(send(s, request, strlen(request), MSG_NOSIGNAL) == (ssize_t)strlen(request));
    while ((got = recv(s, answer + n, sizeof answer - 1 - n, 0)) > 0)
        n += (size_t)got;
    close(s);
    answer[n] = '\0';
    return answer;
}

static void pages(unsigned port)
{
    const char *a = answer_to(port, "GET /metrics HTTP/1.0\r\n\r\n");
    EXPECT(strstr(a, " 200 OK\r\n") && strstr(a, "text/plain; version=0.0.4"));
    EXPECT(strstr(a, "# TYPE weir_allocations_total counter\n") && !strstr(a, "# EOF"));
    a = answer_to(port,
                  "GET /metrics HTTP/1.0\r\n"
                  "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n");
    EXPECT(strstr(a, "Content-Type: application/openmetrics-text; version=1.0.0"));
    EXPECT(strcmp(a + strlen(a) - 6, "# EOF\n") == 0);
    EXPECT(strstr(a, "weir_own_bytes{path=\"cpu/model\"") && !strstr(a, "#others"));
    a = answer_to(port, "GET /metrics?contexts=1 HTTP/1.0\r\n\r\n");
    EXPECT(strstr(a, "weir_own_bytes{path=\"#others\",backing=\"\"} 4711\n"));
    a = answer_to(port, "HEAD /metrics HTTP/1.0\r\n\r\n");
    EXPECT(strstr(a, " 200 OK\r\n") && !strstr(a, "weir_"));
    EXPECT(strstr(answer_to(port, "GET /else HTTP/1.0\r\n\r\n"), " 404 "));
    EXPECT(
        strstr(answer_to(port, "POST /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc"), " 405 "));
}

/* The child is not served by its parent's thread, nor does it hold the port. */
__attribute__((unused)) static void child(unsigned port)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        char address[64];
        int error = weir_metrics_address(address, sizeof address);
        int own = weir_metrics_serve(":0");
        bool answered =
            own == 0 &&
            strstr(answer_to(port_served(), "GET /metrics HTTP/1.0\r\n\r\n"), " 200 OK\r\n");
        weir_metrics_stop();
        _exit(error == ENOENT && answered && !failures ? 0 : 1);
    }
    int status = -1;
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    EXPECT(strstr(answer_to(port, "GET /metrics HTTP/1.0\r\n\r\n"), " 200 OK\r\n"));
}

int main(void)
{
    static const char *const none[] = {"",          ":",        "host:", "127.0.0.1:99999",
                                       "[::1:9464", "::1:9464", ":94x4"};
    char address[4];
    weir_allocator *model = weir_allocator_create(&(weir_allocator_options){.name = "model"});
    void *block = weir_allocate(model, 4711);
    EXPECT(block != NULL);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (weir_metrics_serve(none[i]) != EINVAL) {
            fprintf(stderr, "\"%s\" is not refused\n", none[i]);
            failures++;
        }
    EXPECT(weir_metrics_address(address, sizeof address) == ENOENT);
    int error = weir_metrics_serve(":0");
    if (error)
        return fprintf(stderr, "no server here: %s\n", strerror(error)), 77;
    EXPECT(weir_metrics_serve(":0") == EALREADY);
    EXPECT(weir_metrics_address(address, sizeof address) == ENOSPC);
    unsigned port = port_served();
    pages(port);
#ifdef __SANITIZE_THREAD__
    puts("no child: under ThreadSanitizer that of a process with threads cannot make threads");
#else
    child(port);
#endif
    weir_metrics_stop();
    weir_metrics_stop();
    EXPECT(client_make(port) < 0);
    EXPECT(weir_metrics_serve("0") == 0); /* again */
    pages(port_served());
    weir_metrics_stop();
    weir_deallocate(model, block);
    EXPECT(weir_allocator_destroy(model) == 0);
    return failures ? 1 : 0;
}
