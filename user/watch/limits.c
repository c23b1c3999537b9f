/*
 * limits.c - compares what the groups above a victim count with what they had counted before.
 */
#include "watch/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/map.h"
#include "watch/cause.h"
#include "watch/lines.h"

#define NODES "/sys/devices/system/node/online"

/* One group that has a limit. */
struct known {
	uint64_t id; /* another one: it was made anew, under the same path */
	uint64_t ooms;
};

struct limits {
	struct group_roots roots;
	bool counts;	   /* version 2 has the controller of memory */
	bool has_one_node; /* then no other memory than the machine's can be out */
	struct map groups; /* of struct known, by path */
};

static void forget_all(struct limits *limits)
{
	map_foreach (&limits->groups, entry)
		free(entry->value);
	map_release(&limits->groups);
}

static bool controls_memory(const struct group_roots *roots)
{
	char path[128], text[512];

	snprintf(path, sizeof(path), "%s/cgroup.controllers", roots->unified);
	if (!*roots->unified || lines_read(path, text, sizeof(text)))
		return false;
	for (const char *word = text; *word; word += strspn(word, " \n")) {
		size_t len = strcspn(word, " \n");

		if (len == strlen("memory") && memcmp(word, "memory", len) == 0)
			return true;
		word += len;
	}
	return false;
}

static bool has_one_node(const char *path)
{
	char text[64];

	/* A kernel without nodes has no such file. */
	return lines_read(path, text, sizeof(text)) != 0 || streq(text, "0\n");
}

int limits_new(const struct limits_options *options, struct limits **ret)
{
	struct limits *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return -ENOMEM;
	limits->roots = options->roots;
	limits->counts = controls_memory(&options->roots);
	limits->has_one_node = has_one_node(options->nodes ? options->nodes : NODES);
	*ret = limits;
	return 0;
}

void limits_free(struct limits *limits)
{
	if (!limits)
		return;
	forget_all(limits);
	free(limits);
}

/* -- one group -------------------------------------------------------------------------------- */

enum limit { LIMIT_NONE, LIMIT_IS_THERE, LIMIT_NOT_KNOWN };

static enum limit read_group(const struct limits *limits, const char *path, struct known *ret)
{
	scoped(closep) int fd = -1;
	char full[4096], text[256];
	struct stat st;
	int err;

	if (snprintf(full, sizeof(full), "%s%s", limits->roots.unified, path) >= (int)sizeof(full))
		return LIMIT_NOT_KNOWN;
	fd = open(full, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return LIMIT_NOT_KNOWN;
	err = lines_read_at(fd, "memory.max", text, sizeof(text));
	/* The root has no such file, nor a group for which nobody wanted the controller. */
	if (err == -ENOENT || (!err && streq(text, "max\n")))
		return LIMIT_NONE;
	ret->id = st.st_ino;
	if (err || lines_read_at(fd, "memory.events.local", text, sizeof(text)) ||
		!lines_number(text, "oom", &ret->ooms))
		return LIMIT_NOT_KNOWN;
	return LIMIT_IS_THERE;
}

/* Of a group that is not known: remembers it, where there is memory. */
static void remember(struct limits *limits, const char *path, const struct known *group)
{
	struct known *known = map_gets(&limits->groups, path);

	if (!known) {
		if (limits->groups.n >= LIMITS_MAX)
			forget_all(limits);
		known = malloc(sizeof(*known));
		if (!known || map_puts(&limits->groups, path, known)) {
			free(known);
			return;
		}
	}
	*known = *group;
}

/* "/a/b" becomes "/a"; false at the root. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash || slash == path)
		return false;
	*slash = '\0';
	return true;
}

/* -- all groups above ------------------------------------------------------------------------- */

static bool is_usable(const struct limits *limits, const char *path)
{
	/* Outside of what this process may see its name is relative. */
	return limits->counts && *path == '/' && path[1] && !strstr(path, "/..");
}

void limits_know(struct limits *limits, const char *path)
{
	scoped(freep) char *at = is_usable(limits, path) ? strdup(path) : NULL;
	struct known group;

	if (!at)
		return;
	do {
		const struct known *known = map_gets(&limits->groups, at);

		/* What it has counted since is for the next judgement. */
		if (read_group(limits, at, &group) == LIMIT_IS_THERE &&
			(!known || known->id != group.id))
			remember(limits, at, &group);
	} while (go_up(at));
}

/* Did it count anything since it was read last? */
static enum limit judge_group(struct limits *limits, const char *path)
{
	const struct known *known = map_gets(&limits->groups, path);
	struct known group;
	enum limit limit = read_group(limits, path, &group);
	bool is_same, met;

	if (limit != LIMIT_IS_THERE)
		return limit;
	is_same = known && known->id == group.id;
	met = is_same && group.ooms > known->ooms;
	remember(limits, path, &group);
	if (!is_same && group.ooms)
		return LIMIT_NOT_KNOWN;
	return met ? LIMIT_IS_THERE : LIMIT_NONE;
}

static void set_group(struct oom *oom, const char *path)
{
	*oom = (struct oom){ .kind = OOM_OF_GROUP };
	oom_copy_group(oom->group, path, strlen(path));
}

bool limits_judge(struct limits *limits, const char *path, struct oom *ret)
{
	scoped(freep) char *at = is_usable(limits, path) ? strdup(path) : NULL;
	size_t met = 0, not_known = 0;
	struct oom oom = { .kind = OOM_OF_MACHINE };

	if (!at)
		return false;
	do {
		switch (judge_group(limits, at)) {
		case LIMIT_IS_THERE:
			met++;
			set_group(&oom, at);
			break;
		case LIMIT_NOT_KNOWN:
			not_known++;
			break;
		case LIMIT_NONE:
			break;
		}
	} while (go_up(at));
	if (not_known || met > 1 || (!met && !limits->has_one_node))
		return false;
	*ret = oom;
	return true;
}
