/*
 * tools/run/run.h - what the files of `weir run` share: what is to be run, how it went, and
 * what is known of the processes.
 *
 *   command.c      the options, the order of things, the exit status
 *   check.c        can the program carry the library?
 *   memory.c       makes the shared memory and hands it to who may have it
 *   program.c      starts the program; signals and stops, there and back
 *   watch.c        finds the process images, follows their lives, frees what is over
 *   process.c      what the system says of a process
 *   chunks.c       takes what was recorded out of the memory
 *   record.c       the files of a recording
 *   records.c      definitions that a recorder wrote, into them
 *   names.c        names of code made at run time, into a recording
 *   report.c       what is said at the end, as text; run_json.c, as JSON
 *   page.c         the page of --html
 *   metrics.c      what a scraper is told; serve.c: who tells it
 */
#ifndef WEIR_TOOLS_RUN_RUN_H
#define WEIR_TOOLS_RUN_RUN_H

#include "observe/run_page.h"
#include "tools/shown/figures.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>

#define RUN_OWN_FAILURE                                                                            \
    125 /* weir run itself failed: before the start, or the report cannot be written */
#define RUN_RECORD_INCOMPLETE 123 /* the program gave 0, its recording is not whole */

struct run {
    bool json, quiet, sizes;
    bool passing; /* the recordings go when a page is made of one */
    const char *limit, *record, *output, *html, *metrics; /* as given, or NULL */
    uint64_t stacks_from;                                 /* observe/stacks.h */
    char **command;
    char library[4096];      /* libweir-malloc.so */
    void *page;              /* the shared memory */
    uint32_t unit;           /* of its tallies */
    int page_file;           /* -1: it is a segment */
    int segment;             /* of System V; -1: it is a file */
    sigset_t mask;           /* of who started weir run: the program's */
    int listener;            /* hands the memory out; -1: none */
    char where[256];         /* the environment's word for it */
    const char *key;         /* in `where`: who says it gets the memory */
    int pid;                 /* of the program; 0: not started */
    int witness;             /* of signals to the process group; run_program.c */
    uint64_t started, ended; /* CLOCK_MONOTONIC, ns */
    int status;              /* as of wait */
    struct rusage usage;
    struct run_watch *watch;
    struct weir__http *server; /* of --metrics; NULL: none */
};

/* The command (tools/command.h). tools/run/command.c */
int weir_command_run(int argc, char **argv);

/* Nanoseconds. */
uint64_t run_clock(void);

/* -- check.c ------------------------------------------------------------------------ */

/*
 * Can the program be run with a library loaded first? 0, or the exit status that a
 * shell would give (126, 127) after one line on standard error: it is not there, not
 * executable, static, setuid, for another machine.
 */
int run_check(const char *program);

/* Finds libweir-malloc.so next to this program or where it was installed; false after
 * one line on standard error. */
bool run_library(struct run *run);

/* -- memory.c ----------------------------------------------------------------------- */

/* Makes the memory and what the environment says of it; false after one line on standard
 * error. */
bool run_memory_make(struct run *run);

/* The environment of the program becomes ours. */
void run_memory_export(const struct run *run);

/* Somebody asks at the listener. */
void run_memory_answer(const struct run *run);

/* -- program.c ---------------------------------------------------------------------- */

/* Runs the program to its end, with run->watch looking on; false after one line on standard
 * error. */
bool run_program(struct run *run);

/* Ends as the program did: does not return, or returns the exit status. */
int run_end_like_it(const struct run *run);

/* -- watch.c ------------------------------------------------------------------------ */

enum run_ending {
    RUN_RUNNING, /* still, when the program had ended */
    RUN_EXITED,  /* through the C library */
    RUN_KILLED,  /* by a signal */
    RUN_ENDED,   /* by a signal, or by the bare system call: it is not our child */
    RUN_EXECED,  /* became the next image of its process */
    RUN_LOST     /* became a program that weir could not follow */
};

struct run_image {
    struct run_image *next; /* in the order in which they were seen */
    struct run_image *same; /* an earlier one whose process falls to the same list */
    uint32_t index;
    uint64_t number; /* counts those that were seen; `serial` is what the program says */
    uint64_t serial, taken_at, started, ended, looked;
    int pid, parent, nth; /* nth image of its process, from 1 */
    uint32_t kind, flags, execution;
    uint32_t lost; /* enum weir__lost: why `lost_program` cannot carry weir */
    enum run_ending ending;
    bool over, seen_alive;
    bool done;                  /* it came to its exit: what it has goes with it */
    bool dropped;               /* about to be forgotten */
    struct run_image *after;    /* what its process became by exec; NULL: nothing that is kept */
    uint64_t resident, outside; /* at most: resident, and mapped outside malloc; bytes */
    uint64_t files;             /* at most: resident pages of files, code among them */
    uint64_t own, malloc_had; /* of the latest sample: its own resident bytes, and malloc's then */
    struct run_figures figures;
    struct run_recording *recording; /* NULL: none */
    char *program, *command, lost_program[96];
    const char *arguments;           /* the end of `command`, from a space on; or "" */
    struct weir__run_class *classes; /* WEIR__RUN_CLASSES, or NULL: unknown, or nobody asked */
};

#define RUN_IMAGES_KEPT 8192 /* of those that are over, the greatest */
#define RUN_PROCESSES   1024 /* lists by process, a power of two */

