/*
 * service_private.h - what the files of the state machine share, and nobody else needs.
 *
 * service.c is life and death, serving.c the services at an address, selected.c those that are
 * processes of some description.
 */
#ifndef TOLLD_WATCH_SERVICE_PRIVATE_H
#define TOLLD_WATCH_SERVICE_PRIVATE_H

#include "watch/service.h"

/*
 * The socket of a dead owner closes some microseconds after its exit is told, but only after its memory
 * was torn down (since 6.16): with gigabytes that takes long. And a forked sharer may keep it open.
 */
#define LOOK_AFTER_DEATH_NS (50 * NSEC_PER_MSEC)

/* Something that people see has changed. */
void service_changed(struct service *service);
void service_tell(struct service *service, enum service_event what);
void service_set_state(struct service *service, enum service_state state, struct instant at);
void service_look_by(struct service *service, int64_t boot_ns);
/* Somebody has looked. */
void service_looked(struct service *service);
/* NULL: none. All changes of the owner go through it: it is what notices find their service by. */
void service_set_owner(struct service *service, const struct process *process);
/* Its process is dead, and that is a fault. */
void service_die(struct service *service, const struct death *death);

/* serving.c */
void serving_notice_listen(struct services *set, const struct notice *notice, struct instant now);
void serving_notice_port(struct services *set, uint16_t port, struct instant now);

/* selected.c */
void selected_adopt(struct service *service, const struct process *process, struct instant at);
/* Says what it is by what is known; the doubt is over. */
void selected_decide(struct service *service, struct instant at);
void selected_exited(
	struct service *service, const struct notice *notice, const struct death *death);
void selected_notice_listen(
	struct service *service, const struct notice *notice, struct instant now);

#endif
