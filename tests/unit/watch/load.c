/*
 * The programs by a file of types: which files do, and what is said of those that do not.
 */
#include "harness.h"

#include <bpf/btf.h>
#include <sys/stat.h>
#include "watch/live.h"
#include "watch/load.h"

#define OWN_TYPES "/sys/kernel/btf/vmlinux"

static char folder[64], file[128];
static struct loaded loaded;

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/tolld-load-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/types", folder);
	return 0;
}

static int remove_folder(void **state)
{
	remove(file);
	rmdir(folder);
	return 0;
}

static void write_bytes(const void *bytes, size_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), size);
	close(fd);
}

/* Of this kernel; NULL where it does not say them. */
static char *own_types(size_t *ret_len)
{
	if (access(OWN_TYPES, R_OK)) {
		printf("SKIPPED: the kernel backend: this kernel has no type information\n");
		return NULL;
	}
	return read_file(OWN_TYPES, ret_len);
}

static int load_file(const char *path, char error[512])
{
	const struct load_options options = { .btf_file = path };
	int err = load_programs(&options, &loaded, error, 512);

	loaded_release(&loaded);
	return err;
}

static bool may_load(void)
{
	char error[512];

	if (access(OWN_TYPES, R_OK)) {
		printf("SKIPPED: the kernel backend: this kernel has no type information\n");
		return false;
	}
	if (load_file(OWN_TYPES, error) == 0)
		return true;
	printf("SKIPPED: programs cannot be loaded here: %s\n", error);
	return false;
}

/* -- not types ------------------------------------------------------------------------------ */

static void make_nothing(void)
{
}

static void make_folder_of_it(void)
{
	assert_int_equal(mkdir(file, 0700), 0);
}

/* Whoever opens it waits for somebody who writes. */
static void make_pipe(void)
{
	assert_int_equal(mkfifo(file, 0600), 0);
}

static void make_empty(void)
{
	write_bytes("", 0);
}

static void make_text(void)
{
	write_bytes("not types at all", 16);
}

/* As it is downloaded. */
static void make_archive(void)
{
	write_bytes("\xfd"
		    "7zXZ\0\0\4",
		8);
}

/* The head alone, of a download that was cut. */
static void make_cut(void)
{
	size_t len;
	scoped(freep) char *bytes = own_types(&len);

	if (bytes)
		write_bytes(bytes, len / 2);
	else
		make_text();
}

static void make_no_types(void)
{
	struct btf *btf = btf__new_empty();
	uint32_t size;
	const void *bytes = btf__raw_data(btf, &size);

	write_bytes(bytes, size);
	btf__free(btf);
}

static void a_file_that_holds_no_types_is_told_with_its_name(void **state)
{
	static const struct {
		void (*make)(void);
		const char *says;
	} rows[] = {
		{ make_nothing, "No such file or directory; name a file" },
		{ make_folder_of_it, "holds no types; it takes BTF" },
		{ make_pipe, "holds no types; it takes BTF" },
		{ make_empty, "holds no types; it takes BTF" },
		{ make_text, "holds no types; it takes BTF" },
		{ make_archive, "unpacked" },
		{ make_cut, "holds no types; it takes BTF" },
		{ make_no_types, "holds no types; it takes BTF" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char error[512] = "";

		rows[i].make();
		assert_true(load_file(file, error) < 0);
		assert_non_null(strstr(error, file));
		assert_non_null(strstr(error, rows[i].says));
		assert_null(strchr(error, '\n'));
		remove(file);
	}
}

/* -- types of another kernel ---------------------------------------------------------------- */

static struct btf_type *find_struct(struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);

	assert_true(id > 0);
	return (struct btf_type *)btf__type_by_id(btf, (uint32_t)id);
}

static void write_types(const struct btf *btf)
{
	uint32_t size;
	const void *bytes = btf__raw_data(btf, &size);

	write_bytes(bytes, size);
}

/* The field is further on than it is: not by eight bytes, as beside real_parent is parent. */
static void move_field(struct btf *btf, const char *in, const char *field)
{
	struct btf_type *type = find_struct(btf, in);
	struct btf_member *members = btf_members(type);

	for (size_t i = 0; i < btf_vlen(type); i++) {
		if (!streq(btf__name_by_offset(btf, members[i].name_off), field))
			continue;
		members[i].offset += 256;
		write_types(btf);
		members[i].offset -= 256;
		return;
	}
	fail_msg("%s has no %s", in, field);
}

