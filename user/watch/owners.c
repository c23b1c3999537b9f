/*
 * owners.c - reads the descriptors of processes, of one or of all.
 */
#include "watch/owners.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/num.h"
#include "watch/procfs.h"

/* The number in "socket:[4711]"; 0 for what is no socket. */
static uint64_t socket_inode(const char *link)
{
	uint64_t inode;
	char *end;

	if (!starts_with(link, "socket:["))
		return 0;
	inode = strtoull(link + strlen("socket:["), &end, 10);
	return *end == ']' ? inode : 0;
}

/* Calls fn for each socket of the process until it says that this is enough. */
static void each_socket(pid_t pid, bool (*fn)(uint64_t inode, void *userdata), void *userdata)
{
	char path[64], link[64];
	struct dirent *entry;
	bool enough = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while (!enough && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		uint64_t inode;

		if (len <= 0)
			continue;
		link[len] = '\0';
		inode = socket_inode(link);
		enough = inode && fn(inode, userdata);
	}
	closedir(dir);
}

struct wanted {
	const uint64_t *inodes;
	size_t n;
	bool found;
};

static bool is_wanted(uint64_t inode, void *userdata)
{
	struct wanted *wanted = userdata;

	for (size_t i = 0; i < wanted->n; i++)
		wanted->found |= wanted->inodes[i] == inode;
	return wanted->found;
}

bool process_holds(pid_t pid, const uint64_t *inodes, size_t n)
{
	struct wanted wanted = { .inodes = inodes, .n = n };

	each_socket(pid, is_wanted, &wanted);
	return wanted.found;
}

struct holding {
	const struct listeners *listeners;
	bool *held;
};

static bool note_held(uint64_t inode, void *userdata)
{
	struct holding *holding = userdata;

	for (size_t i = 0; i < holding->listeners->n; i++)
		holding->held[i] |= holding->listeners->items[i].inode == inode;
	return false;
}

void process_holds_which(pid_t pid, const struct listeners *listeners, bool *held)
{
	struct holding holding = { .listeners = listeners, .held = held };

	each_socket(pid, note_held, &holding);
}

static bool owner_read(pid_t pid, struct owner *ret)
{
	struct process_stat stat;

	if (process_stat_read(pid, &stat))
		return false;
	*ret = (struct owner){
		.pid = pid,
		.parent = stat.parent,
		.start_ticks = stat.start_ticks,
	};
	return true;
}

static bool is_among(pid_t pid, const struct owner *owners, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (owners[i].pid == pid)
			return true;
	}
	return false;
}

/* Smaller is the better one to watch. */
static int owner_rank(const struct owner *o, const struct owner *all, size_t n)
{
	if (o->pid == 1)
		return 2;
	return o->parent != 1 && is_among(o->parent, all, n) ? 1 : 0;
}

static void owners_put_best_first(struct owner *owners, size_t n)
{
	size_t best = 0;
	struct owner swap;

	for (size_t i = 1; i < n; i++) {
		int mine = owner_rank(&owners[i], owners, n);
		int its = owner_rank(&owners[best], owners, n);

		if (mine < its || (mine == its && owners[i].start_ticks < owners[best].start_ticks))
			best = i;
	}
	if (!n)
		return;
	swap = owners[0];
	owners[0] = owners[best];
	owners[best] = swap;
}

/* Calls fn for each process until it says that this is enough. */
static void each_process(bool (*fn)(pid_t pid, void *userdata), void *userdata)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool enough = false;
	int64_t pid;

	if (!proc)
		return;
	while (!enough && (entry = readdir(proc))) {
		if (!num_parse_int(entry->d_name, 1, INT32_MAX, &pid))
			enough = fn((pid_t)pid, userdata);
	}
	closedir(proc);
}

struct finding {
	const uint64_t *inodes;
	size_t n;
	struct owner *owners;
	size_t found;
};

static bool find_in(pid_t pid, void *userdata)
{
	struct finding *f = userdata;

	if (process_holds(pid, f->inodes, f->n) && owner_read(pid, &f->owners[f->found]))
		f->found++;
	return f->found == OWNERS_MAX;
}

size_t owners_find(const uint64_t *inodes, size_t n, struct owner ret[OWNERS_MAX])
{
	struct finding finding = { .inodes = inodes, .n = n, .owners = ret };

	if (n)
		each_process(find_in, &finding);
	owners_put_best_first(ret, finding.found);
	return finding.found;
}

/* -- of many sockets -------------------------------------------------------------------------- */

static int compare_inodes(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int compare_holders(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;
	int order = compare_inodes(&x->inode, &y->inode);

	return order ? order : (x->pid > y->pid) - (x->pid < y->pid);
}

static bool were_asked(const struct holders *holders, const uint64_t *inodes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!bsearch(&inodes[i], holders->asked, holders->n_asked, sizeof(*inodes),
			    compare_inodes))
			return false;
	}
	return true;
}

struct collecting {
	struct holders *holders;
	pid_t pid;
	int err;
};

static bool collect_socket(uint64_t inode, void *userdata)
{
	struct collecting *c = userdata;
	struct holders *holders = c->holders;

	if (!were_asked(holders, &inode, 1))
		return false;
	if (!vec_reserve(holders->items, holders->n, holders->cap)) {
		c->err = -ENOMEM;
		return true;
	}
	holders->items[holders->n++] = (struct holder){ .inode = inode, .pid = c->pid };
	return false;
}

static bool collect(pid_t pid, void *userdata)
{
	struct collecting *c = userdata;

	c->pid = pid;
	each_socket(pid, collect_socket, c);
	return c->err;
}

static int holders_read(struct holders *holders, const struct listeners *listeners)
{
	struct collecting c = { .holders = holders };

	holders_release(holders);
	holders->asked = calloc(listeners->n + 1, sizeof(*holders->asked));
	if (!holders->asked)
		return -ENOMEM;
	for (size_t i = 0; i < listeners->n; i++)
		holders->asked[holders->n_asked++] = listeners->items[i].inode;
	qsort(holders->asked, holders->n_asked, sizeof(*holders->asked), compare_inodes);
	each_process(collect, &c);
	if (c.err) {
		holders_release(holders);
		return c.err;
	}
	if (holders->n)
		qsort(holders->items, holders->n, sizeof(*holders->items), compare_holders);
	holders->read_boot_ns = clock_boot_ns();
	return 0;
}

static size_t first_of(const struct holders *holders, uint64_t inode)
{
	size_t low = 0, high = holders->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (holders->items[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t holders_find(struct holders *holders, const struct listeners *listeners,
	const uint64_t *inodes, size_t n, struct owner ret[OWNERS_MAX])
{
	size_t found = 0;

	/* Without memory each is asked for by itself. */
	if ((!holders->read_boot_ns || !were_asked(holders, inodes, n)) &&
		holders_read(holders, listeners))
		return owners_find(inodes, n, ret);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = first_of(holders, inodes[i]);
			k < holders->n && holders->items[k].inode == inodes[i] &&
			found < OWNERS_MAX;
			k++) {
			pid_t pid = holders->items[k].pid;

			if (!is_among(pid, ret, found) && owner_read(pid, &ret[found]))
				found++;
		}
	}
	owners_put_best_first(ret, found);
	return found;
}

void holders_release(struct holders *holders)
{
	free(holders->items);
	free(holders->asked);
	*holders = HOLDERS_INIT;
}
