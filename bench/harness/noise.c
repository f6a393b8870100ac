/* bench/harness/noise.c - see noise.h. */
#include "bench/harness/noise.h"
#include "bench/harness/load.h"
#include "tools/common/table.h"

#include <math.h>
#include <pthread.h>

enum { CHUNKS = 64, STEPS = 200000, CPUS_MOST = 64 };
#define LOUD 0.05 /* of the time elsewhere, or of the pace from look to look */

struct lane {
    unsigned index;
    pthread_t id;
    double least, mean; /* ns of a chunk */
};

/* STEPS multiplications, each waiting for the one before: no memory, no calls. */
static uint64_t chunk_run(uint64_t x)
{
    for (int i = 0; i < STEPS; i++)
        x = x * 6364136223846793005u + 1442695040888963407u;
    return x;
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    uint64_t x = lane->index;
    lane->least = INFINITY;
    bench_pin(lane->index);
    for (int i = 0; i < CHUNKS; i++) {
        uint64_t begin = time_now();
        bench_keep(x = chunk_run(x));
        double ns = (double)(time_now() - begin);
        lane->least = fmin(lane->least, ns);
        lane->mean += ns / CHUNKS;
    }
    return NULL;
}

void bench_noise_look(struct bench_noise *noise)
{
    struct lane lanes[CPUS_MOST] = {{0}};
    unsigned n = bench_cpus() < CPUS_MOST ? bench_cpus() : CPUS_MOST, started = 0;
    if (noise->n == NOISE_LOOKS)
        return;
    for (; started < n; started++) {
        lanes[started].index = started;
        if (pthread_create(&lanes[started].id, NULL, lane_main, &lanes[started]) != 0)
            break;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(lanes[i].id, NULL);
        noise->pace[noise->n] = fmax(noise->pace[noise->n], lanes[i].least);
        noise->elsewhere[noise->n] =
            fmax(noise->elsewhere[noise->n], 1 - lanes[i].least / lanes[i].mean);
    }
    noise->n++;
}

static void worst(const struct bench_noise *noise, double *elsewhere, double *drift)
{
    double least = INFINITY, most = 0;
    *elsewhere = 0;
    for (unsigned i = 0; i < noise->n; i++) {
        *elsewhere = fmax(*elsewhere, noise->elsewhere[i]);
        least = fmin(least, noise->pace[i]);
        most = fmax(most, noise->pace[i]);
    }
    *drift = most > least ? most / least - 1 : 0;
}

bool bench_noise_is_loud(const struct bench_noise *noise)
{
    double elsewhere, drift;
    worst(noise, &elsewhere, &drift);
    return elsewhere > LOUD || drift > LOUD;
}

void bench_noise_print(const struct bench_noise *noise)
{
    double elsewhere, drift;
    bool loud = bench_noise_is_loud(noise);
    worst(noise, &elsewhere, &drift);
    printf(
        "%sCalibration, a fixed loop on each CPU before and after every round: at most %.1f%% of "
        "its time\nwent elsewhere, its best pace changed by %.1f%%%s%s\n",
        table_color(loud ? LOOK_BAD : LOOK_PLAIN), 100 * elsewhere, 100 * drift,
        loud ? ". Over 5%: times are noisy." : ".", table_plain());
}

void bench_noise_json(const struct bench_noise *noise, struct json *j)
{
    json_object(j, "calibration");
    json_array(j, "pace_ns");
    for (unsigned i = 0; i < noise->n; i++)
        json_real(j, NULL, noise->pace[i]);
    json_end(j);
    json_array(j, "elsewhere");
    for (unsigned i = 0; i < noise->n; i++)
        json_real(j, NULL, noise->elsewhere[i]);
    json_end(j);
    json_bool(j, "noisy", bench_noise_is_loud(noise));
    json_end(j);
}
