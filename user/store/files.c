/*
 * files.c - a queue of orders about files, and the thread that carries them out.
 *
 * The thread allocates nothing. The file that was added to last stays open, because the next order is
 * most often about it, too.
 */
#include "store/files.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include "store/open.h"
#include "store/worker.h"

/* The thread's; it keeps nothing on it but a path of the call. */
#define STACK_BYTES ((size_t)256 << 10)

enum order_kind { APPEND, RENAME, REMOVE };

struct order {
	struct order *next;
	enum order_kind kind;
	char name[STORE_FILES_MAX_NAME], to[STORE_FILES_MAX_NAME];
	char *bytes;
	size_t len;
	bool durable;
	int err;
	store_files_done_fn *done;
	void *userdata;
};

struct orders {
	struct order *first, *last;
	size_t bytes;
};

struct store_files {
	int dir_fd;
	bool closed;
	struct worker worker;
	/* Under its lock. */
	struct orders queue, finished;
	size_t writing_bytes;
	/* The thread's alone. */
	char open_name[STORE_FILES_MAX_NAME];
	int open_fd;
	char lacking[STORE_FILES_MAX_NAME]; /* the last file that something could not be added to */
	bool names_new;			    /* since the directory was last made durable */
};

static void push(struct orders *orders, struct order *order)
{
	order->next = NULL;
	if (orders->last)
		orders->last->next = order;
	else
		orders->first = order;
	orders->last = order;
	orders->bytes += order->len;
}

static struct order *pop(struct orders *orders)
{
	struct order *order = orders->first;

	if (!order)
		return NULL;
	orders->first = order->next;
	if (!orders->first)
		orders->last = NULL;
	orders->bytes -= order->len;
	return order;
}

/* -- the thread's side ------------------------------------------------------------------------- */

static void close_current(struct store_files *files)
{
	closep(&files->open_fd);
	files->open_fd = -1;
	files->open_name[0] = '\0';
}

