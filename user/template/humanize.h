/*
 * humanize.h - numbers for people, as Prometheus's template functions write them.
 *
 * Source: prometheus template/template.go.
 */
#ifndef TOLLD_TEMPLATE_HUMANIZE_H
#define TOLLD_TEMPLATE_HUMANIZE_H

#include "base/strbuf.h"

void humanize(struct strbuf *out, double v);		    /* 1e6 -> 1M */
void humanize_1024(struct strbuf *out, double v);	    /* 1e6 -> 976.6ki */
void humanize_duration(struct strbuf *out, double seconds); /* 1e6 -> 11d 13h 46m 40s */
void humanize_percentage(struct strbuf *out, double ratio); /* 0.5 -> 50% */
/* 2006-01-02 15:04:05 +0000 UTC. -ERANGE and nothing: its nanoseconds overflow an int64. */
int humanize_timestamp(struct strbuf *out, double unix_seconds);

#endif
