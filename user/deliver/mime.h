/*
 * mime.h - text made fit for a mail: headers folded and encoded, bodies quoted-printable.
 *
 * Nothing that comes in can end a header or start one: control characters become a space before
 * anything else is done. All output is ASCII with CRLF.
 */
#ifndef TOLLD_DELIVER_MIME_H
#define TOLLD_DELIVER_MIME_H

#include "base/strbuf.h"
#include "deliver/address.h"

/* RFC 2047 2: no line with an encoded word, and no encoded word, is longer. */
#define MIME_COLUMNS	  76
#define MIME_ENCODED_WORD 75
/* Longer names leave no room for a value; none in use comes near. */
#define MIME_HEADER_NAME_MAX 64

/* Is this a name that a header may have (RFC 5322 3.6.8), and not too long? */
bool mime_header_name_valid(const char *name);

/*
 * What a header can show of a text: runs of control characters, also those that break lines or
 * turn the direction of writing, as one space; broken UTF-8 as U+FFFD; at most max_bytes, then "…".
 */
void mime_clean(struct strbuf *out, const char *s, size_t len, size_t max_bytes);

/* One whole header; an unstructured value, cleaned, as encoded words where it must be. */
void mime_header(struct strbuf *out, const char *name, const char *value);
/* The same for a list of addresses: only the names are encoded. */
void mime_header_addresses(struct strbuf *out, const char *name, const struct address_list *list);

/* Releases a buffer whose text went into `out`; a failure in it becomes one of `out`. */
void mime_scratch_release(struct strbuf *scratch, struct strbuf *out);

/* A body: lines end with \n in `text`; the output ends with CRLF. */
void mime_quoted_printable(struct strbuf *out, const char *text, size_t len);
/* At most this many bytes come out of mime_quoted_printable(). */
size_t mime_quoted_printable_bound(const char *text, size_t len);

#endif
