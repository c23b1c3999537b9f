/*
 * families.h - what the bodies of a target say of its metrics: type, help, unit.
 *
 * Most bodies say the same, in the same order, as the one before, and more than half of their
 * lines say nothing else: such lines are compared, not taken apart.
 */
#ifndef TOLLD_SCRAPE_FAMILIES_H
#define TOLLD_SCRAPE_FAMILIES_H

#include "base/map.h"
#include "scrape/exposition.h"

struct family {
	enum metric_type type;
	char *help, *unit; /* NULL for none */
	bool literal;	   /* name and help stand in the text as they are here */
	uint32_t round;	   /* when it was told of last */
	uint32_t place;	   /* in `order` */
};

struct families {
	struct map map; /* struct family by name */
	uint32_t round;
	const struct map_entry **order; /* those of the last body that was taken, as they came */
	size_t n_order;
	/* Of the body that is being read. */
	size_t expected; /* the place in `order` whose family should come next */
	const struct map_entry **seen;
	size_t n_seen, cap_seen;
};

void families_release(struct families *families);
/* A body is read from its start. */
void families_begin(struct families *families);
/*
 * At the start of a comment. 1 where the expected family's # HELP and # TYPE stand there as they did
 * last time, which are then behind us; 0 where they do not and nothing was consumed; -ENOMEM. Not for
 * OpenMetrics, whose reader must see each line.
 */
int families_expect(struct families *families, struct exposition *text);
/*
 * A line that exposition_next() or openmetrics_next() yielded as EXPOSITION_HELP, _TYPE or _UNIT.
 * 0 or -ENOMEM.
 */
int families_note(struct families *families, int kind, const struct exposition *text,
	const struct exposition_entry *entry);
/* The body is taken: what was not told of for ten bodies is forgotten. */
void families_commit(struct families *families);

#endif
