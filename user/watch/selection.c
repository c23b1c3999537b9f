/*
 * selection.c - descriptions of services: made from what the owner wrote, and taken back.
 */
#include "watch/select.h"

#include <errno.h>
#include <stdio.h>
#include "watch/owners.h"
#include "watch/pidfiles.h"
#include "watch/procfs.h"
#include "watch/unit.h"
#include "watch/units.h"
#include "watch/watch_private.h"

/* -- programs ------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * By the inode, which is exact where file systems give the kernel the same number as us; and by name, which
 * serves for the others. A miss of both is found by the next look at all processes.
 */
void selection_tell_program(struct selection *s)
{
	const struct backend_ops *ops = s->watch->ops;
	struct backend *backend = s->watch->backend;

	program_refresh(&s->program);
	if (!ops->add_program)
		return;
	if (s->program.inode && s->told_inode != s->program.inode) {
		if (s->told_inode)
			ops->remove_program(backend, NULL, s->told_inode, 0);
		s->told_inode = s->program.inode;
	}
	if (s->told_inode)
		ops->add_program(backend, NULL, s->told_inode, 0, s->name);
	ops->add_program(backend, base_name(s->program.path), 0, 0, s->name);
	if (s->program.real)
		ops->add_program(backend, base_name(s->program.real), 0, 0, s->name);
}

static void tell_programs(struct watch *watch, struct selection *s)
{
	if (s->kind == SELECT_EXE)
		selection_tell_program(s);
	else if (s->kind == SELECT_CMDLINE && watch->ops->add_program)
		watch->ops->add_program(watch->backend, NULL, 0, 0, s->name);
}

static bool is_same_name(const char *path, const struct program *program)
{
	const char *name = base_name(path);

	return streq(name, base_name(program->path)) ||
	       (program->real && streq(name, base_name(program->real)));
}

static bool looks_for_same(const struct selection *s, const struct selection *other)
{
	if (s->kind != other->kind || s->kind != SELECT_EXE)
		return s->kind == other->kind;
	return (s->told_inode && s->told_inode == other->told_inode) ||
	       is_same_name(s->program.path, &other->program) ||
	       (s->program.real && is_same_name(s->program.real, &other->program));
}

/* Others may look for the same: they say so again. */
static void untell_programs(struct selection *s)
{
	struct watch *watch = s->watch;

	if (!watch->ops->remove_program)
		return;
	if (s->kind == SELECT_EXE) {
		if (s->told_inode)
			watch->ops->remove_program(watch->backend, NULL, s->told_inode, 0);
		watch->ops->remove_program(watch->backend, base_name(s->program.path), 0, 0);
		if (s->program.real)
			watch->ops->remove_program(
				watch->backend, base_name(s->program.real), 0, 0);
	} else if (s->kind == SELECT_CMDLINE) {
		watch->ops->remove_program(watch->backend, NULL, 0, 0);
	} else if (s->kind != SELECT_UNIT) {
		return;
	}
	for (size_t i = 0; i < watch->finder.n; i++) {
		if (looks_for_same(watch->finder.items[i], s))
			tell_programs(watch, watch->finder.items[i]);
	}
	units_tell_programs(watch);
}

/* -- life ----------------------------------------------------------------------------------- */

static const char *const kind_words[] = {
	[SELECT_PROCESS] = "process",
	[SELECT_LISTEN] = "listen",
	[SELECT_EXE] = "exe",
	[SELECT_CMDLINE] = "cmdline",
	[SELECT_PIDFILE] = "pidfile",
	[SELECT_UNIT] = "unit",
};

static int refuse(char *error, size_t error_size, const char *why)
{
	snprintf(error, error_size, "%s", why);
	return -EINVAL;
}

