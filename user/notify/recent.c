/*
 * recent.c - how much was done lately.
 */
#include "notify/recent.h"

void recent_init(struct recent *recent, int64_t over_ns, int64_t now_boot_ns)
{
	*recent = (struct recent){ .slot_ns = over_ns / (RECENT_SLOTS - 1),
		.head_boot_ns = now_boot_ns };
}

static void advance(struct recent *recent, int64_t now_boot_ns)
{
	int64_t slots = (now_boot_ns - recent->head_boot_ns) / recent->slot_ns;

	if (slots <= 0)
		return;
	recent->head_boot_ns += slots * recent->slot_ns;
	for (int64_t i = RECENT_SLOTS - 1; i >= 0; i--)
		recent->counts[i] = i >= slots ? recent->counts[i - slots] : 0;
}

void recent_resize(struct recent *recent, int64_t over_ns, int64_t now_boot_ns)
{
	int64_t slot_ns = over_ns / (RECENT_SLOTS - 1), count;

	if (slot_ns == recent->slot_ns)
		return;
	count = recent_count(recent, now_boot_ns);
	recent_init(recent, over_ns, now_boot_ns);
	recent->counts[0] = count;
}

void recent_add(struct recent *recent, int64_t now_boot_ns)
{
	advance(recent, now_boot_ns);
	recent->counts[0]++;
}

int64_t recent_count(struct recent *recent, int64_t now_boot_ns)
{
	int64_t count = 0;

	advance(recent, now_boot_ns);
	for (size_t i = 0; i < RECENT_SLOTS; i++)
		count += recent->counts[i];
	return count;
}

int64_t recent_next(struct recent *recent, int64_t now_boot_ns)
{
	advance(recent, now_boot_ns);
	return recent->head_boot_ns + recent->slot_ns;
}
