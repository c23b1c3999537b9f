/*
 * tally.c - who has used what since the last pass.
 */
#include "watch/tally.h"

#include <errno.h>
#include "base/util.h"

/* Threads that wait and are remembered; of more nobody says that they are hung. */
#define WAITING_MAX 1024
#define NONE	    UINT32_MAX

enum counter { CPU, MINOR_FAULTS, MAJOR_FAULTS, READ_BYTES, WRITTEN_BYTES, COUNTERS };

/* What is not added up over time, as struct usage has it. */
struct whole {
	uint64_t resident_bytes, max_fds;
	uint32_t open_fds, threads;
	bool has_process, has_resident, has_max_fds, has_fds, has_io;
	bool tells_frozen;
	uint8_t standstill;
};

struct item {
	struct tally_process process;
	pid_t family;
	uint32_t next;				/* of one bucket */
	uint32_t first_relative, next_relative; /* who forked from it; one more of the same */
	uint32_t pass;				/* the last that knew it */
	uint32_t ran;				/* the last that it had run by */
	bool is_new;				/* no pass before that did */
	bool in_ticks, waits;			/* some part of this pass says so */
	struct whole whole;
	uint64_t now[COUNTERS], before[COUNTERS];
	unsigned hung_threads;
	pid_t hung_thread; /* one of them */
};

struct waiting {
	pid_t pid, thread;
	uint64_t switches;
	int64_t since_boot_ns;
	uint32_t pass;
	uint32_t counted; /* the last pass that it was counted as hung in */
};

struct tally {
	struct item *items;
	size_t n, cap;
	uint32_t *buckets;
	size_t n_buckets; /* a power of two */
	struct waiting waiting[WAITING_MAX];
	size_t n_waiting;
	int64_t now_boot_ns;
	uint32_t pass;
	int err;
};

int tally_new(struct tally **ret)
{
	struct tally *tally = calloc(1, sizeof(*tally));

	if (!tally)
		return -ENOMEM;
	*ret = tally;
	return 0;
}

void tally_free(struct tally *tally)
{
	if (!tally)
		return;
	free(tally->items);
	free(tally->buckets);
	free(tally);
}

/* -- items ------------------------------------------------------------------------------------ */

static uint32_t *bucket_of(const struct tally *tally, pid_t pid)
{
	/* Numbers are given in a row: that is as good as any hash. */
	return &tally->buckets[(size_t)pid & (tally->n_buckets - 1)];
}

static void index_items(struct tally *tally)
{
	for (size_t i = 0; i < tally->n_buckets; i++)
		tally->buckets[i] = NONE;
	for (uint32_t i = 0; i < tally->n; i++) {
		uint32_t *bucket = bucket_of(tally, tally->items[i].process.pid);

		tally->items[i].next = *bucket;
		*bucket = i;
	}
}

static struct item *item_by_pid(const struct tally *tally, pid_t pid)
{
	if (!tally->n_buckets)
		return NULL;
	for (uint32_t i = *bucket_of(tally, pid); i != NONE; i = tally->items[i].next) {
		if (tally->items[i].process.pid == pid)
			return &tally->items[i];
	}
	return NULL;
}

static struct item *item_of(const struct tally *tally, const struct tally_process *process)
{
	struct item *item = item_by_pid(tally, process->pid);

	if (item && process->start_boot_ns &&
		!usage_same_start(item->process.start_boot_ns, process->start_boot_ns))
		return NULL;
	return item;
}

bool tally_has(const struct tally *tally, const struct tally_process *process)
{
	const struct item *item = item_of(tally, process);

	return item && item->pass == tally->pass;
}

static struct item *item_add(struct tally *tally)
{
	struct item *item;

	if (!vec_reserve(tally->items, tally->n, tally->cap))
		return NULL;
	if (tally->n == tally->n_buckets) {
		size_t n = MAX(2 * tally->n_buckets, (size_t)64);
		uint32_t *buckets = realloc(tally->buckets, n * sizeof(*buckets));

		if (!buckets)
			return NULL;
		tally->buckets = buckets;
		tally->n_buckets = n;
		index_items(tally);
	}
	item = &tally->items[tally->n++];
	*item = (struct item){ .next = NONE, .first_relative = NONE, .next_relative = NONE };
	return item;
}

