/*
 * turns.c - a list; those of one server that go are always its first ones.
 */
#include "deliver/turns.h"

void turns_init(struct turns *turns)
{
	*turns = (struct turns){ .end = &turns->first };
}

static bool is_same_server(const struct turn *a, const struct turn *b)
{
	return a->port == b->port && streq(a->host, b->host);
}

static bool is_full(const struct turns *turns, const struct turn *of)
{
	size_t n = 0;

	for (const struct turn *t = turns->first; t && n < TURNS_AT_ONCE; t = t->next)
		n += t->goes && is_same_server(t, of);
	return n >= TURNS_AT_ONCE;
}

bool turn_take(struct turns *turns, struct turn *turn)
{
	turn->goes = !is_full(turns, turn);
	turn->next = NULL;
	turn->link = turns->end;
	*turns->end = turn;
	turns->end = &turn->next;
	return turn->goes;
}

void turn_end(struct turns *turns, struct turn *turn)
{
	struct turn *next;

	if (!turn->link)
		return;
	*turn->link = turn->next;
	if (turn->next)
		turn->next->link = turn->link;
	else
		turns->end = turn->link;
	turn->link = NULL;
	if (!turn->goes)
		return;
	next = turns->first;
	while (next && (next->goes || !is_same_server(next, turn)))
		next = next->next;
	if (!next)
		return;
	next->goes = true;
	next->come(next);
}