static void types_that_are_in_other_places_are_noticed(void **state)
{
	static const struct {
		const char *in, *field;
	} rows[] = {
		{ "task_struct", "tgid" },
		{ "task_struct", "comm" },
		{ "task_struct", "group_leader" },
		{ "task_struct", "real_parent" },
		{ "task_struct", "start_boottime" },
		{ "task_struct", "signal" },
		{ "signal_struct", "nr_threads" },
	};
	size_t len;
	scoped(freep) char *bytes = own_types(&len);
	struct btf *btf;

	if (!bytes || !may_load())
		skip();
	btf = btf__new(bytes, (uint32_t)len);
	assert_non_null(btf);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char error[512] = "";

		move_field(btf, rows[i].in, rows[i].field);
		assert_int_equal(load_file(file, error), -ENOEXEC);
		assert_non_null(strstr(error, file));
		assert_non_null(strstr(error, "does not have the types of this kernel"));
		assert_non_null(strstr(error, "by it process"));
	}
	/* The test itself writes what it means to. */
	write_types(btf);
	assert_int_equal(load_file(file, (char[512]){ "" }), 0);
	btf__free(btf);
}

static void a_type_that_is_missing_is_told_with_its_field(void **state)
{
	size_t len;
	scoped(freep) char *bytes = own_types(&len);
	char error[512] = "";
	struct btf *btf;

	if (!bytes || !may_load())
		skip();
	btf = btf__new(bytes, (uint32_t)len);
	assert_non_null(btf);
	find_struct(btf, "signal_struct")->name_off = find_struct(btf, "file")->name_off;
	write_types(btf);
	btf__free(btf);
	assert_int_equal(load_file(file, error), -ENOEXEC);
	printf("  %s\n", error);
	assert_non_null(strstr(error, "does not have the types of this kernel"));
	assert_non_null(strstr(error, "struct signal_struct."));
	assert_non_null(strstr(error, "make or get it for this one"));
	assert_null(strchr(error, '\n'));
}

/* -- who uses it ---------------------------------------------------------------------------- */

static int open_with(enum watch_backend kind, struct watch_stats *ret, char error[512])
{
	const struct watch_options options = { .backend = kind, .btf_file = file, .bpffs_dir = "" };
	sd_event *event;
	struct watch *mine;
	int err;

	assert_int_equal(sd_event_new(&event), 0);
	err = watch_new(event, &options, &mine, error, 512);
	if (!err) {
		static char reason[512];

		watch_stats(mine, ret);
		snprintf(reason, sizeof(reason), "%s", ret->backend_reason);
		ret->backend_reason = reason;
		watch_free(mine);
	}
	sd_event_unref(event);
	return err;
}

static void the_next_backend_is_taken_unless_the_kernel_was_asked_for(void **state)
{
	char error[512] = "", begin[256];
	struct watch_stats stats;

	make_text();
	assert_int_equal(open_with(WATCH_KERNEL, &stats, error), -EBADMSG);
	snprintf(begin, sizeof(begin), "--watch.btf %s holds no types", file);
	assert_int_equal(strncmp(error, begin, strlen(begin)), 0);
	assert_int_equal(open_with(WATCH_AUTO, &stats, error), 0);
	assert_true(stats.backend == WATCH_PIDFD || stats.backend == WATCH_POLL);
	snprintf(begin, sizeof(begin), "not kernel: --watch.btf %s holds no types", file);
	assert_non_null(strstr(stats.backend_reason, begin));
}

static void the_reason_says_where_types_come_from(void **state)
{
	char error[512] = "";
	struct watch_stats stats;
	size_t len;
	scoped(freep) char *bytes = own_types(&len);

	if (!bytes || !may_load())
		skip();
	write_bytes(bytes, len);
	assert_int_equal(open_with(WATCH_AUTO, &stats, error), 0);
	assert_int_equal(stats.backend, WATCH_KERNEL);
	assert_string_equal(stats.backend_name, "kernel");
	assert_non_null(strstr(stats.backend_reason, file));
	assert_non_null(strstr(stats.backend_reason, ", though it has its own"));
}

static int load_again(void *userdata)
{
	char error[512];

	return load_file(userdata, error);
}

static void loading_survives_every_allocation_that_fails(void **state)
{
	if (!may_load())
		skip();
	with_failing_allocations(load_again, OWN_TYPES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_that_holds_no_types_is_told_with_its_name,
			make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			types_that_are_in_other_places_are_noticed, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_type_that_is_missing_is_told_with_its_field, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			the_next_backend_is_taken_unless_the_kernel_was_asked_for, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(
			the_reason_says_where_types_come_from, make_folder, remove_folder),
		cmocka_unit_test(loading_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
