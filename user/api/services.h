/*
 * services.h - words about services that the API and the page share.
 */
#ifndef TOLLD_API_SERVICES_H
#define TOLLD_API_SERVICES_H

#include "api/jsonw.h"
#include "api/state.h"

const char *service_state_name(enum service_state state);
/* A pass for a person who looks now: what can be read at once is, the rest is as old as the last one. */
void services_measure(const struct api *api);
/* Since when it is in its state; since tolld's start where nothing older is known. */
int64_t service_since_wall_ms(const struct api *api, const struct service_info *info);
/* A boot time as wall time, by the two clocks' present distance. */
int64_t wall_of(int64_t boot_ns, struct instant now);
/* A name that a process gave itself ends at 16 bytes, with or without a NUL. */
void write_comm(struct jsonw *json, const char *name, const char comm[WATCH_COMM_MAX]);
void write_death(struct jsonw *json, const struct death *death);

#endif
