/*
 * cause.c - what killed it, as facts and as a sentence.
 */
#include "watch/cause.h"

#include <signal.h>
#include <sys/wait.h>
#include "model/duration.h"

/* systemd waits 90 s between SIGTERM and SIGKILL unless told otherwise. */
#define STOP_EXPLAINS_EXIT_NS (95 * NSEC_PER_SEC)
/* Many daemons reload on SIGHUP and live on. */
#define HANGUP_EXPLAINS_EXIT_NS (2 * NSEC_PER_SEC)

void signal_format(int signal, struct strbuf *out)
{
	const char *name = sigabbrev_np(signal);

	if (name)
		strbuf_addf(out, "SIG%s", name);
	else if (signal >= SIGRTMIN && signal <= SIGRTMAX)
		strbuf_addf(out, "SIGRTMIN+%d", signal - SIGRTMIN);
	else
		strbuf_addf(out, "signal %d", signal);
}

static bool is_request(int signal)
{
	return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

/* The signals by which a program's own fault ends it. */
static bool is_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE ||
	       signal == SIGSYS || signal == SIGABRT || signal == SIGTRAP;
}

/* -- facts ---------------------------------------------------------------------------------- */

static int64_t sent_ago_ns(const struct death *death, const struct tolld_signal *signal)
{
	return death->at.boot_ns - (int64_t)signal->at_boottime_ns;
}

static bool explains_exit(const struct death *death, const struct tolld_signal *request)
{
	return request->signal &&
	       sent_ago_ns(death, request) <= (request->signal == SIGHUP ? HANGUP_EXPLAINS_EXIT_NS
									 : STOP_EXPLAINS_EXIT_NS);
}

void death_take_sender(struct death *death, const struct tolld_signal *signal)
{
	if (!signal->signal)
		return;
	death->signal = signal->signal;
	death->by_kernel = signal->sender == SENT_BY_THE_KERNEL;
	death->has_sender = signal->sender == SENT_BY_A_PROCESS;
	if (!death->has_sender)
		return;
	death->sender_pid = (pid_t)signal->sender_pid;
	death->sender_uid = signal->sender_uid;
	memcpy(death->sender_comm, signal->sender_comm, sizeof(death->sender_comm));
	death->sender_comm[sizeof(death->sender_comm) - 1] = '\0';
}

/* Those that end others when memory runs short, each in its own way. */
static bool is_from_oom_daemon(const struct death *death)
{
	static const struct {
		const char *comm;
		int signal;
	} daemons[] = {
		{ "systemd-oomd", SIGKILL },
		{ "earlyoom", SIGKILL },
		{ "earlyoom", SIGTERM },
	};

	for (size_t i = 0; death->has_sender && i < ARRAY_SIZE(daemons); i++) {
		if (death->signal == daemons[i].signal &&
			streq(death->sender_comm, daemons[i].comm))
			return true;
	}
	return false;
}

/* It did what a program does that was asked to stop: shells and Java exit with 128 and the signal. */
static bool obeyed(const struct death *death)
{
	if (death->has_sender && death->sender_pid == death->pid)
		return false;
	if (death->kind == DEATH_SIGNAL)
		return death->signal == SIGTERM || death->signal == SIGINT;
	/* Whoever hangs up wants a reload, or is a terminal that was closed. */
	return is_request(death->signal) && death->signal != SIGHUP &&
	       (!death->exit_code || death->exit_code == 128 + death->signal);
}

/* Who was asked and did not stop is killed in the end; by the same one however late. */
static bool had_to_be_killed(const struct death *death, const struct tolld_signal *request)
{
	if (death->kind != DEATH_SIGNAL || death->signal != SIGKILL || !death->has_sender ||
		!request->signal || request->signal == SIGHUP ||
		request->sender != SENT_BY_A_PROCESS)
		return false;
	return (pid_t)request->sender_pid == death->sender_pid ||
	       sent_ago_ns(death, request) <= STOP_EXPLAINS_EXIT_NS;
}

void death_from_wait_status(struct death *death, uint32_t wait_status,
	const struct tolld_signal *fatal, const struct tolld_signal *request)
{
	if (WIFSIGNALED(wait_status)) {
		death->kind = DEATH_SIGNAL;
		if (fatal->signal == (int)WTERMSIG(wait_status))
			death_take_sender(death, fatal);
		death->signal = WTERMSIG(wait_status);
		death->core_dumped = WCOREDUMP(wait_status);
	} else {
		death->kind = DEATH_EXIT;
		death->exit_code = WEXITSTATUS(wait_status);
		if (explains_exit(death, request))
			death_take_sender(death, request);
	}
	if (is_from_oom_daemon(death)) {
		death->kind = DEATH_OOM;
		death->oom.kind = OOM_BY_DAEMON;
		return;
	}
	death->requested = obeyed(death);
	if (had_to_be_killed(death, request)) {
		death->requested = true;
		death->unheeded = request->signal;
		death->unheeded_ns = sent_ago_ns(death, request);
	}
}

void death_blame_oom_killer(struct death *death, const struct oom *oom)
{
	death->kind = DEATH_OOM;
	death->signal = SIGKILL;
	death->by_kernel = true;
	death->requested = false;
	death->sender_untold = false;
	death->untold = TOLD;
	death->oom = *oom;
}

int64_t death_age_ns(const struct death *death)
{
	return death->start_boot_ns ? death->at.boot_ns - death->start_boot_ns : -1;
}

