/*
 * plan.h - memory laid out before the first inference: buffers whose sizes and
 * lifetimes are known get offsets in one arena that is as small as can be found.
 *
 *     weir_plan *p = weir_plan_create();
 *     weir_plan_add(p, bytes, 64, first, last);        (for every buffer)
 *     weir_plan_solve(p, NULL);
 *     weir_plan_memory *m = weir_plan_memory_create(p, weir_cpu_allocator());
 *     void *x = weir_plan_memory_buffer(m, 0);            (base + weir_plan_offset(p, 0))
 *
 * Sizes and offsets in bytes; lifetimes are half-open, [first, last), in any unit
 * of time. The same plan and options give the same offsets whatever the
 * machine's speed, unless a clock budget is asked for. docs/internals/planner.md explains the
 * algorithms.
 *
 * Thread rule: one thread at a time for each plan (several may read a solved one);
 * their memory, recorders, replays and caches say their own. A call on any of these that was
 * destroyed is misuse (error.h); with a handler it does nothing and returns what says that it
 * failed, where errno can say so with EINVAL.
 */
#ifndef WEIR_PLAN_H
#define WEIR_PLAN_H

#include <weir/tensor.h>

WEIR_BEGIN_DECLS

typedef struct weir_plan weir_plan;

/* NULL does nothing. Memory made from the plan lives on. */
WEIR_API void weir_plan_destroy(weir_plan *plan) WEIR_NOEXCEPT;

/* An empty plan. NULL with ENOMEM. The caller destroys it. */
WEIR_API weir_plan *weir_plan_create(void) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_plan_destroy, 1);

/* Room for `count` buffers in all, so that adding them cannot fail with
 * ENOMEM. 0 or ENOMEM. */
WEIR_API int weir_plan_reserve(weir_plan *plan, size_t count) WEIR_NOEXCEPT;

/*
 * A buffer that is live in [first, last); its index is the number of buffers added
 * before. Size 0 is valid and takes no room. 0; EINVAL: NULL plan, an alignment that is not a
 * power of two (0 means 1), an empty lifetime; EOVERFLOW: size plus alignment
 * exceeds PTRDIFF_MAX; ENOMEM. Adding to a solved plan makes it unsolved.
 */
WEIR_API int weir_plan_add(weir_plan *plan, size_t size, size_t alignment, int64_t first,
                           int64_t last) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * Replaces what a buffer was added with; its index, aliases and disjoint pairs, and a fixed
 * offset, stay. Size 0 takes it out. The plan becomes unsolved; weir_plan_repair finds a new
 * arrangement near the old one. 0 or an error as of weir_plan_add, EINVAL also for no such buffer
 * or an alignment that its fixed offset is against; the plan is then as it was.
 */
WEIR_API int weir_plan_change(weir_plan *plan, size_t index, size_t size, size_t alignment,
                              int64_t first, int64_t last) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Buffers added. NULL: 0. */
WEIR_API size_t weir_plan_count(const weir_plan *plan) WEIR_NOEXCEPT;

/* The buffer must stand at this offset. 0; EINVAL: no such buffer, or an offset
 * against its alignment; EOVERFLOW. */
WEIR_API int weir_plan_fix(weir_plan *plan, size_t index,
                           size_t offset) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Both must start at the same offset and may overlap (an operator in place). The
 * relation is transitive. 0, EINVAL (no such buffer). */
WEIR_API int weir_plan_alias(weir_plan *plan, size_t a, size_t b) WEIR_NOEXCEPT WEIR_NODISCARD;

/* The two must share no byte even where they are never live together (one is
 * written by hardware at any time, say). 0, EINVAL, ENOMEM. */
WEIR_API int weir_plan_disjoint(weir_plan *plan, size_t a, size_t b) WEIR_NOEXCEPT WEIR_NODISCARD;

