/*
 * ports.h - whether the listeners on some ports are other ones than before, found by asking.
 *
 * Nothing in the kernel announces a new listener to user space. That a socket is no more is announced by
 * sock_diag (since 4.4): this only says when to ask sooner.
 */
#ifndef TOLLD_WATCH_PORTS_H
#define TOLLD_WATCH_PORTS_H

#include "watch/listener.h"

struct ports {
	uint16_t *items; /* each once, in order */
	size_t n, cap;
	struct listeners known; /* on these ports, when last asked */
	int gone_fd;		/* -1: not announced here */
};

void ports_init(struct ports *ports);
void ports_release(struct ports *ports);
/* 0, or why it could not be asked who listens there now. */
int ports_add(struct ports *ports, uint16_t port);
void ports_remove(struct ports *ports, uint16_t port);

/*
 * Calls on_change for each port with a listener that came or went, once or more often. 0, or why it
 * could not be asked: then nothing is forgotten.
 */
int ports_ask(
	struct ports *ports, void (*on_change)(uint16_t port, void *userdata), void *userdata);

/* A descriptor that is readable when ports_saw_gone() should be asked; -1: there is none. */
int ports_gone_fd(struct ports *ports);
/* Nobody wants to know any more: then the kernel need not announce it. */
void ports_gone_end(struct ports *ports);
/* Was it a socket on one of the ports? */
bool ports_saw_gone(struct ports *ports);

#endif