const char *death_kind_name(enum death_kind kind)
{
	static const char *const names[] = {
		[DEATH_EXIT] = "exit",
		[DEATH_SIGNAL] = "signal",
		[DEATH_OOM] = "oom",
		[DEATH_UNKNOWN] = "unknown",
	};

	return names[kind];
}

const char *oom_kind_name(enum oom_kind kind)
{
	static const char *const names[] = {
		[OOM_NOT_TOLD] = "unknown",
		[OOM_OF_MACHINE] = "machine",
		[OOM_OF_NODES] = "nodes",
		[OOM_OF_GROUP] = "cgroup",
		[OOM_BY_DAEMON] = "daemon",
	};

	return names[kind];
}

void oom_copy_group(char to[WATCH_GROUP_MAX], const char *path, size_t len)
{
	size_t cut = len < WATCH_GROUP_MAX ? 0 : len - (WATCH_GROUP_MAX - 1);

	memcpy(to, path + cut, len - cut);
	to[len - cut] = '\0';
}

/* -- words ---------------------------------------------------------------------------------- */

static void describe_process(const struct death *death, struct strbuf *out)
{
	strbuf_addf(out, "%s (pid %d, uid %u)",
		*death->sender_comm ? death->sender_comm : "a process", death->sender_pid,
		death->sender_uid);
}

static void describe_sender(const struct death *death, struct strbuf *out)
{
	if (death->by_kernel) {
		/* A fault comes from the kernel always: saying so would only hide whose it is. */
		if (!is_fault(death->signal))
			strbuf_adds(out, " from the kernel");
	} else if (death->has_sender && death->sender_pid == death->pid) {
		if (!is_fault(death->signal))
			strbuf_adds(out, " from itself");
	} else if (death->has_sender) {
		strbuf_adds(out, " from ");
		describe_process(death, out);
	} else if (death->sender_untold && !is_fault(death->signal)) {
		strbuf_adds(out, " (sender not known)");
	}
}

static void describe_exit(const struct death *death, struct strbuf *out)
{
	if (death->requested) {
		strbuf_adds(out, "stopped as asked by ");
		signal_format(death->signal, out);
		describe_sender(death, out);
		strbuf_addf(out, ", exited with code %d", death->exit_code);
		return;
	}
	strbuf_addf(out, "exited with code %d", death->exit_code);
	if (death->signal) {
		strbuf_adds(out, " on ");
		signal_format(death->signal, out);
		describe_sender(death, out);
	}
}

static void describe_signal(const struct death *death, struct strbuf *out)
{
	strbuf_adds(out, is_fault(death->signal)		? "crashed with "
			 : death->requested && !death->unheeded ? "stopped as asked by "
			 : is_request(death->signal)		? "ended by "
								: "killed by ");
	signal_format(death->signal, out);
	describe_sender(death, out);
	if (death->core_dumped)
		strbuf_adds(out, " (core dumped)");
}

void oom_describe(const struct oom *oom, struct strbuf *out)
{
	static const char *const whose[] = {
		[OOM_NOT_TOLD] = "which memory was out is not known",
		[OOM_OF_MACHINE] = "the machine was out of memory",
		[OOM_OF_NODES] = "its memory nodes were full",
	};

	strbuf_adds(out, "killed by the kernel's OOM killer (");
	if (oom->kind == OOM_OF_GROUP)
		strbuf_addf(out, "the memory limit of %s was reached)",
			*oom->group ? oom->group : "its control group");
	else
		strbuf_addf(out, "%s)", whose[oom->kind]);
}

static void describe_oom(const struct death *death, struct strbuf *out)
{
	if (death->oom.kind != OOM_BY_DAEMON) {
		oom_describe(&death->oom, out);
		return;
	}
	strbuf_adds(out, "killed to free memory by ");
	describe_process(death, out);
}

static void describe_unknown(const struct death *death, struct strbuf *out)
{
	static const char *const untold[] = {
		[TOLD] = "is gone, and nobody saw how",
		[UNTOLD_BY_KERNEL] = "is gone; this kernel does not tell how",
		[UNTOLD_BY_POLLING] = "is gone; polling does not see how",
		[UNTOLD_WHILE_AWAY] = "ended while tolld did not run",
	};

	strbuf_adds(out, untold[death->untold]);
	if (death->signal) {
		strbuf_adds(out, " (");
		signal_format(death->signal, out);
		describe_sender(death, out);
		strbuf_adds(out, " was sent before)");
	}
}

void death_describe(const struct death *death, struct strbuf *out)
{
	static void (*const describe[])(const struct death *death, struct strbuf *out) = {
		[DEATH_EXIT] = describe_exit,
		[DEATH_SIGNAL] = describe_signal,
		[DEATH_OOM] = describe_oom,
		[DEATH_UNKNOWN] = describe_unknown,
	};

	describe[death->kind](death, out);
	if (death_age_ns(death) >= 0) {
		strbuf_adds(out, " after ");
		duration_format_human(out, death_age_ns(death) / NSEC_PER_MSEC);
	}
	if (death->kind == DEATH_OOM && death->has_peak_memory)
		strbuf_addf(out, ", with %llu MiB of memory at its peak",
			(unsigned long long)(death->peak_memory_bytes >> 20));
	if (death->unheeded) {
		strbuf_adds(out, "; ");
		signal_format(death->unheeded, out);
		strbuf_adds(out, " had asked it to stop ");
		duration_format_human(out, death->unheeded_ns / NSEC_PER_MSEC);
		strbuf_adds(out, " before");
	}
}
