/*
 * html.h - pieces of the page. All text is escaped here; names of classes are our own.
 */
#ifndef TOLLD_API_HTML_H
#define TOLLD_API_HTML_H

#include "model/labels.h"

void html_text(struct strbuf *out, const char *s);
/* <h2>, <table> and its head; columns ends with NULL. */
void html_begin_table(struct strbuf *out, const char *heading, const char *const *columns);
void html_end_table(struct strbuf *out);
/* A row whose look says its state: "up", "down", "firing", ... */
void html_begin_row(struct strbuf *out, const char *state);
void html_end_row(struct strbuf *out);
/* A cell; the label stands before it where the screen is too narrow for a table's head. */
void html_begin_cell(struct strbuf *out, const char *label);
/* The same for a number, which is not to be broken over lines. */
void html_begin_number(struct strbuf *out, const char *label);
void html_end_cell(struct strbuf *out);
void html_state_cell(struct strbuf *out, const char *state);
void html_cell(struct strbuf *out, const char *label, const char *text);
/* The age in words and, smaller, the time. Nothing where wall_ms is 0. */
void html_age(struct strbuf *out, int64_t wall_ms, int64_t now_wall_ms);
/* {name="value", ...} without the labels named in `but`, which ends with NULL. */
void html_labels(struct strbuf *out, const struct labels *labels, const char *const *but);

#endif
