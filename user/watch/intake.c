/*
 * intake.c - one stretch of memory: appended to at its end, taken from at its beginning.
 */
#include "watch/intake.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

#define CAP_MIN ((size_t)16 << 10)

/* Each record has its size before it, and begins where any structure may. */
#define HEAD_BYTES sizeof(uint64_t)

static size_t room_for(size_t size)
{
	return HEAD_BYTES + (size + HEAD_BYTES - 1) / HEAD_BYTES * HEAD_BYTES;
}

static int make_room(struct intake *intake, size_t need)
{
	size_t used = intake->end - intake->begin, cap = MAX(intake->cap, CAP_MIN);
	char *bytes;

	if (used + need > INTAKE_MAX_BYTES)
		return -ENOBUFS;
	if (intake->cap - intake->end >= need)
		return 0;
	/* What was taken from the beginning is room, once half of it is. */
	if (intake->begin >= intake->cap / 2 && intake->cap - used >= need) {
		memmove(intake->bytes, intake->bytes + intake->begin, used);
		intake->begin = 0;
		intake->end = used;
		return 0;
	}
	while (cap - intake->end < need)
		cap *= 2;
	bytes = realloc(intake->bytes, cap);
	if (!bytes)
		return -ENOMEM;
	intake->bytes = bytes;
	intake->cap = cap;
	return 0;
}

int intake_put(struct intake *intake, const void *record, size_t size)
{
	size_t need = room_for(size);
	int err = make_room(intake, need);

	if (err)
		return err;
	*(uint64_t *)(intake->bytes + intake->end) = size;
	memcpy(intake->bytes + intake->end + HEAD_BYTES, record, size);
	intake->end += need;
	return 0;
}

const void *intake_take(struct intake *intake, size_t *ret_size)
{
	const char *at;

	if (intake_is_empty(intake)) {
		/* The storm is over. */
		if (intake->cap > CAP_MIN)
			intake_release(intake);
		intake->begin = intake->end = 0;
		return NULL;
	}
	at = intake->bytes + intake->begin;
	*ret_size = (size_t)((const uint64_t *)at)[0];
	intake->begin += room_for(*ret_size);
	return at + HEAD_BYTES;
}

void intake_release(struct intake *intake)
{
	free(intake->bytes);
	*intake = (struct intake){ 0 };
}
