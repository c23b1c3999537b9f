/*
 * pages.h - what tests of pages look for in them.
 */
#ifndef TOLLD_TESTS_API_PAGES_H
#define TOLLD_TESTS_API_PAGES_H

#include "world.h"

/* Each somewhere behind the one before. */
static inline void assert_order(const char *text, const char *const *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(text, parts[i]);

		if (!at)
			fail_msg("no, or too early: %s\nin %s", parts[i], text);
		text = at + 1;
	}
}

/* For with_failing_allocations(): a page is whole, or it is not sent. */
static inline int show_once(struct world *w, const char *uri)
{
	struct request *req;
	int err = try_ask(w, uri, &req);

	if (!err && !strstr(req->response.body.s, "</html>"))
		err = 1;
	if (!err && strstr(req->response.body.s, "no memory to list"))
		err = -ENOMEM;
	request_free(req);
	return err;
}

#endif
