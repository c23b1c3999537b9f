/*
 * living.c - reads the living from the kernel's iterator, or from /proc.
 */
#include "watch/living.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include "base/num.h"
#include "watch/event.h"
#include "watch/procfs.h"

struct living_list {
	struct process *items;
	size_t n, cap;
};

static int add(struct living_list *list, const struct process *process)
{
	if (!vec_reserve(list->items, list->n, list->cap))
		return -ENOMEM;
	list->items[list->n++] = *process;
	return 0;
}

/* 0 hands it over. */
static int finish(struct living_list *list, int err, struct process **ret, size_t *ret_n)
{
	if (err) {
		free(list->items);
		return err;
	}
	*ret = list->items;
	*ret_n = list->n;
	return 0;
}

static int add_record(struct living_list *list, const struct tolld_living *living)
{
	struct process process = {
		.pid = (pid_t)living->pid,
		.start_boot_ns = (int64_t)living->start_boottime_ns,
	};

	event_comm(process.comm, living->comm);
	return add(list, &process);
}

int living_by_iterator(int iter_fd, struct process **ret, size_t *ret_n)
{
	/* A whole number of records: so no read of an iterator ends within one. */
	struct tolld_living chunk[128];
	struct living_list list = { 0 };
	scoped(closep) int fd = iter_fd;
	ssize_t got;
	int err = 0;

	if (fd < 0)
		return fd;
	while (!err && (got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0) {
			err = errno == EAGAIN || errno == EINTR ? 0 : -errno;
			continue;
		}
		for (size_t i = 0; !err && i < (size_t)got / sizeof(chunk[0]); i++)
			err = add_record(&list, &chunk[i]);
	}
	return finish(&list, err, ret, ret_n);
}

/* Of a whole process: its leader may have left the rest of it. */
static int is_on_its_way_out(pid_t pid, const struct process_stat *leader, bool *ret)
{
	struct process_stat thread;
	struct dirent *entry;
	char path[32];
	int64_t id;
	DIR *tasks;
	bool all = true;

	*ret = leader->exits;
	if (!leader->exits || leader->threads <= 1)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	if (!tasks)
		return errno == ENOENT ? 0 : -errno;
	while (all && (entry = readdir(tasks))) {
		if (num_parse_int(entry->d_name, 1, INT32_MAX, &id) == 0 &&
			thread_stat_read(pid, (pid_t)id, &thread) == 0)
			all = thread.exits;
	}
	closedir(tasks);
	*ret = all;
	return 0;
}

int living_is_still(pid_t pid, int64_t start_boot_ns, struct process *ret)
{
	struct process_stat stat;
	bool leaves = false;
	int err = process_stat_read(pid, &stat);

	if (!err)
		err = is_on_its_way_out(pid, &stat, &leaves);
	if (err)
		return err;
	/* One that is on its way out has told its death already: an entry that is made now would wait for ever. */
	if (leaves || process_stat_is_dead(&stat) || stat.start_boot_ns != start_boot_ns)
		return -ESRCH;
	*ret = (struct process){ .pid = pid, .start_boot_ns = start_boot_ns };
	memcpy(ret->comm, stat.comm, sizeof(ret->comm));
	return 0;
}

/* Whoever is dead is left out. */
static int add_of_map(struct living_list *list, int processes_map_fd, struct process_key key)
{
	struct watched_process entry;
	struct process process;
	int err;

	if (bpf_map_lookup_elem(processes_map_fd, &key, &entry))
		return 0;
	err = living_is_still((pid_t)key.pid, (int64_t)entry.start_boottime_ns, &process);
	if (err)
		return err == -ESRCH ? 0 : err;
	return add(list, &process);
}

int living_by_proc(int processes_map_fd, struct process **ret, size_t *ret_n)
{
	struct living_list list = { 0 };
	struct process_key key, *before = NULL;
	int err = 0;

	/*
	 * A walk that is disturbed by a deletion starts over, and lists some twice, which does no harm; the
	 * bound ends it.
	 */
	for (size_t steps = 0; !err && steps < 2 * TOLLD_PROCESSES; steps++) {
		err = bpf_map_get_next_key(processes_map_fd, before, &key);
		if (err == -ENOENT)
			return finish(&list, 0, ret, ret_n);
		if (!err)
			err = add_of_map(&list, processes_map_fd, key);
		before = &key;
	}
	return finish(&list, err, ret, ret_n);
}
