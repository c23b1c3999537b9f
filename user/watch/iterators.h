/*
 * iterators.h - runs the kernel's iterators, over all processes of the machine or over one of them.
 *
 * All cost up to a microsecond for each thread, or open file, of the machine; one costs about ten, which
 * kernels do since 6.1 (struct bpf_iter_link_info in include/uapi/linux/bpf.h).
 */
#ifndef TOLLD_WATCH_ITERATORS_H
#define TOLLD_WATCH_ITERATORS_H

#include <stdbool.h>
#include <sys/types.h>

struct bpf_link;
struct bpf_program;

enum { ITER_TASKS, ITER_USAGE, ITER_SOCKETS, ITERATORS };

#define ITERATORS_FEW 32

struct iterators {
	int links[ITERATORS];	  /* over all */
	int programs[ITERATORS];  /* to be linked for one */
	int under_way[ITERATORS]; /* read in part; -1: none */
};

void iterators_init(struct iterators *iterators);
/* Keeps descriptors of its own. 0 or a negative errno. */
int iterators_keep(struct iterators *iterators, int which, const struct bpf_link *link,
	const struct bpf_program *program);
void iterators_release(struct iterators *iterators);

/* Whether asking for each of so many processes is cheaper than going through all. */
bool iterators_are_few(size_t n_processes);

/* A descriptor to read records from, until it ends; or a negative errno. */
int iterators_run(const struct iterators *iterators, int which);
/* Of this process alone: nothing, where it is gone. Kernels that cannot do that refuse it. */
int iterators_run_for(const struct iterators *iterators, int which, pid_t pid);

#endif
