/*
 * when.h - a time as people type it: 2024-01-01T00:00:00Z, seconds since 1970, or 1h30m before now.
 */
#ifndef TOLLD_CMD_WHEN_H
#define TOLLD_CMD_WHEN_H

#include <stdint.h>

#define WHEN_CURE                                                                                  \
	"write it as 2024-01-01T00:00:00Z, as seconds since 1970, or as 1h for an hour ago"

/* 0 or -EINVAL. */
int when_parse(const char *text, int64_t now_wall_ms, int64_t *ret_wall_ms);

#endif
