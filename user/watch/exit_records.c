/*
 * exit_records.c - the socket, its filter, and what a record says.
 */
#include "watch/exit_records.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/acct.h>
#include <linux/genetlink.h>
#include <linux/taskstats.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "base/util.h"
#include "bpf/ended.skel.h"
#include "tolld/ended.h"
#include "tolld/map.h"

_Static_assert(
	offsetof(struct taskstats, ac_exitcode) == offsetof(struct ended_figures, exit_code) &&
		offsetof(struct taskstats, ac_flag) == offsetof(struct ended_figures, flags) &&
		offsetof(struct taskstats, hiwater_rss) == ENDED_PEAK_KB_PLACE &&
		offsetof(struct taskstats, ac_tgid) == ENDED_GROUP_PLACE,
	"linux/taskstats.h");
_Static_assert(TASKSTATS_TYPE_STATS == ENDED_TYPE_FIGURES &&
		       TASKSTATS_TYPE_AGGR_PID == ENDED_TYPE_THREAD &&
		       TASKSTATS_TYPE_AGGR_TGID == ENDED_TYPE_PROCESS &&
		       TASKSTATS_TYPE_NULL == ENDED_TYPE_EMPTY && AGROUP == ENDED_LAST,
	"linux/taskstats.h");

/* More than a record takes: 600 bytes today, and they grow by a few every other year. */
#define MESSAGE_MAX 4096

/* -- a record ------------------------------------------------------------------------------- */

/* The attribute of the type at `*at` or behind it, and where it begins; what is cut off is none. */
static bool find_attribute(
	const uint8_t *message, size_t size, uint16_t type, size_t *at, struct ended_attribute *ret)
{
	while (*at + sizeof(*ret) <= size) {
		memcpy(ret, message + *at, sizeof(*ret));
		if (ret->length < sizeof(*ret) || ret->length > size - *at)
			return false;
		if (ret->type == type)
			return true;
		*at += NLA_ALIGN(ret->length);
	}
	return false;
}

bool exit_record_decode(const void *message, size_t size, struct exit_record *ret)
{
	struct exit_record record = { 0 };
	struct ended_figures figures;
	struct ended_attribute found;
	struct ended_head head;
	uint64_t peak_kb;
	uint32_t group;
	size_t at = offsetof(struct ended_head, next), end;

	if (size < sizeof(head))
		return false;
	memcpy(&head, message, sizeof(head));
	end = offsetof(struct ended_head, all) + head.all.length;
	if (head.length > size || head.all.type != ENDED_TYPE_THREAD || end > head.length ||
		!find_attribute(message, end, ENDED_TYPE_FIGURES, &at, &found) ||
		found.length < sizeof(found) + ENDED_PEAK_KB_PLACE + sizeof(peak_kb))
		return false;
	at += sizeof(found);
	memcpy(&figures, (const uint8_t *)message + at, sizeof(figures));
	memcpy(&peak_kb, (const uint8_t *)message + at + ENDED_PEAK_KB_PLACE, sizeof(peak_kb));
	group = head.thread;
	if (figures.version >= ENDED_GROUP_VERSION) {
		if (found.length < sizeof(found) + ENDED_GROUP_PLACE + sizeof(group))
			return false;
		memcpy(&group, (const uint8_t *)message + at + ENDED_GROUP_PLACE, sizeof(group));
		record.is_last = figures.flags & ENDED_LAST;
	}
	record.pid = (pid_t)group;
	record.is_leader = group == head.thread;
	record.exit_code = record.is_leader ? figures.exit_code : 0;
	record.peak_memory_bytes = peak_kb * 1024;
	at = NLA_ALIGN(end);
	record.was_alone = record.is_leader && record.is_last &&
			   !find_attribute(message, head.length, ENDED_TYPE_PROCESS, &at, &found);
	*ret = record;
	return true;
}

static bool may_dump_core(int signal)
{
	static const int dumps[] = { SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV,
		SIGXCPU, SIGXFSZ, SIGSYS };

	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++) {
		if (dumps[i] == signal)
			return true;
	}
	return false;
}

/*
 * A signal ends all threads, so its leader's is everybody's; but only the thread that wrote the core knows that
 * there is one. A code may be the leader's own, who left the others behind: unless none were left.
 */
bool exit_record_tells_status(const struct exit_record *record)
{
	int status = (int)record->exit_code;

	if (!record->is_leader)
		return false;
	if (record->was_alone)
		return true;
	if (WIFEXITED(status))
		return record->is_last;
	return WCOREDUMP(status) || !may_dump_core(WTERMSIG(status));
}

/* -- asking for them ------------------------------------------------------------------------ */

struct request {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	struct nlattr attribute;
	char text[256];
};

