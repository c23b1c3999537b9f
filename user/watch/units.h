/*
 * units.h - services that are units of systemd's: followed over D-Bus, and by what the kernel tells of them.
 */
#ifndef TOLLD_WATCH_UNITS_H
#define TOLLD_WATCH_UNITS_H

#include "watch/select.h"

struct units;
struct unit;

/* The first selection of a unit connects to systemd. Its service, where it names one unit, is there already. */
int units_select(struct selection *s);
/* The services that came by a pattern are removed with it. */
void units_unselect(struct selection *s);
void units_free(struct units *units);

/* A process that was looked for started: it may be the main process of a unit that has none. */
void units_started(struct watch *watch, const struct notice *notice, struct instant at);
/* Which process of the unit goes on, now that this one has ended? */
bool units_heir(struct service *service, struct process *ret);
/* The minute's look: those who must have a process and have none are looked at again. */
void units_resync(struct watch *watch);
/* Tells the backend anew which programs are looked for, after others took theirs back. */
void units_tell_programs(struct watch *watch);
/* Why systemd cannot be asked, NULL: it can, or nobody wants to. */
const char *units_fault(const struct watch *watch);

#endif
