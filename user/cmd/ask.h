/*
 * ask.h - a question to a running tolld, or to whatever speaks Prometheus's API.
 */
#ifndef TOLLD_CMD_ASK_H
#define TOLLD_CMD_ASK_H

#include <jansson.h>
#include "base/strbuf.h"

#define ASK_DEFAULT_URL "http://127.0.0.1:9090"
/* Larger answers are refused. */
#define ASK_MAX_BYTES ((size_t)64 << 20)

struct ask_param {
	const char *name;
	const char *value; /* NULL: left out */
};

struct answer {
	json_t *root;
	json_t *data; /* borrowed from root; NULL where the answer is an error */
	/* What it said against the question, borrowed from root; or why nobody answered. */
	const char *error;
	char reason[640];
};

/*
 * GET with the parameters in the address, or, with `post`, POST with them as a form. `url` is that of
 * --url: http:// may be left out. The caller releases *ret, whatever comes back:
 * 0: `data` is there. -EPROTO: it answered with an error. -EHOSTUNREACH: nobody answered, or not in
 * this language. -ENOMEM.
 */
int ask(const char *url, const char *path, const struct ask_param *params, size_t n, bool post,
	struct answer *ret);
void answer_release(struct answer *answer);

#endif