typedef struct weir_plan_options {
    size_t size;      /* of this struct: WEIR_PLAN_OPTIONS_INIT sets it; 0: the first release's */
    size_t capacity;  /* "fit in this": stop at the first arrangement that does; 0: minimise */
    uint64_t seed;    /* of the random choices; every value is good */
    uint64_t work;    /* budget in units of work, a few nanoseconds each; looked at after the
                         first arrangement is there; 0: default (1e9) */
    uint64_t clock;   /* budget in nanoseconds of wall time; 0: none (results then repeat) */
    unsigned threads; /* 0 or 1; more is EINVAL for now */
    bool heuristic_only; /* no search: skylines alone; with fixed offsets or disjoint pairs first
                            fit in three orders alone */
} weir_plan_options;
#define WEIR_PLAN_OPTIONS_INIT WEIR_STRUCT_INIT(weir_plan_options)

/*
 * Finds offsets. 0; ENOSPC: no arrangement within options->capacity was found (the
 * best one found is kept, weir_plan_arena_size says how far off it is); EINVAL: bad
 * options (a size of no known struct, more than one thread), or constraints that contradict each
 * other (weir_last_error names the buffers); EOVERFLOW: what is live at one time exceeds
 * PTRDIFF_MAX; ENOMEM (the plan is as it was). Every arrangement is verified before it is kept.
 * Cost: one thread. A first arrangement takes time near n log n (100,000 buffers: half a second),
 * with fixed offsets or disjoint pairs as many steps as pairs live together. If it is not at the
 * lower bound, a search follows until the budget is spent (default: one to three seconds); parts of
 * more than 4000 buffers are not searched. Memory: at most 200 bytes a buffer for the first
 * arrangement. After Sekiyama et al. (2018), Pisarchyk and Lee (2020), Maas et al. (2022) and
 * Moffitt (2023).
 */
WEIR_API int weir_plan_solve(weir_plan *plan,
                             const weir_plan_options *options) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * Solves a plan that was solved before and was changed since (buffers added or changed, a
 * constraint): buffers of which nothing was changed keep their offsets, unless the arena would
 * become much worse than it was; then those around the changed ones move, and at last all may.
 * Without options->work a tenth of what the last weir_plan_solve spent is the budget. Worth it for
 * few changes: where more than an eighth of the buffers is new, all are placed anew. A plan that is
 * still solved stays as it is. 0 or an error as of weir_plan_solve, EINVAL also for a plan that was
 * never solved; but for ENOSPC, the plan is then as it was.
 */
WEIR_API int weir_plan_repair(weir_plan *plan,
                              const weir_plan_options *options) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Offset of a buffer, in the order of adding. SIZE_MAX with EINVAL when there is no
 * such buffer or the plan is unsolved. */
WEIR_API size_t weir_plan_offset(const weir_plan *plan, size_t index) WEIR_NOEXCEPT;

/* Greatest offset + size. 0 with EINVAL for an unsolved plan. */
WEIR_API size_t weir_plan_arena_size(const weir_plan *plan) WEIR_NOEXCEPT;

/* Greatest sum of what is live at one time (a group of aliases counts its
 * greatest live member): no arena can be smaller. Known before solving. */
WEIR_API size_t weir_plan_lower_bound(const weir_plan *plan) WEIR_NOEXCEPT;

/* What a solve found out. */
typedef struct weir_plan_stats {
    size_t size;         /* of this struct: WEIR_PLAN_STATS_INIT sets it; 0: the first release's */
    size_t count;        /* buffers */
    size_t arena;        /* bytes; 0 while unsolved */
    size_t lower_bound;  /* as weir_plan_lower_bound */
    size_t proven_bound; /* >= lower_bound: proved out of reach below (alignment, exhaustion) */
    size_t total;        /* sum of all sizes: what no planning takes; SIZE_MAX when greater */
    size_t alignment;    /* the arena's: greatest of the buffers', at least 1 */
    bool optimal;        /* arena == proven_bound, never otherwise */
    uint64_t work;       /* spent, in the units of weir_plan_options.work, and steps of skylines,
                            which no budget stops */
    const char *method;  /* which part found the arrangement: static text */
} weir_plan_stats;
#define WEIR_PLAN_STATS_INIT WEIR_STRUCT_INIT(weir_plan_stats)

