/*
 * zone.h - time zones by their IANA names, beside the one that the process lives in.
 *
 * Read from the system's zoneinfo (RFC 8536), without touching TZ: other threads may be asking for
 * local time. Leap seconds are not counted, as POSIX has it.
 */
#ifndef TOLLD_MODEL_ZONE_H
#define TOLLD_MODEL_ZONE_H

#include <stdint.h>
#include "base/arena.h"

struct zone;

/*
 * "Europe/Berlin", "UTC" (or ""), or "Local" for the process's own zone, into the arena. -ENOENT where
 * no such zone is known, -EINVAL where its file cannot be understood, -ENOMEM, or what open() says.
 */
int zone_load(const char *name, struct arena *arena, const struct zone **ret);
/* The same from the bytes of a zoneinfo file: -EINVAL, -ENOMEM. */
int zone_parse(const void *bytes, size_t len, struct arena *arena, const struct zone **ret);
/* Seconds east of UTC at an instant, in seconds since 1970. */
int32_t zone_offset(const struct zone *zone, int64_t wall_s);
/* The same with the abbreviation: "CEST", or "-03" where there is none of letters. */
int32_t zone_at(const struct zone *zone, int64_t wall_s, const char **ret_name);

#endif
