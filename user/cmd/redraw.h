/*
 * redraw.h - a text shown again and again in the same place of a terminal.
 */
#ifndef TOLLD_CMD_REDRAW_H
#define TOLLD_CMD_REDRAW_H

#include "base/strbuf.h"

/*
 * Adds what makes a terminal show `text` from its upper left corner on, and nothing else: no line is
 * wider than `columns`, there are at most `rows`, and what was there before is gone.
 */
void redraw_frame(struct strbuf *out, const char *text, size_t columns, size_t rows);
/*
 * Shows what make() gives, every two seconds, until it returns false or a signal ends us. Where
 * stdout is no terminal, the texts follow one another.
 */
int redraw(bool (*make)(struct strbuf *out, void *userdata), void *userdata);

#endif