static int open_to_add(struct store_files *files, const char *name, bool make)
{
	static const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW;
	int fd;

	if (files->open_fd >= 0 && streq(files->open_name, name))
		return 0;
	close_current(files);
	fd = openat(files->dir_fd, name, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && make) {
		fd = openat(files->dir_fd, name, flags | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		files->names_new = true;
	}
	if (fd < 0)
		return -errno;
	files->open_fd = fd;
	snprintf(files->open_name, sizeof(files->open_name), "%s", name);
	return 0;
}

static int write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int keep_names(struct store_files *files)
{
	if (fsync(files->dir_fd) < 0)
		return -errno;
	files->names_new = false;
	return 0;
}

static int append(struct store_files *files, const struct order *order)
{
	struct stat before;
	int err = open_to_add(files, order->name, true);

	if (err)
		return err;
	if (fstat(files->open_fd, &before) < 0)
		return -errno;
	err = write_all(files->open_fd, order->bytes, order->len);
	if (!err && order->durable && fdatasync(files->open_fd) < 0)
		err = -errno;
	/* It may be the name of an order that asked for less, or that failed. */
	if (!err && order->durable && files->names_new)
		err = keep_names(files);
	/* Half of it must not stand before what comes next. */
	if (err && ftruncate(files->open_fd, before.st_size) < 0)
		close_current(files);
	return err;
}

/* Orders stand behind each other whose giver waits for no answer: what lacks a part must not look whole. */
static int append_or_note(struct store_files *files, const struct order *order)
{
	int err = append(files, order);

	if (err)
		snprintf(files->lacking, sizeof(files->lacking), "%s", order->name);
	return err;
}

static int rename_file(struct store_files *files, const struct order *order)
{
	int err =
		streq(files->lacking, order->name) ? -EIO : open_to_add(files, order->name, false);

	if (!err && fdatasync(files->open_fd) < 0)
		err = -errno;
	close_current(files);
	if (!err && renameat(files->dir_fd, order->name, files->dir_fd, order->to) < 0)
		err = -errno;
	return err ? err : keep_names(files);
}

static int remove_file(struct store_files *files, const struct order *order)
{
	if (streq(files->open_name, order->name))
		close_current(files);
	if (streq(files->lacking, order->name))
		files->lacking[0] = '\0';
	return unlinkat(files->dir_fd, order->name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

static int carry_out(struct store_files *files, const struct order *order)
{
	static int (*const how[])(struct store_files *, const struct order *) = {
		[APPEND] = append_or_note,
		[RENAME] = rename_file,
		[REMOVE] = remove_file,
	};

	return how[order->kind](files, order);
}

static bool has_order(void *userdata)
{
	return ((const struct store_files *)userdata)->queue.first;
}

static void next_order(void *userdata)
{
	struct store_files *files = userdata;
	struct order *order = pop(&files->queue);

	files->writing_bytes = order->len;
	pthread_mutex_unlock(&files->worker.lock);
	order->err = carry_out(files, order);
	pthread_mutex_lock(&files->worker.lock);
	files->writing_bytes = 0;
	push(&files->finished, order);
	worker_report(&files->worker);
}

/* -- the loop's side --------------------------------------------------------------------------- */

static void call_back(struct orders *orders, int err)
{
	struct order *order;

	while ((order = pop(orders))) {
		if (order->done)
			order->done(err ? err : order->err, order->userdata);
		free(order->bytes);
		free(order);
	}
}

static void on_finished(void *userdata)
{
	struct store_files *files = userdata;
	struct orders finished;

	pthread_mutex_lock(&files->worker.lock);
	finished = files->finished;
	files->finished = (struct orders){ 0 };
	pthread_mutex_unlock(&files->worker.lock);
	call_back(&finished, 0);
}

static int open_directory(const char *dir, int *ret)
{
	scoped(closep) int fd = -1;
	int err = store_make_directory(dir);

	if (err)
		return err;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return -errno;
	*ret = fd;
	fd = -1;
	return 0;
}

static int files_open(struct store_files *files, const char *dir, sd_event *event)
{
	const struct worker_job job = {
		.name = "tolld-files",
		.stack_bytes = STACK_BYTES,
		.has_work = has_order,
		.work = next_order,
		.finished = on_finished,
		.userdata = files,
	};
	int err = open_directory(dir, &files->dir_fd);

	if (err)
		return err;
	err = worker_start(&files->worker, event, &job);
	if (err)
		closep(&files->dir_fd);
	return err;
}

int store_files_open(
	const char *dir, sd_event *event, struct store_files **ret, char *error, size_t error_size)
{
	struct store_files *files = calloc(1, sizeof(*files));
	int err = -ENOMEM;

	if (files) {
		files->open_fd = -1;
		/* Those of a process before us that was killed. */
		files->names_new = true;
		err = files_open(files, dir, event);
	}
	if (err) {
		snprintf(error, error_size, "%s: %s", dir, strerror(-err));
		free(files);
		return err;
	}
	*ret = files;
	return 0;
}

void store_files_close(struct store_files *files, int64_t timeout_ms)
{
	struct orders finished, rest;

	if (!files || !worker_stop(&files->worker, timeout_ms))
		return;
	finished = files->finished;
	rest = files->queue;
	files->closed = true;
	call_back(&finished, 0);
	call_back(&rest, -ECANCELED);
	worker_release(&files->worker);
	closep(&files->open_fd);
	closep(&files->dir_fd);
	free(files);
}

/* An order by itself is in memory already, however large it is. */
static bool is_too_much(const struct store_files *files, size_t len)
{
	size_t waiting = files->queue.bytes + files->writing_bytes;

	return waiting && waiting + len > STORE_FILES_MAX_QUEUED_BYTES;
}

static int give(struct store_files *files, const struct order *what)
{
	struct order *order = files->closed ? NULL : malloc(sizeof(*order));
	int err = files->closed ? -ECANCELED : order ? 0 : -ENOMEM;

	if (!err) {
		*order = *what;
		pthread_mutex_lock(&files->worker.lock);
		if (is_too_much(files, what->len))
			err = -ENOBUFS;
		else
			push(&files->queue, order);
		pthread_cond_signal(&files->worker.wake);
		pthread_mutex_unlock(&files->worker.lock);
	}
	if (err) {
		free(order);
		free(what->bytes);
	}
	return err;
}

static void set_name(char to[STORE_FILES_MAX_NAME], const char *name)
{
	assert(*name && !strchr(name, '/') && strlen(name) < STORE_FILES_MAX_NAME);
	snprintf(to, STORE_FILES_MAX_NAME, "%s", name);
}

int store_files_append(struct store_files *files, const char *name, char *bytes, size_t len,
	bool durable, store_files_done_fn *done, void *userdata)
{
	struct order order = { .kind = APPEND,
		.bytes = bytes,
		.len = len,
		.durable = durable,
		.done = done,
		.userdata = userdata };

	set_name(order.name, name);
	return give(files, &order);
}

int store_files_rename(struct store_files *files, const char *from, const char *to,
	store_files_done_fn *done, void *userdata)
{
	struct order order = { .kind = RENAME, .done = done, .userdata = userdata };

	set_name(order.name, from);
	set_name(order.to, to);
	return give(files, &order);
}

int store_files_remove(
	struct store_files *files, const char *name, store_files_done_fn *done, void *userdata)
{
	struct order order = { .kind = REMOVE, .done = done, .userdata = userdata };

	set_name(order.name, name);
	return give(files, &order);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

int store_files_list(struct store_files *files, store_files_list_fn *fn, void *userdata)
{
	int fd = openat(files->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = 0;
	scoped(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	if (!dir) {
		err = -errno;
		closep(&fd);
		return err;
	}
	while (!err && (entry = readdir(dir))) {
		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISREG(st.st_mode) || strlen(entry->d_name) >= STORE_FILES_MAX_NAME)
			continue;
		err = fn(entry->d_name, st.st_size, userdata);
	}
	return err;
}

int store_files_read(struct store_files *files, const char *name)
{
	int fd = openat(files->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}
