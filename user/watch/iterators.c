/*
 * iterators.c - keeps iterators as links and programs, and makes descriptors of them.
 */
#include "watch/iterators.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sysinfo.h>
#include "base/util.h"

/* One for a process takes as long as so many threads in one over all, with their files. */
#define THREADS_AS_DEAR_AS_ONE 8

void iterators_init(struct iterators *iterators)
{
	for (size_t i = 0; i < ITERATORS; i++)
		iterators->links[i] = iterators->programs[i] = iterators->under_way[i] = -1;
}

static int keep_fd(int fd, int *ret)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return -errno;
	*ret = copy;
	return 0;
}

int iterators_keep(struct iterators *iterators, int which, const struct bpf_link *link,
	const struct bpf_program *program)
{
	int err = keep_fd(bpf_link__fd(link), &iterators->links[which]);

	return err ? err : keep_fd(bpf_program__fd(program), &iterators->programs[which]);
}

void iterators_release(struct iterators *iterators)
{
	for (size_t i = 0; i < ITERATORS; i++) {
		closep(&iterators->links[i]);
		closep(&iterators->programs[i]);
		closep(&iterators->under_way[i]);
	}
}

bool iterators_are_few(size_t n_processes)
{
	struct sysinfo machine;

	return n_processes <= ITERATORS_FEW && !sysinfo(&machine) &&
	       n_processes * THREADS_AS_DEAR_AS_ONE <= machine.procs;
}

int iterators_run(const struct iterators *iterators, int which)
{
	return bpf_iter_create(iterators->links[which]);
}

int iterators_run_for(const struct iterators *iterators, int which, pid_t pid)
{
	union bpf_iter_link_info only = { .task.pid = (uint32_t)pid };
	LIBBPF_OPTS(
		bpf_link_create_opts, options, .iter_info = &only, .iter_info_len = sizeof(only));
	scoped(closep) int link =
		bpf_link_create(iterators->programs[which], 0, BPF_TRACE_ITER, &options);

	/* What is made of it holds the program, and knows the process. */
	return link < 0 ? link : bpf_iter_create(link);
}
