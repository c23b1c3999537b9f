/*
 * common.h - what the tests of the settings reader share.
 */
#ifndef TOLLD_TESTS_CONFIG_COMMON_H
#define TOLLD_TESTS_CONFIG_COMMON_H

#include "harness.h"

#include "config/config.h"

/* Each fault as "line:col: severity: text", one a line, sorted by place; the heap's. */
static inline char *faults_of(const struct diag *diag)
{
	static const char *const names[] = {
		[DIAG_ERROR] = "error",
		[DIAG_WARNING] = "warning",
		[DIAG_HINT] = "hint",
	};
	struct strbuf out = STRBUF_INIT;
	unsigned line = 0, next;
	char *s = NULL;

	for (;; line = next) {
		next = UINT32_MAX;
		for (size_t i = 0; i < diag->n; i++) {
			const struct diag_entry *e = &diag->entries[i];

			if (e->pos.line == line)
				strbuf_addf(&out, "%u:%u: %s: %s\n", e->pos.line, e->pos.column,
					names[e->severity], e->text);
			else if (e->pos.line > line && e->pos.line < next)
				next = e->pos.line;
		}
		if (next == UINT32_MAX)
			break;
	}
	if (!out.len)
		strbuf_adds(&out, "");
	assert_int_equal(strbuf_finish(&out, &s), 0);
	return s;
}

/* A text and all that must be said about it. */
struct fault_row {
	const char *text;
	const char *faults;
};

/* Loads each row's text as settings and compares what is said, word for word. */
static inline void check_rows(const struct fault_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct diag diag = DIAG_INIT;
		struct config *config = NULL;
		char *said;
		int err;

		err = config_load_text("t.yml", rows[i].text, &config, &diag);
		said = faults_of(&diag);
		if (strcmp(said, rows[i].faults))
			printf("text:\n%s\n", rows[i].text);
		assert_string_equal(said, rows[i].faults);
		assert_int_equal(err, diag.errors ? -EINVAL : 0);
		assert_int_equal(config != NULL, !err);
		free(said);
		config_unref(config);
		diag_release(&diag);
	}
}

#endif