/* 0, or EINVAL (NULL, a size of no known struct). */
WEIR_API int weir_plan_stats_get(const weir_plan *plan, weir_plan_stats *stats) WEIR_NOEXCEPT;

/*
 * Checks the arrangement from the buffers alone: alignments, fixed offsets, aliases,
 * disjoint pairs, bounds, and that no two live buffers overlap. 0; EINVAL: unsolved;
 * EILSEQ: it is wrong (weir_last_error names two buffers); ENOMEM.
 */
WEIR_API int weir_plan_verify(const weir_plan *plan) WEIR_NOEXCEPT WEIR_NODISCARD;

/* One of the classical planners, for comparison; docs/internals/planner.md names their sources. */
typedef enum weir_plan_heuristic {
    WEIR_PLAN_NAIVE = 0,         /* every buffer its own memory */
    WEIR_PLAN_GREEDY_BY_SIZE,    /* TensorFlow Lite: largest first, into the tightest gap */
    WEIR_PLAN_GREEDY_BY_BREADTH, /* Pisarchyk and Lee: busiest moment first, there the largest
                                    first, into the tightest gap */
    WEIR_PLAN_FIRST_FIT,         /* in the order of first use, into the lowest gap */
    WEIR_PLAN_BEST_FIT,          /* ggml: allocates and frees in the order of use, the smallest
                                    free piece that fits; what has no end is taken last */
    WEIR_PLAN_LINEAR_SCAN,       /* Mini-infer: allocates and frees in the order of use, the larger
                                    first at one time, the lowest free piece that fits */
    WEIR_PLAN_SKYLINE,           /* weir_plan_options.heuristic_only */
    WEIR_PLAN_HEURISTICS         /* how many there are */
} weir_plan_heuristic;

/* Solves with this heuristic alone; errors as weir_plan_solve, and ENOTSUP for a plan with
 * fixed offsets, aliases or disjoint pairs. */
WEIR_API int weir_plan_solve_with(weir_plan *plan,
                                  weir_plan_heuristic heuristic) WEIR_NOEXCEPT WEIR_NODISCARD;

/* "naive", "by size", ...: static text; NULL for an unknown one. */
WEIR_API const char *weir_plan_heuristic_name(weir_plan_heuristic heuristic) WEIR_NOEXCEPT;

/* -- memory ------------------------------------------------------------------ */

/* One block laid out by a plan. Shared by retain and release, from any thread. */
typedef struct weir_plan_memory weir_plan_memory;

/*
 * weir_plan_arena_size(plan) bytes of `a` (NULL: the CPU allocator), aligned for every buffer,
 * contents undefined. The plan may be changed or destroyed afterwards. NULL with EINVAL
 * (an unsolved plan) or ENOMEM.
 */
WEIR_API weir_plan_memory *weir_plan_memory_create(const weir_plan *plan,
                                                   weir_allocator *a) WEIR_NOEXCEPT WEIR_MALLOC;

WEIR_API weir_plan_memory *weir_plan_memory_retain(weir_plan_memory *memory) WEIR_NOEXCEPT;

/* The last owner's release frees the block. NULL does nothing. */
WEIR_API void weir_plan_memory_release(weir_plan_memory *memory) WEIR_NOEXCEPT;

/* Where buffer `index` of the plan stands. NULL with EINVAL: no such buffer. */
WEIR_API void *weir_plan_memory_buffer(const weir_plan_memory *memory, size_t index) WEIR_NOEXCEPT;

/* The block itself and its bytes. */
WEIR_API void *weir_plan_memory_data(const weir_plan_memory *memory) WEIR_NOEXCEPT;
WEIR_API size_t weir_plan_memory_size_in_bytes(const weir_plan_memory *memory) WEIR_NOEXCEPT;

