/*
 * http.h - one request and its answer, without the server that carries them.
 *
 * A handler reads the request and fills the response; it never sees a socket, so a test can call it
 * with a text. What would take long is left in `job`, which the server steps between other work.
 */
#ifndef TOLLD_API_HTTP_H
#define TOLLD_API_HTTP_H

#include "base/strbuf.h"

struct api;
struct request;

/* What a client may send, and what it may be sent. */
#define HTTP_MAX_BODY	((size_t)1 << 20)
#define HTTP_MAX_ALERTS ((size_t)16 << 20) /* the body of alerts, and of samples, from outside */
#define HTTP_MAX_URI	((size_t)32 << 10)
#define HTTP_MAX_PARAMS 1000
#define HTTP_MAX_ANSWER ((size_t)64 << 20)
#define HTTP_MAX_WAITING                                                                           \
	(2 * HTTP_MAX_ANSWER) /* of answers that clients have not taken, together */

struct param {
	char *name, *value;
};

/* Work that goes on in later turns of the loop. */
struct job {
	/* Does a little; true: it is done, and the response is filled. */
	bool (*step)(struct job *job, struct request *req);
	void (*free)(struct job *job);
	/* Fills the response for a client that has hung up; NULL: there is more to it than an answer. */
	void (*cancel)(struct job *job, struct request *req);
	/*
	 * What a turn has added to the body may go out, and the body be empty again, before the next one:
	 * however long the answer is, it takes little memory. A status that changes ends the connection.
	 */
	bool streams;
};

struct response {
	unsigned status;
	const char *content_type; /* static text, as all below; NULL: no header */
	const char *allow;
	const char *cache_control;
	const char *location;
	bool page; /* HTML: gets the headers that keep it to itself */
	/* A page of that origin, or "*" of any, may read it; in the request. NULL: none may. */
	const char *cors_origin;
	bool cors_posts;   /* may send bodies */
	bool cors_changes; /* may also delete */
	struct strbuf body;
};

struct request {
	struct api *api;
	char *path;	      /* decoded */
	const char *wildcard; /* what stood for '*' in the route's path; in `path` */
	char *method;
	char *origin, *host, *content_type, *accept, *fetch_site; /* NULL without the header */
	bool forwarded;	      /* by a proxy, as its headers say */
	bool bad_params;      /* some parameter cannot be decoded */
	bool plain_errors;    /* answer_error() tells them as plain text */
	struct param *params; /* a form's fields first, then the URI's */
	size_t n_params, cap_params;
	struct strbuf body;
	struct response response;
	struct job *job;
	unsigned route; /* its row in the table; for the count of answers */
};

/*
 * From "/path?name=value&..." as it stood in the request line, or "http://HOST/path?..." as proxies get it. 0, -EINVAL (bad escape or NUL in the path),
 * -EMSGSIZE, -ENOMEM. Parameters that cannot be decoded are told by bad_params, so that the path can say
 * in its own way what is wrong.
 */
int request_new(struct api *api, const char *uri, struct request **ret);
void request_free(struct request *req);
DEFINE_FREEP(request)

/* Takes the body apart where it is a form. The same errors; again bad_params. */
int request_read_form(struct request *req);

/* The first value, or NULL. */
const char *request_param(const struct request *req, const char *name);
/* The same, NULL also where it is empty: most parameters make no difference there. */
const char *request_text(const struct request *req, const char *name);
/* The value after `after` (NULL: the first), or NULL; for names that may come again and again. */
const struct param *request_next(
	const struct request *req, const char *name, const struct param *after);

/* Replaces whatever was answered so far by one line of plain text. */
void respond_text(struct request *req, unsigned status, const char *text);

#endif
