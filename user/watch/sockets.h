/*
 * sockets.h - counts the sockets of several processes together: one that they share counts once.
 */
#ifndef TOLLD_WATCH_SOCKETS_H
#define TOLLD_WATCH_SOCKETS_H

#include "watch/listener.h"
#include "watch/usage.h"

struct sockets {
	struct usage_socket *items;
	size_t n, cap;
	uint64_t *scratch;
	size_t cap_scratch;
	int err; /* -ENOMEM: some are missing */
};

void sockets_release(struct sockets *sockets);
/* Empties it, and keeps its memory. */
void sockets_reset(struct sockets *sockets);
/* A usage_socket_fn: the list is its userdata. */
void sockets_add(const struct usage_socket *socket, void *sockets);
/* For sockets from /proc: those among these listeners listen. */
void sockets_mark(struct sockets *sockets, const struct listeners *listeners);
/* To be called once, after all were added and before any is counted. */
void sockets_sort(struct sockets *sockets);
/* 0 or -ENOMEM. */
int sockets_count(struct sockets *sockets, const pid_t *pids, size_t n, unsigned *ret_sockets,
	unsigned *ret_listeners);

#endif
