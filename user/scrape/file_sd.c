/*
 * file_sd.c - files of targets, looked at when inotify says so and every few minutes.
 *
 * What inotify tells is only that a look is worth while: it misses what a link leads to, and folders
 * that are not there yet.
 */
#include "scrape/file_sd.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "base/hash.h"
#include "base/map.h"

/* A burst of changes is one; who has only made a file has hardly written it. */
#define SETTLE_NS      (100 * NSEC_PER_MSEC)
#define SETTLE_MADE_NS NSEC_PER_SEC
#define MAX_FILE_BYTES ((size_t)8 << 20)

#define WATCHED                                                                                    \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_DELETE_SELF |   \
		IN_MOVE_SELF)

struct sd_file {
	char *path;
	struct config *content; /* the last that was good; NULL: none was */
	uint64_t good, told;	/* hashes of the text that is in `content`, and of the last fault */
	bool present;		/* at this look */
};

struct file_sd {
	struct file_sd_callbacks callbacks;
	struct map files; /* by path */
	int inotify_fd;
	sd_event_source *source, *timer;
	int64_t refresh_ms; /* the shortest of all jobs; 0: there is nothing to look at */
};

static void file_free(struct sd_file *file)
{
	config_unref(file->content);
	free(file->path);
	free(file);
}

static int64_t usec_of(int64_t boot_ns)
{
	return boot_ns / NSEC_PER_USEC;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct file_sd *sd = userdata;

	sd_event_source_set_time(
		sd->timer, (uint64_t)usec_of(clock_boot_ns() + sd->refresh_ms * NSEC_PER_MSEC));
	sd_event_source_set_enabled(sd->timer, SD_EVENT_ONESHOT);
	sd->callbacks.look(sd->callbacks.userdata);
	return 0;
}

static bool matters(const struct inotify_event *e)
{
	const char *dot = e->len ? strrchr(e->name, '.') : NULL;

	if (!e->len)
		return true;
	return dot &&
	       (!strcasecmp(dot, ".json") || !strcasecmp(dot, ".yml") || !strcasecmp(dot, ".yaml"));
}

static int on_inotify(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	_Alignas(struct inotify_event) char buffer[4096];
	struct file_sd *sd = userdata;
	bool look = false, made = false;
	ssize_t n;

	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (void *)at;

			if (matters(e))
				*(e->mask & IN_CREATE ? &made : &look) = true;
			at += sizeof(*e) + e->len;
		}
	}
	if ((look || made) && sd->refresh_ms) {
		sd_event_source_set_time(sd->timer,
			(uint64_t)usec_of(clock_boot_ns() + (look ? SETTLE_NS : SETTLE_MADE_NS)));
		sd_event_source_set_enabled(sd->timer, SD_EVENT_ONESHOT);
	}
	return 0;
}

int file_sd_new(sd_event *event, const struct file_sd_callbacks *callbacks, struct file_sd **ret)
{
	struct file_sd *sd = calloc(1, sizeof(*sd));
	int err;

	if (!sd)
		return -ENOMEM;
	sd->callbacks = *callbacks;
	sd->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	err = sd->inotify_fd < 0 ? -errno : 0;
	if (!err)
		err = sd_event_add_io(event, &sd->source, sd->inotify_fd, EPOLLIN, on_inotify, sd);
	if (err >= 0)
		err = sd_event_add_time(
			event, &sd->timer, CLOCK_BOOTTIME, UINT64_MAX, 10000, on_timer, sd);
	if (err < 0) {
		file_sd_free(sd);
		return err;
	}
	sd_event_source_set_enabled(sd->timer, SD_EVENT_OFF);
	*ret = sd;
	return 0;
}

void file_sd_free(struct file_sd *sd)
{
	if (!sd)
		return;
	map_foreach (&sd->files, e)
		file_free(e->value);
	map_release(&sd->files);
	sd_event_source_disable_unref(sd->source);
	sd_event_source_disable_unref(sd->timer);
	closep(&sd->inotify_fd);
	free(sd);
}

/* -- reading ----------------------------------------------------------------------------------- */

static int read_text(const char *path, struct strbuf *out)
{
	scoped(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char bytes[8192];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0 && out->len <= MAX_FILE_BYTES)
		strbuf_add(out, bytes, (size_t)n);
	if (n < 0)
		return -errno;
	return out->len > MAX_FILE_BYTES ? -EFBIG : out->err;
}

/* Told once: the same fault of the same text is no news. */
static void tell(struct file_sd *sd, struct sd_file *file, uint64_t hash, const struct diag *diag)
{
	if (file->told == hash)
		return;
	file->told = hash;
	if (sd->callbacks.faults)
		sd->callbacks.faults(diag, sd->callbacks.userdata);
}

/* Takes the file's targets up; *changed where they are other ones than before. */
static int take_up(struct file_sd *sd, struct sd_file *file, bool *changed)
{
	struct strbuf text = STRBUF_INIT;
	struct config *content = NULL;
	struct diag diag = DIAG_INIT;
	int err = read_text(file->path, &text);
	uint64_t hash = hash_fnv1a(
		HASH_FNV1A_INIT, err ? (void *)&err : text.s, err ? sizeof(err) : text.len);

	if (!err && file->content && hash == file->good) {
		file->told = 0;
		strbuf_release(&text);
		return 0;
	}
	if (err && err != -ENOMEM)
		diag_error(&diag, (struct pos){ 0 }, "cannot read '%s': %s", file->path,
			strerror(-err));
	if (!err)
		err = config_load_targets(file->path, text.s, text.len, &content, &diag);
	strbuf_release(&text);
	if (!err) {
		config_unref(file->content);
		file->content = content;
		file->good = hash;
		file->told = 0;
		*changed = true;
	} else if (err != -ENOMEM) {
		diag_warning(&diag, (struct pos){ 0 },
			"'%s' is not taken up: its targets stay what they were", file->path);
		tell(sd, file, hash, &diag);
		err = 0;
	}
	diag_release(&diag);
	return err;
}