static int send_request(
	int fd, uint16_t family, uint8_t command, uint16_t attribute, const char *text)
{
	struct request request = {
		.head = {
			.nlmsg_type = family,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.generic = { .cmd = command, .version = 1 },
		.attribute = { .nla_type = attribute },
	};
	size_t size = strlen(text) + 1;

	if (size > sizeof(request.text))
		return -ENAMETOOLONG;
	memcpy(request.text, text, size);
	request.attribute.nla_len = (uint16_t)(NLA_HDRLEN + size);
	request.head.nlmsg_len = (uint32_t)(offsetof(struct request, text) + NLA_ALIGN(size));
	return send(fd, &request, request.head.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* Takes messages until the one that says whether the request was granted; the family's number, where one has it. */
static int read_answer(int fd, uint16_t *ret_family)
{
	_Alignas(struct nlmsghdr) uint8_t message[MESSAGE_MAX];

	for (;;) {
		const struct nlmsghdr *head = (const void *)message;
		size_t at = NLMSG_HDRLEN + GENL_HDRLEN;
		struct ended_attribute found;
		ssize_t got = recv(fd, message, sizeof(message), 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if ((size_t)got < sizeof(*head) || head->nlmsg_len > (size_t)got)
			return -EBADMSG;
		if (head->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *error = NLMSG_DATA(head);

			return head->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ? -EBADMSG
									      : error->error;
		}
		if (ret_family &&
			find_attribute(
				message, head->nlmsg_len, CTRL_ATTR_FAMILY_ID, &at, &found) &&
			found.length >= sizeof(found) + sizeof(*ret_family))
			memcpy(ret_family, message + at + sizeof(found), sizeof(*ret_family));
	}
}

static int find_family(int fd, uint16_t *ret)
{
	int err = send_request(
		fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, TASKSTATS_GENL_NAME);

	*ret = 0;
	if (!err)
		err = read_answer(fd, ret);
	return err || *ret ? err : -ENOENT;
}

/* All that this machine may ever have, as the kernel writes it: those that come later are meant, too. */
static int possible_cpus(char *out, size_t size)
{
	scoped(closep) int fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);

	if (got <= 0)
		return -ENOENT;
	out[got] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

static int subscribe(int fd, uint16_t family)
{
	char cpus[128];
	int err = possible_cpus(cpus, sizeof(cpus));

	if (!err)
		err = send_request(
			fd, family, TASKSTATS_CMD_GET, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, cpus);
	if (!err)
		err = read_answer(fd, NULL);
	return err;
}

/* -- the filter ----------------------------------------------------------------------------- */

static int say_nothing(enum libbpf_print_level level, const char *fmt, va_list args)
{
	return 0;
}

static int attach_filter(int fd, int *ret_map_fd)
{
	libbpf_print_fn_t print = libbpf_set_print(say_nothing);
	struct ended_bpf *skel = ended_bpf__open_and_load();
	int err = skel ? 0 : -errno, program;

	if (!err) {
		program = bpf_program__fd(skel->progs.tolld_ended);
		if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)))
			err = -errno;
	}
	if (!err) {
		*ret_map_fd = fcntl(bpf_map__fd(skel->maps.tolld_followed), F_DUPFD_CLOEXEC, 3);
		err = *ret_map_fd < 0 ? -errno : 0;
	}
	ended_bpf__destroy(skel);
	libbpf_set_print(print);
	return err;
}

/*
 * The kernel takes who wants records in any network namespace, and sends them in its first one alone
 * (kernel/taskstats.c, send_cpu_listeners()). Its own threads are there, of which process 2 is one.
 */
static bool is_first_network(void)
{
	struct stat first, own;

	return stat("/proc/2/ns/net", &first) || stat("/proc/self/ns/net", &own) ||
	       (first.st_dev == own.st_dev && first.st_ino == own.st_ino);
}

int exit_records_open(struct exit_records *records)
{
	uint16_t family;
	int err;

	*records = (struct exit_records){ .fd = -1, .map_fd = -1 };
	if (!is_first_network())
		return -ENONET;
	records->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (records->fd < 0)
		return -errno;
	err = find_family(records->fd, &family);
	/* First the filter, so that no other thread's record is ever in the way. */
	if (!err)
		err = attach_filter(records->fd, &records->map_fd);
	if (!err)
		err = subscribe(records->fd, family);
	if (err)
		exit_records_close(records);
	return err;
}

void exit_records_close(struct exit_records *records)
{
	closep(&records->fd);
	closep(&records->map_fd);
	records->fd = records->map_fd = -1;
}

void exit_records_follow(struct exit_records *records, pid_t pid)
{
	const struct process_key key = { .pid = (uint32_t)pid };
	const struct followed_process value = { .is_followed = 1 };

	if (records->map_fd >= 0)
		bpf_map_update_elem(records->map_fd, &key, &value, BPF_ANY);
}

void exit_records_let_go(struct exit_records *records, pid_t pid)
{
	const struct process_key key = { .pid = (uint32_t)pid };

	if (records->map_fd >= 0)
		bpf_map_delete_elem(records->map_fd, &key);
}

int exit_records_work(const struct exit_records *records)
{
	const struct process_key key = { 0 };
	struct followed_process value;

	if (records->map_fd >= 0 && bpf_map_lookup_elem(records->map_fd, &key, &value) &&
		errno == EPERM)
		return -EPERM;
	return 0;
}

void exit_records_read(struct exit_records *records,
	void (*fn)(const struct exit_record *record, void *userdata), void *userdata)
{
	uint8_t message[MESSAGE_MAX];
	struct exit_record record;
	ssize_t got;

	while (records->fd >= 0) {
		got = recv(records->fd, message, sizeof(message), MSG_DONTWAIT);
		/* ENOBUFS says that some were lost, once. */
		if (got < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (got < 0)
			return;
		if (exit_record_decode(message, (size_t)got, &record))
			fn(&record, userdata);
	}
}
