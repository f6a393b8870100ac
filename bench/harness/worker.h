/* bench/harness/worker.h - the inside of a worker process of `weir bench`. */
#ifndef WEIR_BENCH_HARNESS_WORKER_H
#define WEIR_BENCH_HARNESS_WORKER_H

/* argv[1..]: the words of a job (bench/harness/job.h). Prints figures on standard output. */
int bench_worker_main(int argc, char **argv);

#endif