static int find_file(struct file_sd *sd, const char *path, struct sd_file **ret)
{
	struct sd_file *file = map_gets(&sd->files, path);

	if (!file) {
		file = calloc(1, sizeof(*file));
		if (!file)
			return -ENOMEM;
		file->path = strdup(path);
		if (!file->path || map_puts(&sd->files, path, file)) {
			file_free(file);
			return -ENOMEM;
		}
	}
	*ret = file;
	return 0;
}

static int read_pattern(struct file_sd *sd, const char *pattern, bool *changed)
{
	struct sd_file *file;
	glob_t found = { 0 };
	int err = glob(pattern, 0, NULL, &found) == GLOB_NOSPACE ? -ENOMEM : 0;

	for (size_t i = 0; i < found.gl_pathc && !err; i++) {
		err = find_file(sd, found.gl_pathv[i], &file);
		if (err || file->present)
			continue;
		file->present = true;
		err = take_up(sd, file, changed);
	}
	globfree(&found);
	return err;
}

typedef int pattern_fn(const struct config_file_sd *sd, const char *pattern, void *userdata);

static int each_pattern(const struct config *config, pattern_fn *fn, void *userdata)
{
	int err = 0;

	for (size_t i = 0; i < config->n_scrapes; i++) {
		const struct config_scrape *job = &config->scrapes[i];

		for (size_t k = 0; k < job->n_file_sds; k++) {
			const struct config_file_sd *files = &job->file_sds[k];

			for (size_t f = 0; f < files->files.n && !err; f++)
				err = fn(files, files->files.items[f].s, userdata);
		}
	}
	return err;
}

struct look {
	struct file_sd *sd;
	bool changed;
};

static int look_at(const struct config_file_sd *files, const char *pattern, void *userdata)
{
	struct look *look = userdata;

	return read_pattern(look->sd, pattern, &look->changed);
}

int file_sd_read(struct file_sd *sd, const struct config *config, bool *ret_changed)
{
	struct look look = { .sd = sd };
	int err;

	map_foreach (&sd->files, e)
		((struct sd_file *)e->value)->present = false;
	err = each_pattern(config, look_at, &look);
	map_foreach (&sd->files, e) {
		struct sd_file *file = e->value;

		if (err || file->present)
			continue;
		look.changed |= file->content != NULL;
		map_dels(&sd->files, file->path);
		file_free(file);
	}
	*ret_changed = look.changed;
	return err;
}

/* -- watching ---------------------------------------------------------------------------------- */

static int watch_folder(const struct config_file_sd *files, const char *pattern, void *userdata)
{
	struct file_sd *sd = userdata;
	const char *slash = strrchr(pattern, '/');
	scoped(freep) char *folder = NULL;

	folder = slash ? strndup(pattern, (size_t)MAX(slash - pattern, (ptrdiff_t)1)) : strdup(".");
	/* A folder that is not there yet is found at the next look. */
	if (folder)
		inotify_add_watch(sd->inotify_fd, folder, WATCHED | IN_ONLYDIR);
	sd->refresh_ms =
		sd->refresh_ms ? MIN(sd->refresh_ms, files->refresh_ms) : files->refresh_ms;
	return 0;
}

void file_sd_watch(struct file_sd *sd, const struct config *config)
{
	/* Watches of folders that nobody names any more stay: they only cost a look. */
	sd->refresh_ms = 0;
	each_pattern(config, watch_folder, sd);
	sd_event_source_set_enabled(sd->timer, sd->refresh_ms ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
	if (sd->refresh_ms)
		sd_event_source_set_time(sd->timer,
			(uint64_t)usec_of(clock_boot_ns() + sd->refresh_ms * NSEC_PER_MSEC));
}

static bool names(const struct config_scrape *job, const char *path)
{
	for (size_t k = 0; k < job->n_file_sds; k++) {
		const struct config_texts *files = &job->file_sds[k].files;

		for (size_t f = 0; f < files->n; f++) {
			if (!fnmatch(files->items[f].s, path, FNM_PATHNAME | FNM_PERIOD))
				return true;
		}
	}
	return false;
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct sd_file *const *)a)->path, (*(struct sd_file *const *)b)->path);
}

int file_sd_each(const struct file_sd *sd, const struct config_scrape *job, file_sd_target_fn *fn,
	void *userdata)
{
	scoped(freep) struct sd_file **files = NULL;
	size_t n = 0;
	int err = 0;

	if (!job->n_file_sds || !sd->files.n)
		return 0;
	files = calloc(sd->files.n, sizeof(struct sd_file *));
	if (!files)
		return -ENOMEM;
	map_foreach (&sd->files, e) {
		struct sd_file *file = e->value;

		if (file->content && names(job, file->path))
			files[n++] = file;
	}
	if (n)
		qsort(files, n, sizeof(*files), by_path);
	for (size_t i = 0; i < n; i++) {
		const struct config_scrape *targets = &files[i]->content->scrapes[0];

		for (size_t k = 0; k < targets->n_targets && !err; k++)
			err = fn(&targets->targets[k], userdata);
	}
	return err;
}