/*
 * A tensor over buffer `index`, row-major, that keeps the memory alive. What it holds is the
 * program's while the plan says that the buffer is live. NULL with EINVAL (no such
 * buffer, a shape of more bytes than the buffer has) or ENOMEM.
 */
WEIR_API weir_tensor *weir_plan_memory_tensor(weir_plan_memory *memory, size_t index,
                                              const int64_t *shape, size_t ndim,
                                              weir_dtype dtype) WEIR_NOEXCEPT WEIR_NODISCARD;

/* -- recording: lifetimes of a program that knows none ---------------------------- */

/* An allocator that writes down who lives when. Any thread. */
typedef struct weir_plan_recorder weir_plan_recorder;

/* Frees what is still live through it. NULL does nothing. */
WEIR_API void weir_plan_recorder_destroy(weir_plan_recorder *recorder) WEIR_NOEXCEPT;

/* Blocks come from `a` (NULL: the CPU allocator). NULL with ENOMEM. */
WEIR_API weir_plan_recorder *weir_plan_recorder_create(weir_allocator *a) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_plan_recorder_destroy, 1);

/* Run one inference through this. Owned by the recorder. */
WEIR_API weir_allocator *weir_plan_recorder_allocator(weir_plan_recorder *recorder) WEIR_NOEXCEPT;

/*
 * What was recorded up to now as an unsolved plan: a buffer for each allocation, in their
 * order (of 1 byte for one of 0; a block that moves when it is resized is two); time counts
 * allocations and frees; what is still live lives to the end. The caller destroys it. NULL with
 * ENOMEM: also when there was no memory for a record.
 */
WEIR_API weir_plan *weir_plan_recorder_plan(weir_plan_recorder *recorder) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_plan_destroy, 1);

/* An allocator that serves a recorded inference from one arena. Any thread. */
typedef struct weir_plan_replay weir_plan_replay;

/* Frees what is still live through it, and the arena. NULL does nothing. */
WEIR_API void weir_plan_replay_destroy(weir_plan_replay *replay) WEIR_NOEXCEPT;

/* `plan`: solved, from weir_plan_recorder_plan. The arena is taken from `a` (NULL: the CPU
 * allocator), and so is whatever does not go as planned. NULL with EINVAL, ENOMEM. */
WEIR_API weir_plan_replay *weir_plan_replay_create(const weir_plan *plan,
                                                   weir_allocator *a) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_plan_replay_destroy, 1);

/* Give this to the runtime. Owned by the replay. */
WEIR_API weir_allocator *weir_plan_replay_allocator(weir_plan_replay *replay) WEIR_NOEXCEPT;

/* The next inference starts: its allocations are the plan's from the first on. */
WEIR_API void weir_plan_replay_begin(weir_plan_replay *replay) WEIR_NOEXCEPT;

typedef struct weir_plan_replay_stats {
    size_t size;   /* of this struct: WEIR_PLAN_REPLAY_STATS_INIT sets it; 0: the first release's */
    size_t passes; /* weir_plan_replay_begin */
    size_t served; /* allocations that got the place planned for them */
    size_t fallbacks; /* allocations that `a` served: another size than planned, more of
                         them, or a place still taken by something that lived longer */
    size_t arena;     /* bytes */
} weir_plan_replay_stats;
#define WEIR_PLAN_REPLAY_STATS_INIT WEIR_STRUCT_INIT(weir_plan_replay_stats)

/* 0, or EINVAL (NULL, a size of no known struct). */
WEIR_API int weir_plan_replay_stats_get(const weir_plan_replay *replay,
                                        weir_plan_replay_stats *stats) WEIR_NOEXCEPT;

/* -- dynamic shapes: one plan for all of them ---------------------------------------- */