/* The item of a part's process, as of this pass. NULL: no memory. */
static struct item *item_for(struct tally *tally, const struct usage *part)
{
	const struct tally_process process = { part->pid, part->start_boot_ns };
	struct item *item = item_by_pid(tally, part->pid);
	bool is_known = item && usage_same_start(item->process.start_boot_ns, part->start_boot_ns);

	if (item && is_known && item->pass == tally->pass)
		return item;
	if (!item) {
		item = item_add(tally);
		if (!item)
			return NULL;
		item->process.pid = part->pid;
		item->next = *bucket_of(tally, part->pid);
		*bucket_of(tally, part->pid) = (uint32_t)(item - tally->items);
	}
	item->process = process;
	item->family = part->family;
	item->pass = tally->pass;
	item->is_new = !is_known;
	item->in_ticks = item->waits = false;
	item->whole = (struct whole){ 0 };
	item->hung_threads = 0;
	for (int i = 0; i < COUNTERS; i++) {
		item->before[i] = is_known ? item->now[i] : 0;
		item->now[i] = 0;
	}
	return item;
}

/* -- those that have not run ------------------------------------------------------------------ */

bool tally_keep(struct tally *tally, const struct tally_process *process, uint64_t cpu_ns)
{
	struct item *item = item_of(tally, process);

	if (!item || item->pass == tally->pass)
		return item != NULL;
	/* Whoever waits for the kernel may be hung by now, which is found where it is read. */
	if (tally->pass - item->pass != 1 || item->in_ticks || item->waits || item->hung_threads ||
		item->now[CPU] != cpu_ns)
		return false;
	item->pass = tally->pass;
	item->is_new = false;
	memcpy(item->before, item->now, sizeof(item->before));
	return true;
}

uint32_t tally_rests(const struct tally *tally, const struct tally_process *process)
{
	const struct item *item = item_of(tally, process);

	return item ? tally->pass - item->ran : 0;
}

bool tally_standstill(
	const struct tally *tally, const struct tally_process *process, enum standstill *ret)
{
	const struct item *item = item_of(tally, process);

	*ret = item ? (enum standstill)item->whole.standstill : STANDSTILL_NONE;
	return !item || item->whole.tells_frozen || *ret == STANDSTILL_STOPPED;
}

/* -- hung threads ----------------------------------------------------------------------------- */

/* A new one where it was not known to wait; NULL: there is no room. */
static struct waiting *waiting_of(struct tally *tally, pid_t pid, pid_t thread)
{
	struct waiting *w;

	for (size_t i = 0; i < tally->n_waiting; i++) {
		w = &tally->waiting[i];
		if (w->thread == thread && w->pid == pid)
			return w;
	}
	if (tally->n_waiting == WAITING_MAX)
		return NULL;
	w = &tally->waiting[tally->n_waiting++];
	*w = (struct waiting){ .pid = pid, .thread = thread };
	return w;
}

/* Read of and told by the kernel in the same pass, it is one all the same. */
static void count_hung(const struct tally *tally, struct item *item, struct waiting *w)
{
	if (w->counted == tally->pass)
		return;
	w->counted = tally->pass;
	item->hung_threads++;
	item->hung_thread = w->thread;
}

static void note_waiting(struct tally *tally, struct item *item, const struct usage *part)
{
	struct waiting *w = waiting_of(tally, part->pid, part->thread);

	if (!w)
		return;
	/* That it was seen waiting in two passes says nothing if it ran in between. */
	if (!w->since_boot_ns || w->switches != part->switches || tally->pass - w->pass > 1) {
		w->since_boot_ns = tally->now_boot_ns;
		w->switches = part->switches;
	}
	w->pass = tally->pass;
	if (tally->now_boot_ns - w->since_boot_ns >= HUNG_AFTER_NS)
		count_hung(tally, item, w);
}

