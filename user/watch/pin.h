/*
 * pin.h - maps that bpftool can show, in a directory of their own below a bpffs.
 */
#ifndef TOLLD_WATCH_PIN_H
#define TOLLD_WATCH_PIN_H

#include <sys/types.h>
#include "base/util.h"

struct pin {
	const char *name;
	int map_fd;
};

/* A directory with pins in it. As long as it is held, no other process pins there or removes them. */
struct pins {
	char *dir;
	int lock_fd;
	const struct pin *items; /* borrowed */
	size_t n;
};

/* Who will remove them, where that is not who makes them: a process gives up its rights meanwhile. */
struct pins_owner {
	uid_t uid;
	gid_t gid;
};

/*
 * Makes `dir` (0700), removes what an earlier run left there, pins each map (0600). Never fails as a
 * whole: error[] says why maps are not pinned and what to do about it, "" where all are. `owner` may
 * be NULL: who calls. *ret is to be released by pins_remove() in any case.
 */
void pins_make(const char *dir, const struct pin *items, size_t n, const struct pins_owner *owner,
	struct pins *ret, char *error, size_t error_size);
void pins_remove(struct pins *pins);

#endif
