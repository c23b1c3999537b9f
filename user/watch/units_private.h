/*
 * units_private.h - what the two files of units share: units.c faces systemd, unit_services.c the services.
 */
#ifndef TOLLD_WATCH_UNITS_PRIVATE_H
#define TOLLD_WATCH_UNITS_PRIVATE_H

#include "base/map.h"
#include "watch/group.h"
#include "watch/systemd.h"
#include "watch/units.h"
#include "watch/watch_private.h"

/* systemd's own children: whoever else runs the same program is none of its units' main processes. */
#define SYSTEMD_PID 1

/* A unit that is selected, or that starts one that is. */
struct unit {
	struct units *units;
	char *name;
	struct unit_facts facts;
	bool known;		/* systemd has answered */
	bool anew;		/* it was loaded since, and may have another type now */
	int64_t sought_boot_ns; /* when it was last asked whether a unit that was loaded starts it */
	bool was_stopped;	/* on request, since it was last active */
	bool was_waiting;	/* for its restart, when last told */
	int64_t told_us;	/* when the main process started whose end is accounted for */
	char *told_program;	/* what the backend looks for, NULL: nothing */
	struct service **services;
	size_t n, cap;
};

struct units {
	struct watch *watch;
	struct systemd *systemd;
	struct map by_name; /* of all units that are kept */
	struct group_roots roots;
	bool was_up, is_down;
	char fault[256];
	sd_event_source *looking; /* at control groups, while systemd cannot be asked */
};

struct unit *unit_find(const struct units *units, const char *name);
/* One that starts another need not be a service, and nothing else is asked of it. */
bool unit_is_service(const char *name);

/* The unit is this service from now on; without memory it is not. */
int unit_add_service(struct unit *unit, struct service *service);
void unit_remove_service(struct unit *unit, struct service *service);
/* Its service by this pattern, NULL: none. */
struct service *unit_service_by_pattern(const struct unit *unit, const struct selection *s);
/* systemd cannot be asked: whoever lives in its control group is the service. */
void unit_look_at_group(struct unit *unit);
/* What systemd said has changed: services come, go, and fare otherwise. */
void unit_changed(struct unit *unit);

#endif