bool tally_hang(struct tally *tally, const struct tally_thread *thread, uint64_t switches)
{
	struct waiting *w = waiting_of(tally, thread->pid, thread->thread);
	struct item *item = item_by_pid(tally, thread->pid);
	/* So that it counts in a pass that is under way. */
	int64_t since_boot_ns = tally->now_boot_ns - HUNG_AFTER_NS;

	if (!w ||
		(w->since_boot_ns && w->switches == switches && w->since_boot_ns <= since_boot_ns))
		return false;
	w->since_boot_ns = since_boot_ns ? since_boot_ns : -1;
	w->switches = switches;
	/* The next one asks that the one before it has seen it. */
	w->pass = tally->pass;
	if (item && item->pass == tally->pass)
		count_hung(tally, item, w);
	return true;
}

static void forget_those_that_ran(struct tally *tally)
{
	size_t n = 0;

	for (size_t i = 0; i < tally->n_waiting; i++) {
		if (tally->waiting[i].pass == tally->pass)
			tally->waiting[n++] = tally->waiting[i];
	}
	tally->n_waiting = n;
}

/* -- a pass ----------------------------------------------------------------------------------- */

void tally_begin(struct tally *tally, int64_t now_boot_ns)
{
	tally->pass++;
	tally->now_boot_ns = now_boot_ns;
	tally->err = 0;
}

static void take_process(struct whole *to, const struct usage *part)
{
	to->has_process = true;
	to->tells_frozen = part->tells_frozen;
	to->standstill = (uint8_t)part->standstill;
	to->threads = part->threads;
	to->has_resident = part->has_resident;
	to->resident_bytes = part->resident_bytes;
	to->has_max_fds = part->has_max_fds;
	to->max_fds = part->max_fds;
	to->has_fds = part->has_fds;
	to->open_fds = part->open_fds;
}

void tally_part(const struct usage *part, void *userdata)
{
	struct tally *tally = userdata;
	struct item *item = item_for(tally, part);

	if (!item) {
		tally->err = -ENOMEM;
		return;
	}
	item->now[CPU] += part->cpu_ns;
	item->now[MINOR_FAULTS] += part->minor_faults;
	item->now[MAJOR_FAULTS] += part->major_faults;
	item->now[READ_BYTES] += part->read_bytes;
	item->now[WRITTEN_BYTES] += part->written_bytes;
	item->whole.has_io |= part->has_io;
	if (part->has_process)
		take_process(&item->whole, part);
	item->in_ticks |= part->in_ticks;
	item->waits |= part->uninterruptible;
	if (part->uninterruptible)
		note_waiting(tally, item, part);
}

static void link_families(struct tally *tally)
{
	for (size_t i = 0; i < tally->n; i++)
		tally->items[i].first_relative = tally->items[i].next_relative = NONE;
	for (uint32_t i = 0; i < tally->n; i++) {
		struct item *item = &tally->items[i];
		struct item *first = item->family && item->family != item->process.pid
					     ? item_by_pid(tally, item->family)
					     : NULL;

		if (!first)
			continue;
		item->next_relative = first->first_relative;
		first->first_relative = i;
	}
}

int tally_end(struct tally *tally)
{
	size_t n = 0;

	forget_those_that_ran(tally);
	for (size_t i = 0; i < tally->n; i++) {
		struct item *item = &tally->items[i];

		if (item->pass != tally->pass)
			continue;
		/* A thread that ended while its process was read is in no part of it. */
		for (int c = 0; c < COUNTERS; c++)
			item->now[c] = MAX(item->now[c], item->before[c]);
		if (item->is_new || item->in_ticks || item->now[CPU] != item->before[CPU])
			item->ran = tally->pass;
		tally->items[n++] = *item;
	}
	tally->n = n;
	index_items(tally);
	link_families(tally);
	return tally->err;
}

/* -- services --------------------------------------------------------------------------------- */

static bool began_after(const struct tally_process *process, const struct tally_total *total)
{
	/* A start from /proc may be a tick too early. */
	return process->start_boot_ns > total->passed_boot_ns ||
	       usage_same_start(process->start_boot_ns, total->passed_boot_ns);
}

