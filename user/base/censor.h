/*
 * censor.h - secrets kept out of what strangers say.
 *
 * A server may quote what it was sent in its answer, and the answer goes into logs, the history and the API.
 * A secret is found as it is, in base64, and written as URLs, JSON and HTML write it (%2F, \/, &amp;).
 */
#ifndef TOLLD_BASE_CENSOR_H
#define TOLLD_BASE_CENSOR_H

#include "base/strbuf.h"

/* What stands in a secret's place. */
#define CENSORED "<secret>"
/* A shorter secret would be found everywhere; it is hidden where no letter or digit touches it. */
#define CENSOR_MIN_BYTES 4

struct censor_word {
	char *s;
	size_t len;
	bool base64; /* padding may follow */
};

struct censor {
	struct censor_word *words;
	size_t n, cap;
	int err; /* the first failure, -ENOMEM: then nothing of any text is shown */
};

#define CENSOR_INIT ((struct censor){ 0 })

/* Wipes and frees. */
void censor_release(struct censor *censor);
/* A secret, and its base64 form. "" and NULL do nothing, here and below; no `censor` neither. */
void censor_add(struct censor *censor, const char *secret);
/* Bytes of which only the base64 form is ever sent. */
void censor_add_base64(struct censor *censor, const char *bytes, size_t len);
/* A password, and "user:password" as basic authentication writes it. */
void censor_add_login(struct censor *censor, const char *user, const char *password);
/*
 * A URL that is a secret, and those parts of it that a server names by themselves: the path, the query and its
 * values, a login, and segments of the path that are long enough to be a token. What is no URL is
 * a secret as any other.
 */
void censor_add_url(struct censor *censor, const char *url);
/* The login in a URL that is no secret. */
void censor_add_url_login(struct censor *censor, const char *url);
void censor_add_all(struct censor *censor, const struct censor *others);

/* Adds the text to `out` with each secret in it replaced. `censor` may be NULL: all is shown. */
void censor_text(const struct censor *censor, const char *s, size_t len, struct strbuf *out);
/* The same in place, for a line in a buffer of `size` bytes, which is cut where it grows too long. */
void censor_line(const struct censor *censor, char *line, size_t size);

#endif
