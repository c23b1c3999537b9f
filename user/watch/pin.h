/*
 * pin.h - maps that bpftool can show, in a directory of their own below a bpffs.
 */
#ifndef TOLLD_WATCH_PIN_H
#define TOLLD_WATCH_PIN_H

#include "base/util.h"

struct pin {
	const char *name;
	int map_fd;
};

/*
 * Makes `dir` (0700), removes what an earlier run left there, pins each map (0600). Never fails as a
 * whole: error[] says why maps are not pinned and what to do about it, "" where all are.
 */
void pins_make(const char *dir, const struct pin *pins, size_t n, char *error, size_t error_size);
void pins_remove(const char *dir, const struct pin *pins, size_t n);

#endif
