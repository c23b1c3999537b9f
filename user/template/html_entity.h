/*
 * html_entity.h - what a browser makes of &quot; and &#34; before it reads an attribute's value as a
 * script, a style or a URL.
 */
#ifndef TOLLD_TEMPLATE_HTML_ENTITY_H
#define TOLLD_TEMPLATE_HTML_ENTITY_H

#include "base/strbuf.h"

/*
 * Adds an attribute's value with its references resolved, as far as ASCII goes: one by a name that
 * may mean anything else becomes U+FFFD. Source: the HTML standard, 13.2.5.72 and following.
 */
void html_unescape(const char *s, size_t len, struct strbuf *out);
/* Does the text end in what, with more behind it, could become a reference: &, &#3, &quo? */
bool html_ends_in_reference(const char *s, size_t len);

#endif
