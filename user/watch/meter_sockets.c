/*
 * meter_sockets.c - counts the sockets of services, where that is cheap.
 */
#include "watch/meter_private.h"

#include <errno.h>
#include "watch/lines.h"

/* Sockets are looked for among no more descriptors: of one process, of the whole machine. */
#define SOCKET_FDS_MAX	 1000
#define SOCKET_FILES_MAX 100000
/* They take at most this share of one processor, as a divisor. */
#define SOCKETS_SHARE 500

static bool machine_has_few_files(void)
{
	char text[128];

	return !lines_read("/proc/sys/fs/file-nr", text, sizeof(text)) &&
	       strtoull(text, NULL, 10) <= SOCKET_FILES_MAX;
}

static bool begin_sockets(struct meter *meter)
{
	int64_t since_ns = meter->begun_boot_ns - meter->sockets_boot_ns;

	sockets_reset(&meter->sockets);
	meter->counts_sockets =
		!meter->sockets_boot_ns || since_ns >= meter->sockets_spent_ns * SOCKETS_SHARE;
	if (!meter->counts_sockets)
		return false;
	meter->sockets_boot_ns = meter->begun_boot_ns;
	meter->sockets_spent_ns = 0;
	meter->socket_row = 0;
	meter->socket_counts++;
	return meter->iterated;
}

bool meter_sockets_all(struct meter *meter)
{
	bool is_first = !meter->cursor;
	struct usage_wanted wanted;
	int err;

	/* Without the iterator, those of each process are looked for. */
	if (is_first && !begin_sockets(meter))
		return false;
	wanted = meter_wanted(meter);
	if (is_first && (wanted.n < meter->n_processes || !machine_has_few_files())) {
		meter->counts_sockets = false;
		return false;
	}
	err = meter->options.ops->sockets(
		meter->options.backend, &wanted, sockets_add, &meter->sockets);
	meter->counts_sockets = err >= 0;
	return err > 0;
}

/* It has the same processes as when they were counted, none of which has run since. */
static bool may_keep_sockets(const struct meter *meter, const struct measured *m)
{
	uint32_t passes = meter->pass - m->sockets_pass;

	if (!m->has_sockets || m->sockets_of != m->n ||
		(m->number + meter->socket_counts) % meter->every == 0)
		return false;
	for (size_t i = 0; i < m->n; i++) {
		if (tally_rests(meter->tally, &meter->processes[m->first + i]) < passes)
			return false;
	}
	return true;
}

/* Of one process, or none where its service's are what they were. */
static void look_at_next(struct meter *meter)
{
	struct measured *m = meter->rows[meter->socket_row];
	const struct tally_process *process;

	if (meter->cursor <= m->first)
		m->keeps_sockets = may_keep_sockets(meter, m);
	if (m->keeps_sockets || meter->cursor >= m->first + m->n) {
		meter->socket_row++;
		meter->cursor = m->first + m->n;
		return;
	}
	process = &meter->processes[meter->cursor++];
	if (usage_sockets_proc(process->pid, process->start_boot_ns, SOCKET_FDS_MAX, sockets_add,
		    &meter->sockets) == -E2BIG)
		meter->sockets.err = -E2BIG;
}

bool meter_sockets_each(struct meter *meter)
{
	struct listeners listeners;

	if (!meter->counts_sockets)
		return false;
	if (!meter->iterated && meter->socket_row < meter->n_rows) {
		look_at_next(meter);
		return true;
	}
	if (!meter->iterated && listeners_read(&listeners) == 0) {
		sockets_mark(&meter->sockets, &listeners);
		listeners_release(&listeners);
	}
	sockets_sort(&meter->sockets);
	meter->counts_sockets = !meter->sockets.err;
	return false;
}

void meter_sum_sockets(struct meter *meter, struct measured *m)
{
	if (!meter->counts_sockets || m->keeps_sockets)
		return;
	meter->pids.n = 0;
	tally_members(meter->tally, &meter->processes[m->first], m->n, m->families, meter_add_pid,
		&meter->pids);
	m->has_sockets = !sockets_count(
		&meter->sockets, meter->pids.items, meter->pids.n, &m->sockets, &m->listeners);
	m->sockets_pass = meter->pass;
	m->sockets_of = (uint32_t)m->n;
}
