/*
 * figures.c - the meter, as everybody sees it.
 */
#include "watch/figures.h"

#include "watch/watch_private.h"

void service_figures(const struct service *service, struct service_figures *ret)
{
	const struct watch *watch = service->set->ops.userdata;

	meter_figures(watch->meter, service, ret);
}

enum standstill service_standstill_now(const struct service *service)
{
	const struct watch *watch = service->set->ops.userdata;

	return meter_standstill_now(watch->meter, service);
}

void watch_machine(const struct watch *watch, struct machine_figures *ret)
{
	meter_machine(watch->meter, ret);
}

void watch_set_figures_callbacks(struct watch *watch, const struct figures_callbacks *callbacks)
{
	meter_set_callbacks(watch->meter, callbacks);
}

void watch_hasten_resync(struct watch *watch, struct instant now, int64_t ahead_ns)
{
	if (watch->services.n && watch->services.resync_boot_ns - now.boot_ns <= ahead_ns)
		watch_resync(watch);
}

bool watch_measure(struct watch *watch, int64_t budget_ns)
{
	return meter_measure(watch->meter, budget_ns);
}

bool watch_measure_on_request(struct watch *watch, int64_t budget_ns)
{
	return meter_measure_on_request(watch->meter, budget_ns);
}
