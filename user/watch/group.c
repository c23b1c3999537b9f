/*
 * group.c - reads the files of control groups.
 */
#include "watch/group.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "watch/lines.h"

/* memory.stat is the longest. */
#define FILE_MAX 8192
/* A unit's tree is that deep at most; what lies deeper is not listed. */
#define DEPTH_MAX 8

/* -- where ------------------------------------------------------------------------------------ */

static void set_root(char root[64], const char *mount, size_t len)
{
	/* The first one mounted is the one that programs know. */
	if (!*root && len < 64)
		snprintf(root, 64, "%.*s", (int)len, mount);
}

static bool has_option(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *o = options; *o && *o != '\n'; o += strcspn(o, ",\n")) {
		o += *o == ',';
		if (strcspn(o, ",\n") == len && memcmp(o, name, len) == 0)
			return true;
	}
	return false;
}

/* "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory" */
static void parse_mount(const char *line, size_t len, struct group_roots *ret)
{
	const char *kind = memmem(line, len, " - cgroup", strlen(" - cgroup"));
	const char *mount = line, *options;
	size_t mount_len;

	for (int field = 0; field < 4; field++) {
		mount = memchr(mount, ' ', len - (size_t)(mount - line));
		if (!mount)
			return;
		mount++;
	}
	if (!kind || mount > kind)
		return;
	mount_len = strcspn(mount, " ");
	if (starts_with(kind, " - cgroup2 ")) {
		set_root(ret->unified, mount, mount_len);
		return;
	}
	options = memrchr(line, ' ', len);
	if (!starts_with(kind, " - cgroup ") || !options)
		return;
	options++;
	if (has_option(options, "name=systemd"))
		set_root(ret->named, mount, mount_len);
	if (has_option(options, "memory"))
		set_root(ret->memory, mount, mount_len);
	if (has_option(options, "cpu"))
		set_root(ret->cpu, mount, mount_len);
	if (has_option(options, "cpuacct"))
		set_root(ret->cpuacct, mount, mount_len);
	if (has_option(options, "pids"))
		set_root(ret->pids, mount, mount_len);
}

void group_roots_parse(const char *mountinfo, struct group_roots *ret)
{
	*ret = (struct group_roots){ 0 };
	for (const char *line = mountinfo; *line; line += strcspn(line, "\n")) {
		line += *line == '\n';
		parse_mount(line, strcspn(line, "\n"), ret);
	}
}

void group_roots_find(struct group_roots *ret)
{
	size_t size = (size_t)1 << 20;
	char *text = malloc(size);

	*ret = (struct group_roots){ 0 };
	if (text && lines_read("/proc/self/mountinfo", text, size) == 0)
		group_roots_parse(text, ret);
	free(text);
}

static bool join(char *out, size_t size, const char *root, const char *path, const char *file)
{
	return *root && *path == '/' &&
	       snprintf(out, size, "%s%s%s%s", root, path, file ? "/" : "", file ? file : "") <
		       (int)size;
}

/* -1 where there is no such group in this hierarchy. */
static int open_group(const char *root, const char *path)
{
	char full[4096];

	return join(full, sizeof(full), root, path, NULL)
		       ? open(full, O_PATH | O_DIRECTORY | O_CLOEXEC)
		       : -1;
}

/* -- figures ---------------------------------------------------------------------------------- */

/* Where a figure stands; rows of one file follow each other. Without a key the file is the number. */
struct source {
	enum group_figure figure;
	const char *file, *key;
	uint64_t scale;
};