static int read_description(struct selection *s, char *error, size_t error_size)
{
	switch (s->kind) {
	case SELECT_EXE:
		if (*s->text != '/')
			return refuse(error, error_size, "the path must begin with a slash");
		return program_init(&s->program, s->text);
	case SELECT_CMDLINE:
		return regex_new_search(s->text, &s->regex, error, error_size);
	case SELECT_UNIT:
		return 0;
	case SELECT_PIDFILE:
		if (*s->text != '/')
			return refuse(error, error_size, "the path must begin with a slash");
		return pidfiles_add(s);
	default:
		return -EINVAL;
	}
}

/* At an address it is as a target's service is, and known at once. */
static int service_at_address(struct selection *s, const struct sockaddr *address)
{
	int err = watch_add_listen(s->watch, s->name, address, &s->service);

	if (err)
		return err;
	s->service->selection = s;
	s->service->labels = s->labels ? labels_ref(s->labels) : NULL;
	return 0;
}

static int service_new(
	struct selection *s, const char *name, const char *what, struct service **ret)
{
	struct strbuf text = STRBUF_INIT;
	struct service *service;
	int err;

	strbuf_addf(&text, "%s %s", kind_words[s->kind], what);
	err = text.err;
	if (!err)
		err = services_add(&s->watch->services, name, text.s, NULL, clock_now(), &service);
	strbuf_release(&text);
	if (err)
		return err;
	service->kind = s->kind;
	service->expect = s->expect;
	service->selection = s;
	service->labels = s->labels ? labels_ref(s->labels) : NULL;
	service->unasked = true;
	*ret = service;
	return 0;
}

int selection_add_service(struct selection *s, const char *name, struct service **ret)
{
	return service_new(s, name, name, ret);
}

void selection_tell_added(struct service *service)
{
	struct watch *watch = service->selection->watch;

	if (watch->options.on_added)
		watch->options.on_added(
			service, service->selection->userdata, watch->options.userdata);
}

void selection_remove_service(struct service *service)
{
	struct watch *watch = service->selection->watch;

	if (watch->options.on_removed)
		watch->options.on_removed(service, watch->options.userdata);
	watch_remove(service);
}

struct everyone_looking {
	struct selection *selection;
	struct listeners listeners;
};

/* It lives in the selection alone: as one at an address it knows how to be watched. */
static bool add_listening(const struct listener *l, void *userdata)
{
	struct everyone_looking *looking = userdata;
	struct selection *s = looking->selection;
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(l->endpoint.port) };
	struct owner owners[OWNERS_MAX];
	struct process_stat stat;
	struct service *service;
	char name[64];

	snprintf(name, sizeof(name), "port %u", l->endpoint.port);
	if (watch_owners(s->watch, &looking->listeners, &l->inode, 1, owners) &&
		process_stat_read(owners[0].pid, &stat) == 0) {
		/* Whoever watches is no service of its own. */
		if (owners[0].pid == getpid())
			return true;
		snprintf(name, sizeof(name), "%s:%u", stat.comm, l->endpoint.port);
	}
	if (watch_add_listen(s->watch, name, (struct sockaddr *)&any, &service))
		return false;
	service->selection = s;
	service->labels = s->labels ? labels_ref(s->labels) : NULL;
	selection_tell_added(service);
	return true;
}

void selection_look_at_everyone(struct selection *s)
{
	struct everyone_looking looking = { .selection = s };

	/* What fails now is tried again with the next look. */
	s->everyone->next_boot_ns = clock_boot_ns() + EVERYONE_EVERY_NS;
	if (listeners_read(&looking.listeners))
		return;
	everyone_look(s->everyone, &looking.listeners, clock_boot_ns(), add_listening, &looking);
	listeners_release(&looking.listeners);
}

static int everyone_new(struct selection *s)
{
	s->everyone = malloc(sizeof(*s->everyone));
	if (!s->everyone)
		return -ENOMEM;
	everyone_init(s->everyone);
	return 0;
}

static void remove_all_of(struct selection *s)
{
	struct watch *watch = s->watch;

	if (s->service) {
		selection_remove_service(s->service);
		return;
	}
	for (size_t i = watch_services(watch); i-- > 0;) {
		struct service *service = watch_service(watch, i);

		if (service->selection == s)
			selection_remove_service(service);
	}
}

