/*
 * template.h - Go's text/template, and html/template's escaping.
 *
 * A template is parsed once and executed against a value (value.h). It knows no alerts and no mail:
 * whoever has data makes values of it, whoever has functions registers them. Depth, output and steps
 * are limited, because templates come from files and data from strangers. missingkey=zero.
 */
#ifndef TOLLD_TEMPLATE_TEMPLATE_H
#define TOLLD_TEMPLATE_TEMPLATE_H

#include "base/strbuf.h"
#include "template/value.h"

struct template_set;

/* What is wrong and where, in bytes of the text last parsed, or of the one that was executing. */
struct template_error {
	size_t offset;
	char text[400];
};

/* A function that templates may call, besides Go's own. `min` and `max` arguments; max -1: any. */
struct template_function {
	const char *name;
	int min, max;
	/* 0 with *ret set (from the arena), or -EINVAL with err->text set. */
	int (*call)(struct template_call *call, const struct tvalue *args, size_t n,
		struct tvalue *ret);
};

enum template_mode { TEMPLATE_TEXT, TEMPLATE_HTML };

/* `functions` ends with a NULL name and is borrowed. */
int template_set_new(enum template_mode mode, const struct template_function *functions,
	struct template_set **ret);
void template_set_free(struct template_set *set);
DEFINE_FREEP(template_set)

/* Adds a text: its {{define}}s, and itself under `name`. Later definitions replace earlier ones. */
int template_parse(struct template_set *set, const char *name, const char *text, size_t len,
	struct template_error *err);

/* The name of the text that the template `name` came from last; NULL: there is none of that name. */
const char *template_origin(const struct template_set *set, const char *name);

/*
 * Finds the faults of the template `name` that need no data: that there is none of that name, and in
 * TEMPLATE_HTML whatever keeps it from being escaped. 0; -ENOMEM; -EINVAL with *err set. Executing
 * it finds them, too.
 */
int template_check(struct template_set *set, const char *name, struct template_error *err);

struct template_limits {
	size_t max_output_bytes; /* 0: 1 MiB */
	size_t max_steps;	 /* 0: 1,000,000 nodes executed */
	size_t max_bytes;	 /* of the values made on the way; 0: 16 MiB */
};

/* Executes the template `name` on `data`. On failure nothing is added to out. */
int template_execute(struct template_set *set, const char *name, const struct tvalue *data,
	const struct template_limits *limits, void *userdata, struct strbuf *out,
	struct template_error *err);

#endif
