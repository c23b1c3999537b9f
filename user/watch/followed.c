/*
 * followed.c - an array, and chains of its items by their number; and what is said of one of them.
 */
#include "watch/followed.h"

#include <errno.h>
#include "watch/pidfd.h"

#define NONE UINT32_MAX

void followed_release(struct followed_list *list)
{
	free(list->items);
	free(list->buckets);
	*list = (struct followed_list){ 0 };
}

static uint32_t *bucket_of(const struct followed_list *list, pid_t pid)
{
	/* Numbers are given in a row: that is as good as any hash. */
	return &list->buckets[(size_t)pid & (list->n_buckets - 1)];
}

static void link_item(struct followed_list *list, uint32_t i)
{
	uint32_t *bucket = bucket_of(list, list->items[i].process.pid);

	list->items[i].next = *bucket;
	*bucket = i;
}

static void unlink_item(struct followed_list *list, uint32_t i)
{
	uint32_t *at = bucket_of(list, list->items[i].process.pid);

	while (*at != i)
		at = &list->items[*at].next;
	*at = list->items[i].next;
}

static int grow_buckets(struct followed_list *list)
{
	size_t n = MAX(2 * list->n_buckets, (size_t)16);
	uint32_t *buckets = realloc(list->buckets, n * sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	list->buckets = buckets;
	list->n_buckets = n;
	for (size_t i = 0; i < n; i++)
		buckets[i] = NONE;
	for (uint32_t i = 0; i < list->n; i++)
		link_item(list, i);
	return 0;
}

struct followed *followed_find(const struct followed_list *list, pid_t pid)
{
	if (!list->n_buckets)
		return NULL;
	for (uint32_t i = *bucket_of(list, pid); i != NONE; i = list->items[i].next) {
		if (list->items[i].process.pid == pid)
			return &list->items[i];
	}
	return NULL;
}

int followed_add(struct followed_list *list, const struct followed *item)
{
	if (!vec_reserve(list->items, list->n, list->cap) ||
		(list->n == list->n_buckets && grow_buckets(list)))
		return -ENOMEM;
	list->items[list->n] = *item;
	link_item(list, (uint32_t)list->n++);
	return 0;
}

struct followed followed_take(struct followed_list *list, size_t i)
{
	struct followed taken = list->items[i];
	uint32_t last = (uint32_t)list->n - 1;

	unlink_item(list, (uint32_t)i);
	if (i != last) {
		unlink_item(list, last);
		list->items[i] = list->items[last];
		list->n--;
		link_item(list, (uint32_t)i);
	} else {
		list->n--;
	}
	return taken;
}

bool followed_rests(const struct followed *f, uint64_t *ret_cpu_ns)
{
	*ret_cpu_ns = 0;
	return process_cpu_ns(f->process.pid, ret_cpu_ns) == 0 && f->cpu_ns &&
	       *ret_cpu_ns == f->cpu_ns;
}

bool followed_see(
	struct followed *f, const struct process_stat *stat, uint64_t cpu_ns, int64_t now_boot_ns)
{
	f->seen_boot_ns = now_boot_ns;
	f->cpu_ns = cpu_ns;
	f->kin = (struct kin){ .parent = stat->parent, .group = stat->group };
	if (streq(stat->comm, f->process.comm))
		return false;
	memcpy(f->process.comm, stat->comm, sizeof(stat->comm));
	f->renamed = true;
	return true;
}

void followed_tell_used(const struct process_stat *stat, struct notice *n)
{
	memcpy(n->process.comm, stat->comm, sizeof(n->process.comm));
	n->exit.has_cpu = n->exit.has_faults = stat->threads > 0;
	n->exit.cpu_ns = stat->cpu_ns;
	n->exit.minor_faults = stat->minor_faults;
	n->exit.major_faults = stat->major_faults;
	if (stat->threads > 0)
		n->exit.kin = (struct kin){ .parent = stat->parent, .group = stat->group };
}

int followed_read_end(const struct followed *f, bool pidfd_tells, struct notice *n)
{
	bool asks = f->fd >= 0 && pidfd_tells;
	struct process_stat stat;

	/* Reaped already, it is not in /proc any more, and to look for it there waits for the reaper. */
	if (asks && pidfd_wait_status(f->fd, &n->exit.wait_status) == 0)
		return 0;
	/* As long as it is a zombie, /proc tells those who may trace it. */
	if (process_stat_read_dead(f->process.pid, f->start_ticks, &stat) == 0) {
		followed_tell_used(&stat, n);
		n->exit.wait_status = stat.wait_status;
		if (stat.tells_wait_status)
			return 0;
	}
	if (f->has_status) {
		n->exit.wait_status = f->wait_status;
		return 0;
	}
	return asks ? pidfd_wait_status(f->fd, &n->exit.wait_status) : -ENODATA;
}
