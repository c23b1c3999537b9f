/*
 * meter.h - makes the passes: who is to be read, in which order, and how much of it in one turn.
 */
#ifndef TOLLD_WATCH_METER_H
#define TOLLD_WATCH_METER_H

#include "watch/figures.h"
#include "watch/service.h"

struct meter;

struct meter_options {
	sd_event *event;
	const struct backend_ops *ops;
	struct backend *backend;
	const struct services *services;
};

int meter_new(const struct meter_options *options, struct meter **ret);
void meter_free(struct meter *meter);
DEFINE_FREEP(meter)

void meter_set_callbacks(struct meter *meter, const struct figures_callbacks *callbacks);
bool meter_measure(struct meter *meter, int64_t budget_ns);
bool meter_measure_on_request(struct meter *meter, int64_t budget_ns);
/* For each event of a service, before anybody else hears of it. */
void meter_event(struct meter *meter, struct service *service, enum service_event what);
/* A thread hangs, somebody's or nobody's. */
void meter_hang(struct meter *meter, const struct notice *notice);
void meter_figures(
	const struct meter *meter, const struct service *service, struct service_figures *ret);
enum standstill meter_standstill_now(const struct meter *meter, const struct service *service);
void meter_machine(const struct meter *meter, struct machine_figures *ret);

#endif
