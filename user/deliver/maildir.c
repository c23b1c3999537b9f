/*
 * maildir.c - notifications as files in a folder that mail programs read: a Maildir.
 *
 * A file is written and synced in tmp/ and then moved to new/, so that a reader sees whole mails only.
 * Its name in new/ is made of the notification, so what is delivered twice is one file; in tmp/ each try has
 * its own. The disk may take its time, and the loop must not: a thread does one mail, and tells by a
 * descriptor that it is done. Who does not want to wait any longer leaves it alone; it frees what it holds.
 * While some that were left wait for a folder's disk, no more are sent after them.
 *
 * Source: Daniel J. Bernstein's "Using maildir format".
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include "base/clock.h"
#include "deliver/delivery.h"
#include "deliver/message.h"

#define LEFT_MAX  4
#define NO_ANSWER "the disk does not answer"

/* What the thread works on; freed by whoever lets go of it last. */
struct job {
	atomic_int refs;
	atomic_bool done;
	struct job *next; /* in `left` */
	char *path;
	char name[NAME_MAX + 1];
	char tmp_name[NAME_MAX + 1];
	unsigned mode;
	char *data;
	size_t len;
	int done_fd;	  /* an eventfd */
	int err;	  /* valid once done_fd can be read */
	const char *what; /* that failed: static text */
	char note[MESSAGE_NOTE_MAX];
};

struct maildir {
	struct delivery delivery;
	struct job *job;
	sd_event_source *source, *timer;
	int64_t started_boot_ns;
	delivery_done_fn *done;
	void *userdata;
};

/* -- on the thread -- */

static void job_unref(struct job *job)
{
	if (!job || atomic_fetch_sub(&job->refs, 1) > 1)
		return;
	closep(&job->done_fd);
	free(job->path);
	free(job->data);
	free(job);
}

static void job_unrefp(struct job **job)
{
	job_unref(*job);
}

static int fail(struct job *job, const char *what)
{
	job->what = what;
	return -errno;
}

/* The folder and its three, of which only the last part is made where it is missing. */
static int open_folder(struct job *job, int fds[2])
{
	static const char *const parts[] = { "tmp", "new", "cur" };
	scoped(closep) int folder = -1;

	if (mkdir(job->path, 0700) && errno != EEXIST)
		return fail(job, "cannot make the folder");
	folder = open(job->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return fail(job, "cannot open the folder");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (mkdirat(folder, parts[i], 0700) && errno != EEXIST)
			return fail(job, "cannot make tmp, new and cur in the folder");
	}
	for (size_t i = 0; i < 2; i++) {
		fds[i] = openat(folder, parts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fds[i] < 0)
			return fail(job, "cannot open tmp and new in the folder");
	}
	return 0;
}

static int write_file(struct job *job, int tmp)
{
	scoped(closep) int fd = openat(tmp, job->tmp_name,
		O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, job->mode);
	size_t at = 0;
	ssize_t n;

	/* The mode is as it was asked for, whatever the umask. */
	if (fd < 0 || fchmod(fd, job->mode))
		return fail(job, "cannot make the file");
	while (at < job->len) {
		n = write(fd, job->data + at, job->len - at);
		if (n < 0 && errno != EINTR)
			return fail(job, "cannot write the file");
		at += n > 0 ? (size_t)n : 0;
	}
	return fsync(fd) ? fail(job, "cannot write the file") : 0;
}

static int put(struct job *job)
{
	int fds[2] = { -1, -1 }, err;

	err = open_folder(job, fds);
	if (!err)
		err = write_file(job, fds[0]);
	if (!err && renameat(fds[0], job->tmp_name, fds[1], job->name))
		err = fail(job, "cannot move the file to new");
	/* The move itself is on the disk only with the folder. */
	if (!err && fsync(fds[1]))
		err = fail(job, "cannot write the folder");
	if (err && fds[0] >= 0)
		unlinkat(fds[0], job->tmp_name, 0);
	closep(&fds[0]);
	closep(&fds[1]);
	return err;
}

static void *run(void *userdata)
{
	struct job *job = userdata;

	job->err = put(job);
	atomic_store(&job->done, true);
	eventfd_write(job->done_fd, 1);
	job_unref(job);
	return NULL;
}

/* -- on the loop -- */

static void maildir_free(struct maildir *m)
{
	if (!m)
		return;
	delivery_unlink(&m->delivery);
	sd_event_source_disable_unref(m->source);
	sd_event_source_disable_unref(m->timer);
	job_unref(m->job);
	free(m);
}

DEFINE_FREEP(maildir)

static void delivery_free(struct delivery *delivery)
{
	maildir_free(container_of(delivery, struct maildir, delivery));
}

static void finish(
	struct maildir *done, enum delivery_result result, const char *words, const char *answer)
{
	scoped(maildir_freep) struct maildir *m = done;
	const struct delivery_report report = { .result = result,
		.message = words,
		.answer = answer,
		.note = *m->job->note ? m->job->note : NULL,
		.duration_ns = clock_boot_ns() - m->started_boot_ns };

	delivery_unlink(&m->delivery);
	m->done(&report, m->userdata);
}

