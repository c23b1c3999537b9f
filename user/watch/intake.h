/*
 * intake.h - records between the kernel's ring and whoever reads them, first in, first out.
 *
 * The ring is small and drops what finds no room; here there is room for a storm, and memory is given
 * back after it. A record is a number of bytes.
 */
#ifndef TOLLD_WATCH_INTAKE_H
#define TOLLD_WATCH_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

/* Some 25,000 deaths. */
#define INTAKE_MAX_BYTES ((size_t)4 << 20)

struct intake {
	char *bytes;
	size_t begin, end, cap;
};

/* -ENOBUFS where it is full, -ENOMEM; the record is then not in it. */
int intake_put(struct intake *intake, const void *record, size_t size);
/* The oldest record, taken out; valid until the next call. NULL: none. */
const void *intake_take(struct intake *intake, size_t *ret_size);
static inline bool intake_is_empty(const struct intake *intake)
{
	return intake->begin == intake->end;
}
void intake_release(struct intake *intake);

#endif
