/*
 * ports.h - whether the listeners on some ports are other ones than before, found by asking.
 *
 * Nothing in the kernel announces a new listener to user space. That a socket is no more is announced by
 * sock_diag (SKNLGRP_INET_TCP_DESTROY), but once anybody listens for that, each TCP connection of
 * the machine costs half as much again (8 us became 13): so it is not used.
 */
#ifndef TOLLD_WATCH_PORTS_H
#define TOLLD_WATCH_PORTS_H

#include "watch/listener.h"

struct ports {
	uint16_t *items; /* each once, in order */
	size_t n, cap;
	struct listeners known; /* on these ports, when last asked */
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

#endif
