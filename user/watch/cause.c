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

static bool explains(const struct tolld_signal *signal, uint32_t wait_status, int64_t at_boot_ns)
{
	int64_t age_ns = at_boot_ns - (int64_t)signal->at_boottime_ns;

	if (!signal->signal)
		return false;
	if (WIFSIGNALED(wait_status))
		return signal->signal == (int)WTERMSIG(wait_status);
	return age_ns <=
	       (signal->signal == SIGHUP ? HANGUP_EXPLAINS_EXIT_NS : STOP_EXPLAINS_EXIT_NS);
}

void death_from_wait_status(uint32_t wait_status, const struct tolld_signal *signal,
	int64_t at_boot_ns, struct death *ret)
{
	if (WIFSIGNALED(wait_status)) {
		ret->kind = DEATH_SIGNAL;
		ret->signal = WTERMSIG(wait_status);
		ret->core_dumped = WCOREDUMP(wait_status);
	} else {
		ret->kind = DEATH_EXIT;
		ret->exit_code = WEXITSTATUS(wait_status);
	}
	if (!explains(signal, wait_status, at_boot_ns))
		return;
	ret->signal = signal->signal;
	ret->by_kernel = signal->sender == SENT_BY_THE_KERNEL;
	ret->has_sender = signal->sender == SENT_BY_A_PROCESS;
	if (!ret->has_sender)
		return;
	ret->sender_pid = (pid_t)signal->sender_pid;
	ret->sender_uid = signal->sender_uid;
	memcpy(ret->sender_comm, signal->sender_comm, sizeof(ret->sender_comm));
	ret->sender_comm[sizeof(ret->sender_comm) - 1] = '\0';
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
		strbuf_addf(out, " from %s (pid %d, uid %u)",
			*death->sender_comm ? death->sender_comm : "a process", death->sender_pid,
			death->sender_uid);
	} else if (death->sender_untold && !is_fault(death->signal)) {
		strbuf_adds(out, " (sender not known)");
	}
}

static void describe_signal(const struct death *death, struct strbuf *out)
{
	strbuf_adds(out, is_fault(death->signal)     ? "crashed with "
			 : is_request(death->signal) ? "ended by "
						     : "killed by ");
	signal_format(death->signal, out);
	describe_sender(death, out);
	if (death->core_dumped)
		strbuf_adds(out, " (core dumped)");
}

void death_describe(const struct death *death, struct strbuf *out)
{
	static const char *const untold[] = {
		[TOLD] = "is gone, and nobody saw how",
		[UNTOLD_BY_KERNEL] = "is gone; this kernel does not tell how",
		[UNTOLD_BY_POLLING] = "is gone; polling does not see how",
	};

	switch (death->kind) {
	case DEATH_EXIT:
		strbuf_addf(out, "exited with code %d", death->exit_code);
		if (death->signal) {
			strbuf_adds(out, " on ");
			signal_format(death->signal, out);
			describe_sender(death, out);
		}
		break;
	case DEATH_SIGNAL:
		describe_signal(death, out);
		break;
	case DEATH_OOM:
		strbuf_adds(out, "killed by the kernel's OOM killer");
		break;
	case DEATH_UNKNOWN:
		strbuf_adds(out, untold[death->untold]);
		if (death->signal) {
			strbuf_adds(out, " (");
			signal_format(death->signal, out);
			describe_sender(death, out);
			strbuf_adds(out, " was sent before)");
		}
		break;
	}
	if (death->start_boot_ns && death->at.boot_ns >= death->start_boot_ns) {
		strbuf_adds(out, " after ");
		duration_format_human(
			out, (death->at.boot_ns - death->start_boot_ns) / NSEC_PER_MSEC);
	}
	if (death->kind == DEATH_OOM && death->has_peak_memory)
		strbuf_addf(out, ", with %llu MiB of memory at its peak",
			(unsigned long long)(death->peak_memory_bytes >> 20));
}
