/*
 * everyone.h - every listening process as a service, where neither settings nor systemd say what is one.
 *
 * Who listens when it begins is a service at once; who comes later, when it has listened for a minute.
 * Ports that the kernel gives out by itself are nobody's service. One that was a service stays one.
 */
#ifndef TOLLD_WATCH_EVERYONE_H
#define TOLLD_WATCH_EVERYONE_H

#include "watch/listener.h"

/* Those ports, of `listeners`, that are new services now. Pure but for the sockets that it is given. */
struct everyone {
	struct heard {
		uint16_t port;
		int64_t since_boot_ns;
		bool is_service;
		bool is_heard; /* at the look that is under way */
	} * items;
	size_t n, cap;
	bool looked;		  /* once at least */
	uint16_t first_given_out; /* the kernel's own range begins here */
	int64_t next_boot_ns;
};

#define EVERYONE_EVERY_NS (10 * NSEC_PER_SEC)
#define EVERYONE_STAYS_NS (60 * NSEC_PER_SEC)

void everyone_init(struct everyone *everyone);
void everyone_release(struct everyone *everyone);
/*
 * Takes a look. Each port that is a service from now on is given to `fn`, with one of its sockets; where that
 * returns false it is asked again at the next look. -ENOMEM: some were left out until then.
 */
int everyone_look(struct everyone *everyone, const struct listeners *listeners, int64_t now_boot_ns,
	bool (*fn)(const struct listener *listener, void *userdata), void *userdata);
/* The first port that the kernel gives out by itself. */
uint16_t everyone_first_given_out(void);

#endif