static const struct source unified_sources[] = {
	{ GROUP_MEMORY, "memory.current", NULL, 1 },
	{ GROUP_MEMORY_MAX, "memory.max", NULL, 1 },
	{ GROUP_MEMORY_PEAK, "memory.peak", NULL, 1 }, /* since 5.19 */
	{ GROUP_MEMORY_INACTIVE, "memory.stat", "inactive_file", 1 },
	{ GROUP_HIGH_EVENTS, "memory.events", "high", 1 },
	{ GROUP_MAX_EVENTS, "memory.events", "max", 1 },
	{ GROUP_OOM_EVENTS, "memory.events", "oom", 1 },
	{ GROUP_OOM_KILLS, "memory.events", "oom_kill", 1 },
	{ GROUP_CPU_NS, "cpu.stat", "usage_usec", 1000 },
	{ GROUP_CPU_PERIODS, "cpu.stat", "nr_periods", 1 },
	{ GROUP_THROTTLED_PERIODS, "cpu.stat", "nr_throttled", 1 },
	{ GROUP_THROTTLED_NS, "cpu.stat", "throttled_usec", 1000 },
	{ GROUP_TASKS, "pids.current", NULL, 1 },
	{ GROUP_TASKS_MAX, "pids.max", NULL, 1 },
};

static const struct source memory_sources[] = {
	{ GROUP_MEMORY, "memory.usage_in_bytes", NULL, 1 },
	{ GROUP_MEMORY_MAX, "memory.limit_in_bytes", NULL, 1 },
	{ GROUP_MEMORY_PEAK, "memory.max_usage_in_bytes", NULL, 1 },
	{ GROUP_MEMORY_INACTIVE, "memory.stat", "total_inactive_file", 1 },
	{ GROUP_MAX_EVENTS, "memory.failcnt", NULL, 1 },
	{ GROUP_OOM_KILLS, "memory.oom_control", "oom_kill", 1 }, /* since 4.13 */
};

static const struct source cpu_sources[] = {
	{ GROUP_CPU_PERIODS, "cpu.stat", "nr_periods", 1 },
	{ GROUP_THROTTLED_PERIODS, "cpu.stat", "nr_throttled", 1 },
	{ GROUP_THROTTLED_NS, "cpu.stat", "throttled_time", 1 },
};

static const struct source cpuacct_sources[] = { { GROUP_CPU_NS, "cpuacct.usage", NULL, 1 } };

static const struct source pids_sources[] = {
	{ GROUP_TASKS, "pids.current", NULL, 1 },
	{ GROUP_TASKS_MAX, "pids.max", NULL, 1 },
};

/* "max" is no number, and stands for none; so does what version 1 writes for it. */
static bool find_number(const char *text, const struct source *source, uint64_t *ret)
{
	uint64_t value;

	if (source->key) {
		if (!lines_number(text, source->key, &value))
			return false;
	} else {
		if (!isdigit((unsigned char)*text))
			return false;
		value = strtoull(text, NULL, 10);
	}
	if (value > INT64_MAX / source->scale ||
		(source->figure == GROUP_MEMORY_MAX && value >= INT64_MAX - (1 << 20)))
		return false;
	*ret = value * source->scale;
	return true;
}

static void read_sources(int dir_fd, const struct source *sources, size_t n, bool only_events,
	struct group_usage *usage)
{
	char text[FILE_MAX];
	const char *file = "";
	bool readable = false;

	for (size_t i = 0; i < n; i++) {
		const struct source *source = &sources[i];

		if (group_has(usage, source->figure) ||
			(only_events && !group_is_event(source->figure)))
			continue;
		if (!streq(file, source->file)) {
			file = source->file;
			readable = !lines_read_at(dir_fd, file, text, sizeof(text));
		}
		if (readable && find_number(text, source, &usage->figures[source->figure]))
			usage->has |= 1u << source->figure;
	}
}

static void read_pressure(int dir_fd, struct group_usage *usage)
{
	static const char *const files[PRESSURE_RESOURCES] = {
		[PRESSURE_CPU] = "cpu.pressure",
		[PRESSURE_MEMORY] = "memory.pressure",
		[PRESSURE_IO] = "io.pressure",
	};

	for (size_t i = 0; i < PRESSURE_RESOURCES; i++)
		pressure_read_at(dir_fd, files[i], &usage->pressure[i]);
}

