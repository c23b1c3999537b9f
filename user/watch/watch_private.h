/*
 * watch_private.h - what the files share that drive the services: watch.c the loop, look.c listeners,
 * select.c the processes of some description.
 */
#ifndef TOLLD_WATCH_WATCH_PRIVATE_H
#define TOLLD_WATCH_WATCH_PRIVATE_H

#include "watch/internal.h"
#include "watch/limits.h"
#include "watch/meter.h"
#include "watch/owners.h"
#include "watch/select.h"
#include "watch/telling.h"

struct watch {
	struct watch_options options;
	const struct backend_ops *ops;
	struct backend *backend;
	sd_event *event;
	struct services services;
	struct finder finder;
	struct meter *meter;
	struct victims *victims;  /* NULL: the OOM killer has ended nobody */
	bool blind_to_oom;	  /* nor would that be seen */
	uint64_t oom_kills;	  /* that the kernel had counted when they were looked for last */
	struct limits *limits;	  /* NULL: the backend does not tell of the OOM killer */
	struct units *units;	  /* NULL: no unit is selected */
	struct sd_bus *early_bus; /* to systemd, from when this was root; NULL: none */
	sd_event_source *timer;
	struct holders holders; /* of the looks of this turn */
	char reason[512];	/* why this backend */
	struct histogram death_to_sample_s;
	struct telling telling; /* holds while a service is added */
};

/* The timer, to the next deadline. */
void watch_arm(struct watch *watch);
/* Whatever is due by now, after something was told. */
void watch_do_what_is_wanted(struct watch *watch);

/* victims.c: remembers who was chosen, and adds to the notice whose memory was out, where that can be found. */
void watch_note_victim(struct watch *watch, struct notice *notice);

/* Nothing is told of the port any more, unless some service is there. */
void watch_port_release(struct watch *watch, uint16_t port);

/*
 * A relative of the dead may fork and end while it is looked at, or while others are: then its child was not in the
 * list, and all are looked at again, as long as anybody was made meanwhile. A daemon forks twice.
 */
#define HEIR_ROUNDS 3

/* resync.c: asks who lives, and tells the services; who was lost is watched anew. 0 or a negative errno. */
int watch_ask_living(struct watch *watch);

/* look.c: does the looks that are due. 0, or why the listeners could not be asked for. */
int watch_look(struct watch *watch);

/*
 * Who holds these inodes of `listeners`, as owners_find(). Whoever asks for many, one soon after another, waits for
 * one pass over all processes.
 */
size_t watch_owners(struct watch *watch, const struct listeners *listeners, const uint64_t *inodes,
	size_t n, struct owner ret[OWNERS_MAX]);
/* Who goes on for a process that has ended cleanly: see service_ops. */
bool watch_heir(
	struct service *service, const struct notice *exit, struct process *ret, void *userdata);

#endif
