/*
 * test_report.c - what rule unit tests found, written out.
 */
#include "cmd/test_report.h"

#include <errno.h>
#include <fcntl.h>
#include "base/escape.h"

void test_report_release(struct test_report *report)
{
	for (size_t i = 0; i < report->n; i++) {
		free(report->failures[i].text);
		free(report->failures[i].detail);
	}
	free(report->failures);
	free(report->title);
	*report = (struct test_report){ 0 };
}

int test_report_fail(
	struct test_report *report, struct pos pos, struct strbuf *detail, const char *fmt, ...)
{
	struct test_failure failure = { .pos = pos };
	struct strbuf text = STRBUF_INIT, none = STRBUF_INIT;
	va_list args;
	int err;

	va_start(args, fmt);
	strbuf_vaddf(&text, fmt, args);
	va_end(args);
	err = strbuf_finish(&text, &failure.text);
	if (!err)
		err = strbuf_finish(detail ? detail : &none, &failure.detail);
	if (!err && !vec_reserve(report->failures, report->n, report->cap))
		err = -ENOMEM;
	if (err) {
		free(failure.text);
		free(failure.detail);
		return err;
	}
	report->failures[report->n++] = failure;
	return 0;
}

void test_report_print(const struct test_report *report, struct strbuf *out)
{
	for (size_t i = 0; i < report->n; i++) {
		const struct test_failure *failure = &report->failures[i];
		struct diag_entry entry = {
			.severity = DIAG_ERROR,
			.pos = failure->pos,
			.text = failure->text,
		};

		diag_print_entry(&entry, out);
		strbuf_adds(out, failure->detail);
	}
}

/* XML 1.0 has no way to write most control characters, nor U+FFFE and U+FFFF (its rule 2, Char). */
static bool xml_has(uint32_t rune)
{
	return (rune >= 0x20 && rune != 0xfffe && rune != 0xffff) || rune == '\n' || rune == '\t';
}

/* What cannot be written, and what is no UTF-8 (in the name of a file), becomes U+FFFD. */
static void escape_xml(struct strbuf *out, const char *s)
{
	size_t len = strlen(s), n;
	uint32_t rune;

	for (size_t i = 0; i < len; i += MAX(n, (size_t)1)) {
		n = utf8_decode(s + i, len - i, &rune);
		if (n && xml_has(rune))
			escape_html(out, s + i, n);
		else
			utf8_encode(out, 0xfffd);
	}
}

static void junit_attribute(struct strbuf *out, const char *name, const char *value)
{
	strbuf_addf(out, " %s=\"", name);
	escape_xml(out, value);
	strbuf_addch(out, '"');
}

static void junit_case(struct strbuf *out, const char *path, const struct test_report *report)
{
	strbuf_adds(out, "    <testcase");
	junit_attribute(out, "classname", path);
	junit_attribute(out, "name", report->title);
	strbuf_adds(out, ">\n");
	for (size_t i = 0; i < report->n; i++) {
		strbuf_adds(out, "      <failure");
		junit_attribute(out, "message", report->failures[i].text);
		strbuf_addch(out, '>');
		if (report->failures[i].pos.line)
			strbuf_addf(out, "line %u\n", report->failures[i].pos.line);
		escape_xml(out, report->failures[i].detail);
		strbuf_adds(out, "</failure>\n");
	}
	strbuf_adds(out, "    </testcase>\n");
}

void junit_suite(struct strbuf *out, const char *path, const struct test_report *reports, size_t n,
	const char *fault)
{
	size_t failed = 0;

	for (size_t i = 0; i < n; i++)
		failed += reports[i].n > 0;
	strbuf_adds(out, "  <testsuite");
	junit_attribute(out, "name", path);
	strbuf_addf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%d\">\n", n + (fault ? 1 : 0),
		failed, fault ? 1 : 0);
	for (size_t i = 0; i < n; i++)
		junit_case(out, path, &reports[i]);
	if (fault) {
		strbuf_adds(out, "    <testcase");
		junit_attribute(out, "classname", path);
		junit_attribute(out, "name", "the file can be read");
		strbuf_adds(out, "><error>");
		escape_xml(out, fault);
		strbuf_adds(out, "</error></testcase>\n");
	}
	strbuf_adds(out, "  </testsuite>\n");
}

static int write_all(int fd, const char *s, size_t len)
{
	ssize_t n;

	for (; len; s += n, len -= (size_t)n) {
		n = write(fd, s, len);
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			return -errno;
	}
	return 0;
}

int junit_write(const char *path, const struct strbuf *suites)
{
	static const char head[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
	static const char tail[] = "</testsuites>\n";
	int fd, err;

	if (suites->err)
		return suites->err;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	err = write_all(fd, head, strlen(head));
	if (!err)
		err = write_all(fd, suites->s, suites->len);
	if (!err)
		err = write_all(fd, tail, strlen(tail));
	if (close(fd) && !err)
		err = -errno;
	return err;
}