static int selection_fill(struct selection *s, const struct watch_spec *spec)
{
	s->kind = spec->kind;
	s->expect = spec->expect;
	s->userdata = spec->userdata;
	s->wd = -1;
	s->labels = spec->labels ? labels_ref(spec->labels) : NULL;
	s->name = strdup(spec->name ? spec->name : "");
	s->text = strdup(spec->text ? spec->text : "");
	return s->name && s->text ? 0 : -ENOMEM;
}

static void selection_release(struct selection *s)
{
	program_release(&s->program);
	if (s->everyone)
		everyone_release(s->everyone);
	free(s->everyone);
	regex_free(s->regex);
	labels_unref(s->labels);
	free(s->name);
	free(s->text);
	free(s);
}

static void begin(struct watch *watch, struct selection *s)
{
	struct finder *finder = &watch->finder;

	finder->items[finder->n++] = s;
	finder->n_everyone += s->everyone != NULL;
	finder->pace.is_told = watch->ops->add_program != NULL;
	/* From the next turn on; many that are added share one look. */
	finder->scan_boot_ns = 0;
	if (selection_is_by_process(s)) {
		finder->n_by_process++;
		tell_programs(watch, s);
	}
}

/* Those that fit a pattern come when they are found. */
static int first_service(struct selection *s, const struct watch_spec *spec)
{
	if (s->kind == SELECT_LISTEN)
		return spec->address ? service_at_address(s, spec->address) : everyone_new(s);
	if (s->kind == SELECT_UNIT && unit_is_pattern(s->text))
		return 0;
	return service_new(s, s->name, s->text, &s->service);
}

int watch_select(struct watch *watch, const struct watch_spec *spec, struct selection **ret,
	char *error, size_t error_size)
{
	struct finder *finder = &watch->finder;
	struct selection *s = calloc(1, sizeof(*s));
	int err;

	snprintf(error, error_size, "memory is out");
	if (!s)
		return -ENOMEM;
	s->watch = watch;
	err = selection_fill(s, spec);
	if (!err && !vec_reserve(finder->items, finder->n, finder->cap))
		err = -ENOMEM;
	if (!err && s->kind != SELECT_LISTEN)
		err = read_description(s, error, error_size);
	if (!err)
		err = first_service(s, spec);
	if (err) {
		selection_release(s);
		return err;
	}
	begin(watch, s);
	err = s->kind == SELECT_UNIT ? units_select(s) : 0;
	if (err) {
		watch_unselect(s);
		return err;
	}
	watch_arm(watch);
	if (s->service)
		selection_tell_added(s->service);
	*ret = s;
	return 0;
}

void watch_unselect(struct selection *s)
{
	struct watch *watch = s->watch;
	struct finder *finder = &watch->finder;
	size_t i = finder->n - 1;

	/* From the end: when many go, the last goes first. */
	while (finder->items[i] != s)
		i--;
	memmove(&finder->items[i], &finder->items[i + 1],
		(finder->n - i - 1) * sizeof(*finder->items));
	finder->n--;
	finder->n_everyone -= s->everyone != NULL;
	if (selection_is_by_process(s))
		finder->n_by_process--;
	if (s->kind == SELECT_UNIT)
		units_unselect(s);
	remove_all_of(s);
	untell_programs(s);
	selection_release(s);
	watch_arm(watch);
}

void select_init(struct watch *watch)
{
	watch->finder = (struct finder){ .scan_boot_ns = BOOT_NS_NEVER, .inotify_fd = -1 };
	/* Nothing has died yet. */
	watch->finder.pace.died_boot_ns = clock_boot_ns() - PACE_HASTE_ENDS_NS * 8;
}

void select_release(struct watch *watch)
{
	units_free(watch->units);
	while (watch->finder.n)
		selection_release(watch->finder.items[--watch->finder.n]);
	free(watch->finder.items);
	pidfiles_release(watch);
}
