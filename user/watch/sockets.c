/*
 * sockets.c - counts sockets, by inode.
 */
#include "watch/sockets.h"

#include <errno.h>
#include "base/util.h"

void sockets_release(struct sockets *sockets)
{
	free(sockets->items);
	free(sockets->scratch);
	*sockets = (struct sockets){ 0 };
}

void sockets_reset(struct sockets *sockets)
{
	sockets->n = 0;
	sockets->err = 0;
}

void sockets_add(const struct usage_socket *socket, void *userdata)
{
	struct sockets *sockets = userdata;

	if (vec_reserve(sockets->items, sockets->n, sockets->cap))
		sockets->items[sockets->n++] = *socket;
	else
		sockets->err = -ENOMEM;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int compare_pids(const void *a, const void *b)
{
	const struct usage_socket *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

void sockets_mark(struct sockets *sockets, const struct listeners *listeners)
{
	uint64_t *inodes = calloc(listeners->n + 1, sizeof(*inodes));

	if (!inodes) {
		sockets->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < listeners->n; i++)
		inodes[i] = listeners->items[i].inode;
	qsort(inodes, listeners->n, sizeof(*inodes), compare_numbers);
	for (size_t i = 0; i < sockets->n; i++)
		sockets->items[i].listens = bsearch(&sockets->items[i].inode, inodes, listeners->n,
						    sizeof(*inodes), compare_numbers) != NULL;
	free(inodes);
}

void sockets_sort(struct sockets *sockets)
{
	if (sockets->n)
		qsort(sockets->items, sockets->n, sizeof(*sockets->items), compare_pids);
}

/* The first one of the process, or where it would stand. */
static size_t find_pid(const struct sockets *sockets, pid_t pid)
{
	size_t low = 0, high = sockets->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sockets->items[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int sockets_count(struct sockets *sockets, const pid_t *pids, size_t n, unsigned *ret_sockets,
	unsigned *ret_listeners)
{
	unsigned distinct = 0, listening = 0;
	size_t found = 0;

	for (size_t p = 0; p < n; p++) {
		for (size_t i = find_pid(sockets, pids[p]);
			i < sockets->n && sockets->items[i].pid == pids[p]; i++) {
			const struct usage_socket *s = &sockets->items[i];

			if (!vec_reserve(sockets->scratch, found, sockets->cap_scratch))
				return -ENOMEM;
			/* The lowest bit goes along: inodes are far from 64 bits. */
			sockets->scratch[found++] = s->inode << 1 | s->listens;
		}
	}
	if (found)
		qsort(sockets->scratch, found, sizeof(*sockets->scratch), compare_numbers);
	for (size_t i = 0; i < found; i++) {
		if (i && sockets->scratch[i] == sockets->scratch[i - 1])
			continue;
		distinct++;
		listening += sockets->scratch[i] & 1;
	}
	*ret_sockets = distinct;
	*ret_listeners = listening;
	return 0;
}
