/*
 * death.c - one death as JSON.
 */
#include "api/services.h"

void write_comm(struct jsonw *json, const char *name, const char comm[WATCH_COMM_MAX])
{
	jsonw_key(json, name);
	jsonw_stringn(json, comm, strnlen(comm, WATCH_COMM_MAX));
}

static void write_sender(struct jsonw *json, const struct death *death)
{
	jsonw_key(json, "sender");
	jsonw_begin_object(json);
	jsonw_field_bool(json, "kernel", death->by_kernel);
	if (death->has_sender) {
		jsonw_field_int(json, "pid", death->sender_pid);
		jsonw_field_int(json, "uid", death->sender_uid);
		write_comm(json, "comm", death->sender_comm);
	}
	jsonw_end_object(json);
}

/* What killed it; for an exit the request that it obeyed. */
static void write_signal(struct jsonw *json, const struct death *death)
{
	struct strbuf name = STRBUF_INIT;

	if (death->signal) {
		signal_format(death->signal, &name);
		jsonw_field_int(json, "signal", death->signal);
		jsonw_field_string(json, "signalName", name.s);
	}
	if (death->kind == DEATH_SIGNAL)
		jsonw_field_bool(json, "coreDumped", death->core_dumped);
	if (death->by_kernel || death->has_sender)
		write_sender(json, death);
	if (death->unheeded) {
		strbuf_reset(&name);
		signal_format(death->unheeded, &name);
		jsonw_field_string(json, "unheededSignalName", name.s);
		jsonw_field_double(
			json, "unheededSeconds", (double)death->unheeded_ns / NSEC_PER_SEC);
	}
	strbuf_release(&name);
}

static void write_oom(struct jsonw *json, const struct oom *oom)
{
	jsonw_field_string(json, "oomKind", oom_kind_name(oom->kind));
	if (*oom->group)
		jsonw_field_string(json, "oomCgroup", oom->group);
}

static void write_used(struct jsonw *json, const struct death *death)
{
	if (death->has_cpu)
		jsonw_field_double(json, "cpuSeconds", (double)death->cpu_ns / NSEC_PER_SEC);
	if (death->has_peak_memory)
		jsonw_field_int(json, "peakMemoryBytes", (int64_t)death->peak_memory_bytes);
	if (death->has_faults) {
		jsonw_field_int(json, "minorFaults", (int64_t)death->minor_faults);
		jsonw_field_int(json, "majorFaults", (int64_t)death->major_faults);
	}
	if (death->threads)
		jsonw_field_int(json, "threads", death->threads);
}

void write_death(struct jsonw *json, const struct death *death)
{
	struct strbuf text = STRBUF_INIT;

	jsonw_begin_object(json);
	jsonw_field_string(json, "kind", death_kind_name(death->kind));
	if (death->kind == DEATH_EXIT)
		jsonw_field_int(json, "code", death->exit_code);
	jsonw_field_bool(json, "requested", death->requested);
	write_signal(json, death);
	if (death->kind == DEATH_OOM)
		write_oom(json, &death->oom);
	jsonw_field_time(json, "at", death->at.wall_ms);
	jsonw_field_int(json, "pid", death->pid);
	write_comm(json, "comm", death->comm);
	if (death_age_ns(death) >= 0)
		jsonw_field_double(
			json, "livedSeconds", (double)death_age_ns(death) / NSEC_PER_SEC);
	if (death->has_sample) {
		/* Both to the nanosecond; the first on the clock that durations run on. */
		jsonw_field_double(json, "atBootSeconds", (double)death->at.boot_ns / NSEC_PER_SEC);
		jsonw_field_double(
			json, "sampleAfterSeconds", (double)death->sample_after_ns / NSEC_PER_SEC);
	}
	write_used(json, death);
	jsonw_field_bool(json, "final", death->final);
	death_describe(death, &text);
	jsonw_key(json, "text");
	jsonw_stringn(json, text.s, text.len);
	jsonw_end_object(json);
	strbuf_release(&text);
}