struct run_watch {
    struct run *run;
    struct run_image *first, **last;
    unsigned count;
    uint64_t numbered;                          /* the latest image's number */
    struct run_image *processes[RUN_PROCESSES]; /* latest first */
    struct run_image *at[WEIR__RUN_IMAGES];     /* by index in the memory; NULL: free or unknown */
    bool left[WEIR__RUN_IMAGES];                /* to the next look */
    uint64_t tree_peak, tree_peak_at;           /* the greatest sum of what lived at once, seen */
    unsigned tree_processes;                    /* then */
    uint64_t lost;                              /* images that found no room, or were forgotten */
    uint64_t lives_next;                        /* when it is time to ask again who lives */
    uint64_t chunk_done[WEIR__RUN_CHUNKS];      /* bytes of a chunk of records that were read */
};

struct run_watch *run_watch_make(struct run *run);

/* Frees it. */
void run_watch_drop(struct run_watch *watch);

/* One look at everything. True: something happened, look again soon. */
bool run_watch_look(struct run_watch *watch);

/* The program has ended: the last look. */
void run_watch_end(struct run_watch *watch);

/* -- process.c ----------------------------------------------------------------------- */

/* Is its process there, and the one that took the image? */
bool run_process_lives(const struct run_image *image);

/* Notes what is resident, at most, and returns what is now; bytes, 0: unknown. *of_files: how many
 * of them are pages of files or shared. */
uint64_t run_process_sample(struct run_image *image, uint64_t *of_files);

/* Holds the latest sample against the figures: how much of it is not malloc's, at most.
 * Returns what malloc had. */
uint64_t run_process_outside(struct run_image *image);

/* -- chunks.c ------------------------------------------------------------------------ */

/* Writes what is full, and all of images that are over; `all`: of all. True: there was
 * something. */
bool run_chunks_look(struct run_watch *watch, bool all);

/* -- record.c ------------------------------------------------------------------------ */

struct run_recording {
    struct run_recording *next; /* in the order in which they were made */
    struct run_recording *same; /* whose path falls to the same list */
    int file;                   /* -1: closed */
    int error;                  /* the first errno value; then nothing more is written */
    char *path;
    uint64_t end, room;              /* bytes; where the footer can go if nothing else can */
    uint64_t events, missing, total; /* written; numbered but not written; both (at the end) */
    uint64_t under_way; /* of the missing: of calls that had not returned when it ended */
    uint64_t sampled;
    bool headed; /* HEAD is written */
    bool footed;
    bool odd;                /* held what no recorder writes */
    struct run_names *names; /* NULL: no module and no stack was told of */
};

/* Opens and locks the file that the program is to be recorded to. False after one line on
 * standard error. */
bool run_record_prepare(struct run *run);

/* The recording of an image, made at the first thing that is to be written; NULL: it cannot
 * be. */
struct run_recording *run_record_of(struct run *run, struct run_image *image);

#define RUN_FOOT_MOST 256 /* bytes of a footer */

/* A record of two parts, and records as bytes, frame after frame, of which as many are written as
 * there is room for. False: it was not. */
bool run_record_write(struct run_recording *r, uint32_t type, const void *head, size_t nhead,
                      const void *body, size_t nbody);
void run_record_write_frames(struct run_recording *r, const unsigned char *bytes, size_t n);

void run_record_events(struct run_recording *r, const struct weir__run_chunk *front,
                       const unsigned char *bytes);
void run_record_sample(struct run_recording *r, uint64_t number, uint64_t resident,
                       uint64_t reserved, uint64_t of_files);
/* A JITM record. */
void run_record_jit(struct run_recording *r, const void *record, size_t length);
void run_record_end(struct run_recording *r, const struct weir__run_image *image);

/* All of this run, in the order in which they were made. */
const struct run_recording *run_record_first(void);

/* Closes what is open; true: every one is whole. */
bool run_record_close(void);

/* Frees all, closed before: for who runs twice in one process (fuzz/run.c). */
void run_record_forget(void);

/* -- records.c ----------------------------------------------------------------------- */

/* Do the bytes begin with HEAD? */
bool run_record_begins(const unsigned char *bytes, size_t n);

/* What a chunk of records has: type, length, payload, one after the other. */
void run_record_records(struct run_recording *r, const unsigned char *bytes, size_t n);

/* -- names.c ------------------------------------------------------------------------- */

/* A record passes on its way into the file. */
void run_names_look(struct run_recording *r, uint32_t type, const unsigned char *payload,
                    uint32_t length);

/* Its process is over: what is wanted and can be found goes into the file. */
void run_names_write(struct run_recording *r, const struct run_image *image);

void run_names_free(struct run_recording *r);

/* -- report.c, run_json.c ------------------------------------------------------------ */

void run_report(const struct run *run, FILE *to);
void run_json(const struct run *run, FILE *to);

/* The image with the greatest peak, and the last image of the program; NULL: there is none. */
const struct run_image *run_largest(const struct run *run);
const struct run_image *run_last_of_program(const struct run *run);
const char *run_ending_text(const struct run_image *image);
const char *run_lost_text(uint32_t lost);

/* "SIGTERM", "SIGRTMIN+3". */
const char *run_signal_text(int signal);

/* -- metrics.c, serve.c ----------------------------------------------------------------- */

/* The figures of the processes that run, at most `most` with their own lines; OpenMetrics, or
 * the text format. The caller frees it; NULL: no memory. */
char *run_metrics(const struct run *run, bool text, size_t most, size_t *length);

/* Listens at run->metrics; false after one line on standard error. */
bool run_serve_begin(struct run *run);

/* A descriptor to wait for, or -1; what is done then; and the end. Nothing, where there is none. */
int run_serve_descriptor(const struct run *run);
void run_serve_answer(const struct run *run);
void run_serve_end(struct run *run);

#endif
