/*
 * turns.h - so many at once to one server, in the order in which they came; the others wait for their turn.
 *
 * A flood of groups that are due at the same moment is no flood of connections: servers refuse those (Postfix takes
 * 50 of one client, Gmail answers 421), and each has a TLS handshake that the loop must do.
 */
#ifndef TOLLD_DELIVER_TURNS_H
#define TOLLD_DELIVER_TURNS_H

#include "base/util.h"

/* Postfix begins with 5 to one destination, and ends at 20. */
#define TURNS_AT_ONCE 10

/* Part of what waits; it must stay where it is. */
struct turn {
	/* Set by the owner: the server, which must live as long. */
	const char *host;
	unsigned port;
	/* Its turn has come, out of another's turn_end(). It must not end any turn itself: later it may. */
	void (*come)(struct turn *turn);
	bool goes;
	struct turn *next, **link; /* NULL: not in the list */
};

struct turns {
	struct turn *first, **end; /* all that go or wait, the oldest first */
};

void turns_init(struct turns *turns);
/* Is it its turn at once? Else `come` is called when it is. */
bool turn_take(struct turns *turns, struct turn *turn);
/* It is done, or waits no longer; nothing where it was never taken. */
void turn_end(struct turns *turns, struct turn *turn);

#endif
