/*
 * load.h - tolld's programs in the kernel: loaded, attached, and what is kept of them.
 *
 * Two builds of the same programs: one for kernels that know their own types, and one that reads memory by a
 * helper, where a file says the types. The second has no iterators.
 */
#ifndef TOLLD_WATCH_LOAD_H
#define TOLLD_WATCH_LOAD_H

#include "tolld/map.h"
#include "watch/iterators.h"
#include "watch/pin.h"

#define LINKS_MAX 16

enum { MAP_SERVICES, MAP_PROCESSES, MAP_PORTS, MAP_PROGRAMS, MAP_COUNTS, MAPS };

struct load_options {
	const char *btf_file; /* types of the running kernel; NULL: it has its own */
	uint32_t ring_bytes;  /* 0: the usual */
};

/* All of it is closed by loaded_release(), which detaches the programs. */
struct loaded {
	struct pin maps[MAPS];
	int ring_fd;
	int links[LINKS_MAX];
	size_t n_links;
	struct iterators iterators;  /* of the first build alone */
	struct tolld_may_be *may_be; /* mapped: the kernel's own */
	bool has_block_errors;
};

/*
 * 0 or a negative errno with error[] saying in one line what is missing, and what to do about it. Afterwards
 * only descriptors are left: libbpf's own memory, megabytes of types, is given back.
 */
int load_programs(
	const struct load_options *options, struct loaded *ret, char *error, size_t error_size);
/* Then no file of types is needed. */
bool kernel_has_types(void);

/* Takes what load_programs() made, also where it failed. */
void loaded_release(struct loaded *loaded);

#endif