/*
 * Adds a profile: the sizes that all buffers have under one shape of the input, sizes[i] for buffer
 * i; `count` is weir_plan_count. A buffer's size in the plan is the greatest that it was added
 * with or has in a profile, so the offsets hold under every profile and under all sizes between:
 * for any shape whose sizes weir_plan_arena_size_for takes. Buffers added later have their one size
 * in earlier profiles, and weir_plan_change sets the size in all. Profiles are numbered from 0. The
 * plan becomes unsolved if a size grew. 0; EINVAL: NULL, another count; EOVERFLOW as weir_plan_add;
 * ENOMEM; the plan is then as it was.
 */
WEIR_API int weir_plan_add_profile(weir_plan *plan, const size_t *sizes,
                                   size_t count) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Profiles added. NULL: 0. */
WEIR_API size_t weir_plan_profile_count(const weir_plan *plan) WEIR_NOEXCEPT;

/* What one profile needs. */
typedef struct weir_plan_profile_stats {
    size_t size;  /* of this struct: WEIR_PLAN_PROFILE_STATS_INIT sets it; 0: the first release's */
    size_t arena; /* bytes: greatest offset + size under it; 0 while unsolved */
    size_t lower_bound; /* bytes: greatest sum of what is live at one time under it */
    size_t total;       /* bytes: sum of its sizes; SIZE_MAX when greater */
} weir_plan_profile_stats;
#define WEIR_PLAN_PROFILE_STATS_INIT WEIR_STRUCT_INIT(weir_plan_profile_stats)

/* 0; EINVAL: NULL, no such profile, a size of no known struct; ENOMEM. */
WEIR_API int weir_plan_profile_stats_get(const weir_plan *plan, size_t profile,
                                         weir_plan_profile_stats *stats) WEIR_NOEXCEPT;

/*
 * Bytes that the plan's offsets need for these sizes of all buffers, at most
 * weir_plan_arena_size. SIZE_MAX with EINVAL: an unsolved plan, another count than
 * weir_plan_count, or a size greater than the plan's (weir_last_error names the buffer).
 */
WEIR_API size_t weir_plan_arena_size_for(const weir_plan *plan, const size_t *sizes,
                                         size_t count) WEIR_NOEXCEPT;

/* -- dynamic shapes: a plan for each ----------------------------------------------- */

/* Solved plans by key, at most so many: the one used longest ago goes. One thread at a time. */
typedef struct weir_plan_cache weir_plan_cache;

/* Adds the buffers for this key to an empty plan. 0, or an errno value. */
typedef int weir_plan_maker(weir_plan *plan, const void *key, size_t key_size, void *user);

/* With its plans. NULL does nothing. */
WEIR_API void weir_plan_cache_destroy(weir_plan_cache *cache) WEIR_NOEXCEPT;

/* `most` > 0 plans; options for solving (NULL: defaults). NULL with EINVAL, ENOMEM. */
WEIR_API weir_plan_cache *weir_plan_cache_create(size_t most, const weir_plan_options *options,
                                                 weir_plan_maker *make,
                                                 void *user) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_plan_cache_destroy, 1);

/*
 * The solved plan for the key's bytes (the input shapes, say), made if it is not there. It
 * belongs to the cache and may be gone after the next weir_plan_cache_get. NULL with errno:
 * what `make` or solving said (ENOSPC too), or ENOMEM; nothing is kept then.
 */
WEIR_API const weir_plan *weir_plan_cache_get(weir_plan_cache *cache, const void *key,
                                              size_t key_size) WEIR_NOEXCEPT;

typedef struct weir_plan_cache_stats {
    size_t size;   /* of this struct: WEIR_PLAN_CACHE_STATS_INIT sets it; 0: the first release's */
    size_t hits;   /* gets that found a plan */
    size_t misses; /* that made one, or tried to */
    size_t evictions; /* plans thrown out for others */
} weir_plan_cache_stats;
#define WEIR_PLAN_CACHE_STATS_INIT WEIR_STRUCT_INIT(weir_plan_cache_stats)

/* 0, or EINVAL (NULL, a size of no known struct). */
WEIR_API int weir_plan_cache_stats_get(const weir_plan_cache *cache,
                                       weir_plan_cache_stats *stats) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