static int read_group(const struct group_roots *roots, const char *path, bool only_events,
	struct group_usage *ret)
{
	const struct {
		const char *root;
		const struct source *sources;
		size_t n;
		bool pressure;
	} hierarchies[] = {
		{ roots->unified, unified_sources, ARRAY_SIZE(unified_sources), true },
		{ roots->memory, memory_sources, ARRAY_SIZE(memory_sources), false },
		{ roots->cpu, cpu_sources, ARRAY_SIZE(cpu_sources), false },
		{ roots->cpuacct, cpuacct_sources, ARRAY_SIZE(cpuacct_sources), false },
		{ roots->pids, pids_sources, ARRAY_SIZE(pids_sources), false },
	};
	struct group_usage usage = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
		scoped(closep) int fd = open_group(hierarchies[i].root, path);
		struct stat st;

		if (fd < 0)
			continue;
		if (!usage.id && fstat(fd, &st) == 0)
			usage.id = st.st_ino;
		read_sources(fd, hierarchies[i].sources, hierarchies[i].n, only_events, &usage);
		if (hierarchies[i].pressure && !only_events)
			read_pressure(fd, &usage);
	}
	if (!usage.id)
		return -ENOENT;
	*ret = usage;
	return 0;
}

int group_read(const struct group_roots *roots, const char *path, struct group_usage *ret)
{
	return read_group(roots, path, false, ret);
}

int group_read_events(const struct group_roots *roots, const char *path, struct group_usage *ret)
{
	return read_group(roots, path, true, ret);
}

int group_events_path(const struct group_roots *roots, const char *path, struct strbuf *out)
{
	char full[4096];

	if (!join(full, sizeof(full), roots->unified, path, "memory.events") ||
		effective_access(full, R_OK) < 0)
		return -ENOENT;
	strbuf_adds(out, full);
	return out->err;
}

bool group_is_frozen(const struct group_roots *roots, const char *path)
{
	char full[4096], text[256];
	uint64_t frozen;

	/* Since 5.2. */
	return join(full, sizeof(full), roots->unified, path, "cgroup.events") &&
	       !lines_read(full, text, sizeof(text)) && lines_number(text, "frozen", &frozen) &&
	       frozen;
}

/* -- processes -------------------------------------------------------------------------------- */

static int add_pids(int dir_fd, struct group_pids *out)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[32];
	int err = 0;

	if (!f) {
		err = -errno;
		closep(&fd);
		return err;
	}
	while (!err && fgets(line, sizeof(line), f)) {
		if (!vec_reserve(out->items, out->n, out->cap))
			err = -ENOMEM;
		else
			out->items[out->n++] = (pid_t)strtol(line, NULL, 10);
	}
	fclose(f);
	return err;
}

static int list_tree(int dir_fd, unsigned depth, struct group_pids *out)
{
	int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	int err;

	if (!dir) {
		closep(&copy);
		return -ENOENT;
	}
	/* Threaded groups say EOPNOTSUPP: their processes are listed where they belong. */
	err = add_pids(dir_fd, out);
	if (err != -ENOMEM)
		err = 0;
	while (!err && depth && (entry = readdir(dir))) {
		scoped(closep) int fd = -1;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		fd = openat(dir_fd, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && list_tree(fd, depth - 1, out) == -ENOMEM)
			err = -ENOMEM;
	}
	closedir(dir);
	return err;
}

int group_list(const struct group_roots *roots, const char *path, struct group_pids *out)
{
	scoped(closep) int fd = open_group(*roots->named ? roots->named : roots->unified, path);

	return fd < 0 ? -ENOENT : list_tree(fd, DEPTH_MAX, out);
}

/* -- whose ------------------------------------------------------------------------------------ */

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len >= end_len && streq(s + len - end_len, end);
}

bool group_is_exclusive(const char *path, const char *own)
{
	const char *name = strrchr(path, '/');

	if (!name || !name[1] || (own && streq(path, own)))
		return false;
	name++;
	if (ends_with(name, ".slice") || streq(name, "init.scope"))
		return false;
	return !(starts_with(name, "session-") && ends_with(name, ".scope"));
}
