/*
 * http_reader.h - an answer in HTTP/1.1, taken in as it comes, in pieces of any size.
 *
 * It knows the common ways to answer: a status, headers, and a body that is counted, chunked or ended by
 * hanging up. Whatever it does not know for certain it calls strange, and somebody else must ask again.
 * Pure: bytes in, a body out. Source: RFC 9112.
 */
#ifndef TOLLD_NET_HTTP_READER_H
#define TOLLD_NET_HTTP_READER_H

#include "base/strbuf.h"

/* More before the body, or behind its last chunk, is strange. */
#define HTTP_HEAD_MAX ((size_t)16 << 10)
#define HTTP_TYPE_MAX 200

enum http_progress {
	HTTP_MORE,    /* the answer goes on */
	HTTP_REFUSED, /* the status is not 200: what follows is not wanted */
	HTTP_DONE,    /* the body is whole */
	HTTP_FULL,    /* it is larger than it may be, or memory is out: body->err says which */
	HTTP_STRANGE, /* not an answer that is known here */
};

struct http_reader {
	struct strbuf *body; /* borrowed; its maximum is the body's */
	int status;	     /* 0: not known yet */
	bool redirects;	     /* there is a Location */
	bool has_type;
	char type[HTTP_TYPE_MAX]; /* Content-Type */
	bool keep_alive;	  /* once it is done, the connection takes another request */
	bool begun;		  /* anything came at all */

	int state;
	struct strbuf line; /* the one that is not whole yet */
	size_t head_bytes;
	bool chunked, counted;
	uint64_t left; /* of the body, or of the chunk */
};

void http_reader_init(struct http_reader *r, struct strbuf *body);
void http_reader_release(struct http_reader *r);
/*
 * Not to be called again after anything but HTTP_MORE. Bytes behind the end mean that the connection is
 * not to be trusted with another request.
 */
enum http_progress http_reader_feed(struct http_reader *r, const char *bytes, size_t len);
/* The server hung up: HTTP_DONE where that ends the body, HTTP_MORE where something is missing. */
enum http_progress http_reader_end(struct http_reader *r);

#endif