static int on_done(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct maildir *m = userdata;
	const struct job *job = m->job;
	char words[DELIVERY_WORDS_MAX];

	if (job->err)
		snprintf(words, sizeof(words), "%s %s: %s", job->what, job->path,
			strerror(-job->err));
	else
		snprintf(words, sizeof(words), "%s/new/%s", job->path, job->name);
	finish(m, job->err ? DELIVERY_RETRY : DELIVERY_SENT, job->err ? words : "",
		job->err ? NULL : words);
	return 0;
}

/* Those that were left, and may be at work yet; each with a reference. */
static struct job *left;

static void leave(struct job *job)
{
	atomic_fetch_add(&job->refs, 1);
	job->next = left;
	left = job;
}

/* How many still wait for this folder. */
static size_t count_left(const char *path)
{
	struct job **at = &left, *job;
	size_t n = 0;

	while ((job = *at)) {
		n += !atomic_load(&job->done) && streq(job->path, path);
		if (!atomic_load(&job->done)) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		job_unref(job);
	}
	return n;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct maildir *m = userdata;

	/* Else on_done() is next. */
	if (!atomic_load(&m->job->done)) {
		leave(m->job);
		finish(m, DELIVERY_RETRY, NO_ANSWER, NULL);
	}
	return 0;
}

/* Signals are the loop's. */
static int start_thread(struct job *job)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_t thread;
	int err = pthread_attr_init(&attributes);

	if (err)
		return -err;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	atomic_fetch_add(&job->refs, 1);
	err = pthread_create(&thread, &attributes, run, job);
	if (err)
		atomic_fetch_sub(&job->refs, 1);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -err;
}

/* In a file lines end as in all files of the machine. */
static size_t without_returns(char *data, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\r' || i + 1 == len || data[i + 1] != '\n')
			data[n++] = data[i];
	}
	return n;
}

/* SECONDS.ID.HOST, where a host's name may have no / and no : */
static void name_file(struct job *job, const struct notification *n, const char *hostname)
{
	static unsigned tries;
	int len = snprintf(job->name, sizeof(job->name), "%lld.%s.%.100s",
		(long long)(n->at_wall_ms / 1000), n->id, hostname);

	for (int i = 0; i < MIN(len, (int)sizeof(job->name) - 1); i++) {
		if (job->name[i] == '/' || job->name[i] == ':' || (unsigned char)job->name[i] < ' ')
			job->name[i] = '_';
	}
	/* One that was left may be at it yet. */
	snprintf(job->tmp_name, sizeof(job->tmp_name), "%.200s.%u", job->name, ++tries);
}

/* Who sends it and whom it is for has no meaning here, but a mail must say it. */
static int render(struct deliver *deliver, const struct config_maildir *maildir,
	const struct notification *n, struct message *ret, char *error, size_t error_size)
{
	struct config_email email = maildir->email;
	char here[160];

	snprintf(here, sizeof(here), "tolld@%.100s", deliver->options.hostname);
	for (char *p = here + 6; *p; p++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *p))
			*p = '-';
	}
	if (!email.from.s || !*email.from.s)
		email.from.s = here;
	if (!email.to.s || !*email.to.s)
		email.to = email.from;
	return message_render(
		&email, n, &deliver->options, deliver->templates, ret, error, error_size);
}

static int job_new(struct deliver *deliver, const struct config_maildir *maildir,
	const struct notification *n, struct job **ret, char *error, size_t error_size)
{
	scoped(job_unrefp) struct job *job = calloc(1, sizeof(*job));
	struct message message = { 0 };
	int err;

	if (!job)
		return -ENOMEM;
	atomic_init(&job->refs, 1);
	job->mode = maildir->mode;
	job->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	job->path = strdup(maildir->path.s);
	if (job->done_fd < 0 || !job->path)
		return -ENOMEM;
	name_file(job, n, deliver->options.hostname);
	err = render(deliver, maildir, n, &message, error, error_size);
	if (err)
		return err;
	job->data = TAKE(message.data);
	job->len = without_returns(job->data, message.len);
	memcpy(job->note, message.note, sizeof(job->note));
	message_release(&message);
	*ret = TAKE(job);
	return 0;
}

int deliver_maildir(struct deliver *deliver, const struct config_maildir *maildir,
	const struct notification *notification, delivery_done_fn *done, void *userdata,
	struct delivery **ret, char *error, size_t error_size)
{
	scoped(maildir_freep) struct maildir *m = calloc(1, sizeof(*m));
	sd_event *event = net_event(deliver->net);
	int err;

	if (!m)
		return -ENOMEM;
	if (count_left(maildir->path.s) >= LEFT_MAX) {
		snprintf(error, error_size, NO_ANSWER);
		return -EBUSY;
	}
	m->done = done;
	m->userdata = userdata;
	m->started_boot_ns = clock_boot_ns();
	err = job_new(deliver, maildir, notification, &m->job, error, error_size);
	if (err)
		return err;
	err = sd_event_add_io(event, &m->source, m->job->done_fd, EPOLLIN, on_done, m);
	if (err >= 0)
		err = sd_event_add_time_relative(event, &m->timer, CLOCK_BOOTTIME,
			(uint64_t)deliver->options.timeout_ms * 1000, 10000, on_timeout, m);
	if (err >= 0)
		err = start_thread(m->job);
	if (err < 0)
		return -ENOMEM;
	m->delivery.free = delivery_free;
	delivery_link(deliver, &m->delivery);
	if (ret)
		*ret = &m->delivery;
	TAKE(m);
	return 0;
}