static void add_counters(
	const struct item *item, const struct tally_total *before, struct tally_total *total)
{
	uint64_t used[COUNTERS];

	for (int c = 0; c < COUNTERS; c++) {
		/* All of one that is counted for the first time, if the service was not there without it. */
		if (!before->passed_boot_ns ||
			(item->is_new && began_after(&item->process, before)))
			used[c] = item->now[c];
		else
			used[c] = item->is_new ? 0 : item->now[c] - item->before[c];
	}
	total->cpu_ns += used[CPU];
	total->minor_faults += used[MINOR_FAULTS];
	total->major_faults += used[MAJOR_FAULTS];
	total->read_bytes += used[READ_BYTES];
	total->written_bytes += used[WRITTEN_BYTES];
	total->has_io |= item->whole.has_io;
}

/* a/b > c/d, where a number may be 0. */
static bool is_nearer(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (double)a * (double)d > (double)c * (double)b;
}

static void add_item(
	const struct item *item, const struct tally_total *before, struct tally_total *total)
{
	const struct whole *u = &item->whole;

	add_counters(item, before, total);
	total->processes++;
	total->standing_still += item->whole.standstill != STANDSTILL_NONE;
	total->hung_threads += item->hung_threads;
	if (item->hung_threads)
		total->hung = (struct tally_thread){ item->process.pid, item->hung_thread };
	if (!u->has_process)
		return;
	total->threads += u->threads;
	total->has_resident |= u->has_resident;
	total->resident_bytes += u->resident_bytes;
	if (!u->has_fds || !u->has_max_fds)
		return;
	if (!total->has_fds ||
		is_nearer(u->open_fds, u->max_fds, total->open_fds, total->max_fds)) {
		total->open_fds = u->open_fds;
		total->max_fds = u->max_fds;
	}
	total->has_fds = true;
}

/* The next one that counts; NULL: none is left. */
struct walk {
	const struct tally *tally;
	const struct tally_process *processes;
	size_t n;
	bool families;
	size_t i;
	uint32_t relative;
};

static const struct item *walk_next(struct walk *w)
{
	const struct item *item = NULL;

	if (w->relative != NONE) {
		item = &w->tally->items[w->relative];
		w->relative = item->next_relative;
		return item;
	}
	while (w->i < w->n && !item)
		item = item_of(w->tally, &w->processes[w->i++]);
	if (item && w->families)
		w->relative = item->first_relative;
	return item;
}

void tally_members(const struct tally *tally, const struct tally_process *processes, size_t n,
	bool families, void (*fn)(pid_t pid, void *userdata), void *userdata)
{
	struct walk walk = { tally, processes, n, families, 0, NONE };
	const struct item *item;

	while ((item = walk_next(&walk)))
		fn(item->process.pid, userdata);
}

void tally_service(const struct tally *tally, const struct tally_process *processes, size_t n,
	bool families, struct tally_total *total)
{
	struct walk walk = { tally, processes, n, families, 0, NONE };
	const struct tally_total before = *total;
	const struct item *item;

	*total = (struct tally_total){
		.cpu_ns = before.cpu_ns,
		.minor_faults = before.minor_faults,
		.major_faults = before.major_faults,
		.read_bytes = before.read_bytes,
		.written_bytes = before.written_bytes,
		.has_io = before.has_io,
		.passed_boot_ns = tally->now_boot_ns,
	};
	while ((item = walk_next(&walk)))
		add_item(item, &before, total);
}

void tally_died(const struct tally *tally, const struct tally_process *process,
	const struct tally_last *last, struct tally_total *total)
{
	const struct item *item = item_of(tally, process);
	const struct item none = { 0 };
	uint64_t seen[COUNTERS];

	if (!item && total->passed_boot_ns && !began_after(process, total))
		return;
	if (!item)
		item = &none;
	/* Of a pass under way some of its threads may be missing. */
	for (int c = 0; c < COUNTERS; c++)
		seen[c] = MAX(item->now[c], item->before[c]);
	if (last->has_cpu && last->cpu_ns > seen[CPU])
		total->cpu_ns += last->cpu_ns - seen[CPU];
	if (!last->has_faults)
		return;
	if (last->minor_faults > seen[MINOR_FAULTS])
		total->minor_faults += last->minor_faults - seen[MINOR_FAULTS];
	if (last->major_faults > seen[MAJOR_FAULTS])
		total->major_faults += last->major_faults - seen[MAJOR_FAULTS];
}
