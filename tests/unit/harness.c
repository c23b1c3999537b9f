/*
 * harness.c - allocations that fail on demand.
 */
#include "harness.h"

#include <sys/stat.h>

static unsigned countdown;
static bool failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

static bool fails_now(void)
{
	if (!countdown || --countdown)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails_now() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
	return fails_now() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails_now() ? NULL : __real_strndup(s, n);
}

void fail_allocation(unsigned n)
{
	countdown = n;
	failed = false;
}

bool allocation_failed(void)
{
	return failed;
}

void with_failing_allocations(int (*fn)(void *userdata), void *userdata)
{
	for (unsigned n = 1; n < 100000; n++) {
		bool reached;
		int err;

		fail_allocation(n);
		err = fn(userdata);
		reached = allocation_failed();
		fail_allocation(0);
		if (!reached) {
			assert_int_equal(err, 0);
			return;
		}
	}
	fail_msg("it allocates without end");
}

const char *conformance_dir(void)
{
	const char *dir = getenv("TOLLD_CONFORMANCE");
	struct stat st;

	if (!dir)
		dir = "../shared/conformance";
	if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
		return dir;
	printf("SKIPPED: no conformance data in %s\n", dir);
	return NULL;
}

char *read_file(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "re");
	char *text;
	long len;

	if (!f)
		fail_msg("cannot open %s", path);
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	text = __real_malloc((size_t)len + 1);
	assert_non_null(text);
	assert_int_equal(fread(text, 1, (size_t)len, f), (size_t)len);
	text[len] = '\0';
	fclose(f);
	if (ret_len)
		*ret_len = (size_t)len;
	return text;
}
