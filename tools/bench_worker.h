/* tools/bench_worker.h - the inside of a worker process of `weir bench`. */
#ifndef WEIR_TOOLS_BENCH_WORKER_H
#define WEIR_TOOLS_BENCH_WORKER_H

/* argv[1..]: the words of a job (tools/bench_job.h). Prints figures on standard output. */
int bench_worker_main(int argc, char **argv);

#endif
