/*
 * pidfiles.c - follows pidfiles by inotify.
 */
#include "watch/pidfiles.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include "watch/pidfile.h"
#include "watch/procfs.h"
#include "watch/watch_private.h"

#define FOLDER_EVENTS                                                                              \
	(IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* One turn of reading all of them anew. */
#define TURN_NS NSEC_PER_MSEC

/* -- whom it names -------------------------------------------------------------------------- */

/*
 * Watched first, then the file is read once more: by then the number can be nobody else's unless its
 * process ended, and that would have been told.
 */
static bool named_process(struct selection *s, struct process *ret)
{
	struct watch *watch = s->watch;
	struct process process;
	pid_t pid, again;

	if (pidfile_read(s->text, clock_now(), &pid) ||
		watch->ops->add_process(watch->backend, pid, s->service->name, &process))
		return false;
	watch->ops->drain(watch->backend);
	if (pidfile_read(s->text, clock_now(), &again) == 0 && again == pid &&
		!services_is_dead(&watch->services, &process)) {
		*ret = process;
		return true;
	}
	services_let_go(&watch->services, &process);
	return false;
}

static void look(struct selection *s)
{
	struct service *service = s->service;
	struct process process;

	if (named_process(s, &process)) {
		/* It is there because the other one is not, of whose end nobody was told yet. */
		if (service->owner.pid && !process_same(&service->owner, &process) &&
			process_is_gone(&service->owner))
			services_owner_gone(service, clock_now());
		services_adopt(service, &process, clock_now());
	} else if (service->unasked) {
		services_stand(service, &service->standing, clock_now());
	}
	service->processes = service->owner.pid != 0;
}

bool pidfile_heir(struct selection *s, struct process *ret)
{
	struct process dead = s->service->owner;

	return named_process(s, ret) && !process_same(ret, &dead);
}

/* -- when it changes ------------------------------------------------------------------------ */

static const char *file_name(const struct selection *s)
{
	return strrchr(s->text, '/') + 1;
}

/* The folder, or the nearest above it that is there. */
static int watch_folder(struct selection *s)
{
	char path[PATH_MAX];
	char *slash;

	snprintf(path, sizeof(path), "%s", s->text);
	s->is_dir_watched = true;
	while ((slash = strrchr(path, '/'))) {
		/* The root keeps its slash. */
		slash[slash == path] = '\0';
		s->wd = inotify_add_watch(s->watch->finder.inotify_fd, path, FOLDER_EVENTS);
		if (s->wd >= 0 || (errno != ENOENT && errno != ENOTDIR) || slash == path)
			break;
		s->is_dir_watched = false;
	}
	return s->wd < 0 ? -errno : 0;
}

/*
 * The folder is watched first and the file read then: what is written in between is seen by one of
 * the two. A folder may come while the one above it begins to be watched.
 */
static void follow(struct selection *s)
{
	for (int tries = 0; tries < 2; tries++) {
		watch_folder(s);
		if (s->is_dir_watched)
			break;
	}
}

static void look_again(struct selection *s)
{
	if (!s->is_dir_watched || s->wd < 0)
		follow(s);
	look(s);
}

/* Whom it names is who serves already, and of whose end all would hear. */
static bool is_as_before(struct selection *s, struct instant now)
{
	const struct service *service = s->service;

	return s->is_dir_watched && s->wd >= 0 && service->owner.pid && !service->unasked &&
	       service->state == SERVICE_UP &&
	       pidfile_still_names(s->text, service->owner.pid, now, &s->file_mark);
}

void pidfiles_look(struct watch *watch)
{
	for (size_t i = 0; i < watch->finder.n; i++) {
		struct selection *s = watch->finder.items[i];

		if (s->kind == SELECT_PIDFILE && s->service->unasked)
			look_again(s);
	}
}

void pidfiles_resync(struct watch *watch)
{
	struct finder *finder = &watch->finder;

	if (!finder->pidfiles_source)
		return;
	finder->n_pidfiles_left = finder->n;
	sd_event_source_set_enabled(finder->pidfiles_source, SD_EVENT_ONESHOT);
}

/* From the last to the first: whoever is removed meanwhile makes none be passed over. */
static int on_turn(sd_event_source *source, void *userdata)
{
	struct watch *watch = userdata;
	struct finder *finder = &watch->finder;
	struct instant now = clock_now();
	int64_t end_ns = now.boot_ns + TURN_NS;
	bool any = false;

	finder->n_pidfiles_left = MIN(finder->n_pidfiles_left, finder->n);
	while (finder->n_pidfiles_left && clock_boot_ns() < end_ns) {
		struct selection *s = finder->items[--finder->n_pidfiles_left];

		if (s->kind != SELECT_PIDFILE || is_as_before(s, now))
			continue;
		look_again(s);
		any = true;
	}
	if (any)
		watch_do_what_is_wanted(watch);
	return finder->n_pidfiles_left ? sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) : 0;
}

static void on_folder_event(struct watch *watch, const struct inotify_event *e)
{
	for (size_t i = 0; i < watch->finder.n; i++) {
		struct selection *s = watch->finder.items[i];

		if (s->kind != SELECT_PIDFILE || (s->wd != e->wd && !(e->mask & IN_Q_OVERFLOW)))
			continue;
		if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW))
			s->is_dir_watched = false;
		if (!s->is_dir_watched || (e->len && streq(e->name, file_name(s))))
			look_again(s);
	}
}

static int on_inotify(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct watch *watch = userdata;
	_Alignas(struct inotify_event) char buffer[8192];
	ssize_t len;

	len = read(fd, buffer, sizeof(buffer));
	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *e = (const struct inotify_event *)(buffer + at);

		on_folder_event(watch, e);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	watch_do_what_is_wanted(watch);
	return 0;
}

/* -- life ----------------------------------------------------------------------------------- */

static int open_inotify(struct watch *watch)
{
	struct finder *finder = &watch->finder;
	int err;

	if (finder->inotify_fd >= 0)
		return 0;
	finder->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (finder->inotify_fd < 0)
		return -errno;
	err = sd_event_add_io(watch->event, &finder->inotify_source, finder->inotify_fd, EPOLLIN,
		on_inotify, watch);
	if (err >= 0)
		err = sd_event_add_defer(watch->event, &finder->pidfiles_source, on_turn, watch);
	if (err < 0) {
		pidfiles_release(watch);
		return err;
	}
	sd_event_source_set_enabled(finder->pidfiles_source, SD_EVENT_OFF);
	/* Whatever watches and alerts goes first. */
	sd_event_source_set_priority(finder->pidfiles_source, SD_EVENT_PRIORITY_IDLE);
	return 0;
}

int pidfiles_add(struct selection *s)
{
	int err = open_inotify(s->watch);

	if (err)
		return err;
	follow(s);
	return 0;
}

void pidfiles_release(struct watch *watch)
{
	sd_event_source_disable_unref(watch->finder.inotify_source);
	watch->finder.inotify_source = NULL;
	sd_event_source_disable_unref(watch->finder.pidfiles_source);
	watch->finder.pidfiles_source = NULL;
	closep(&watch->finder.inotify_fd);
	watch->finder.inotify_fd = -1;
}
