/* Folders as receivers, on a real loop. */
#include "deliver/ways.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

static char *only_file(const char *dir)
{
	char *name = NULL;
	struct dirent *e;
	DIR *d = opendir(dir);

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		assert_null(name);
		name = strdup(e->d_name);
	}
	closedir(d);
	return name;
}

static void remove_tree(const char *path)
{
	static const char *const parts[] = { "tmp", "new", "cur" };
	char dir[300], file[600];
	struct dirent *e;
	DIR *d;

	for (size_t i = 0; i < 3; i++) {
		snprintf(dir, sizeof(dir), "%s/%s", path, parts[i]);
		d = opendir(dir);
		while (d && (e = readdir(d))) {
			snprintf(file, sizeof(file), "%s/%s", dir, e->d_name);
			unlink(file);
		}
		if (d)
			closedir(d);
		rmdir(dir);
	}
	rmdir(path);
}

static void a_folder_takes_whole_mails_once(void **state)
{
	char base[] = "/tmp/tolld-test-XXXXXX", path[64], text[200], dir[100], file[400],
	     error[400];
	struct config *config;
	struct stat st;
	struct world w;
	char *name, *mail;

	setup(&w, PATIENCE_MS);
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/mail", base);
	snprintf(text, sizeof(text), RECEIVER("maildir", "{path: %s, mode: '0640'}"), path);
	config = config_with(&w, text);
	/* Twice: it is one notification, and one file. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(tell(&w, config, "maildir", error), 0);
		assert_string_equal(w.message, "");
		assert_int_equal(w.result, DELIVERY_SENT);
	}
	snprintf(dir, sizeof(dir), "%s/new", path);
	name = only_file(dir);
	assert_string_equal(name, "1795362385.0123456789abcdef0123456789abcdef.pi.example.org");
	snprintf(file, sizeof(file), "%s/%s", dir, name);
	assert_string_equal(w.answer, file);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	mail = read_file(file, NULL);
	assert_non_null(strstr(mail, "\nFrom: tolld@pi.example.org\nTo: tolld@pi.example.org\n"
				     "Subject: [FIRING:1] InstanceDown"));
	assert_null(strchr(mail, '\r'));
	free(mail);
	free(name);
	snprintf(dir, sizeof(dir), "%s/tmp", path);
	assert_null(only_file(dir));
	remove_tree(path);
	rmdir(base);
	config_unref(config);
	teardown(&w);
}

static unsigned count_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* Pipes that nobody reads from stand for the disk: whoever opens one waits. Each try has its own. */
#define PIPES 60

static void pipe_path(const char *base, unsigned i, char out[200])
{
	snprintf(out, 200, "%s/tmp/1795362385.0123456789abcdef0123456789abcdef.pi.example.org.%u",
		base, i);
}

static void let_go(const char *base)
{
	char path[200];
	int fd;

	for (unsigned i = 0; i < PIPES; i++) {
		pipe_path(base, i, path);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0)
			close(fd);
	}
	poll(NULL, 0, 10);
}

static void a_disk_that_does_not_answer_is_not_sent_more_and_more(void **state)
{
	char base[] = "/tmp/tolld-test-XXXXXX", other[] = "/tmp/tolld-test-XXXXXX";
	char path[200], text[200], error[400];
	struct config *config;
	unsigned before = count_threads();
	struct world w;
	int err = 0;

	setup(&w, 20);
	assert_non_null(mkdtemp(base));
	snprintf(path, sizeof(path), "%s/tmp", base);
	assert_int_equal(mkdir(path, 0700), 0);
	for (unsigned i = 0; i < PIPES; i++) {
		pipe_path(base, i, path);
		assert_int_equal(mkfifo(path, 0600), 0);
	}
	snprintf(text, sizeof(text), RECEIVER("maildir", "{path: %s}"), base);
	config = config_with(&w, text);
	for (int i = 0; i < 12; i++) {
		err = tell(&w, config, "maildir", error);
		assert_string_equal(err ? error : w.message, "the disk does not answer");
		assert_true(err == -EBUSY || w.result == DELIVERY_RETRY);
		assert_true(count_threads() <= before + 4);
	}
	assert_int_equal(err, -EBUSY);
	/* Another folder may be on another disk. */
	assert_non_null(mkdtemp(other));
	snprintf(text, sizeof(text), RECEIVER("maildir", "{path: %s}"), other);
	config_unref(config);
	config = config_with(&w, text);
	assert_int_equal(tell(&w, config, "maildir", error), 0);
	/* It answers again. */
	snprintf(text, sizeof(text), RECEIVER("maildir", "{path: %s}"), base);
	config_unref(config);
	config = config_with(&w, text);
	for (int i = 0; i < 500 && err; i++) {
		let_go(base);
		err = tell(&w, config, "maildir", error);
	}
	assert_int_equal(err, 0);
	while (count_threads() > before)
		let_go(base);
	remove_tree(base);
	remove_tree(other);
	config_unref(config);
	teardown(&w);
}

static void a_folder_that_cannot_be_written_to_is_tried_again(void **state)
{
	char base[] = "/tmp/tolld-test-XXXXXX", text[200], error[400], expected[200];
	struct config *config;
	struct world w;
	int fd;

	setup(&w, PATIENCE_MS);
	assert_non_null(mkdtemp(base));
	snprintf(text, sizeof(text), RECEIVER("maildir", "{path: %s/no/mail}"), base);
	config = config_with(&w, text);
	assert_int_equal(tell(&w, config, "maildir", error), 0);
	assert_int_equal(w.result, DELIVERY_RETRY);
	snprintf(expected, sizeof(expected),
		"cannot make the folder %s/no/mail: No such file or directory", base);
	assert_string_equal(w.message, expected);
	config_unref(config);
	/* A file where the folder should be. */
	snprintf(text, sizeof(text), "%s/file", base);
	fd = open(text, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(text, sizeof(text), RECEIVER("maildir", "{path: %s/file}"), base);
	config = config_with(&w, text);
	assert_int_equal(tell(&w, config, "maildir", error), 0);
	assert_int_equal(w.result, DELIVERY_RETRY);
	assert_true(starts_with(w.message, "cannot open the folder "));
	snprintf(text, sizeof(text), "%s/file", base);
	unlink(text);
	rmdir(base);
	config_unref(config);
	teardown(&w);
}

static void what_is_no_longer_in_the_settings_is_not_found(void **state)
{
	static const char *const kinds[] = { "email", "maildir", "slack", "nonsense" };
	char error[400];
	struct world w;
	struct config *config;

	setup(&w, PATIENCE_MS);
	config = config_with(&w, RECEIVER("webhook", "{url: 'http://127.0.0.1:%/x'}"));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(tell(&w, config, kinds[i], error), -ENOENT);
	config_unref(config);
	teardown(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_takes_whole_mails_once),
		cmocka_unit_test(a_disk_that_does_not_answer_is_not_sent_more_and_more),
		cmocka_unit_test(a_folder_that_cannot_be_written_to_is_tried_again),
		cmocka_unit_test(what_is_no_longer_in_the_settings_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
