/*
 * pressure.c - reads the kernel's pressure stall information.
 */
#include "watch/pressure.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include "base/clock.h"
#include "base/util.h"
#include "watch/lines.h"

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345" */
static bool parse_line(const char *line, const char *kind, uint64_t *ret_ns)
{
	size_t len = strcspn(line, "\n");
	const char *total = memmem(line, len, " total=", strlen(" total="));
	uint64_t usec;

	if (!starts_with(line, kind) || !total)
		return false;
	total += strlen(" total=");
	if (!isdigit((unsigned char)*total))
		return false;
	usec = strtoull(total, NULL, 10);
	if (usec > UINT64_MAX / NSEC_PER_USEC)
		return false;
	*ret_ns = usec * NSEC_PER_USEC;
	return true;
}

bool pressure_parse(const char *text, struct pressure *ret)
{
	struct pressure pressure = { 0 };

	for (const char *line = text; *line; line += strcspn(line, "\n")) {
		line += *line == '\n';
		pressure.has_some |= parse_line(line, "some ", &pressure.some_ns);
		pressure.has_full |= parse_line(line, "full ", &pressure.full_ns);
	}
	if (!pressure.has_some && !pressure.has_full)
		return false;
	*ret = pressure;
	return true;
}

int pressure_read(const char *path, struct pressure *ret)
{
	return pressure_read_at(AT_FDCWD, path, ret);
}

int pressure_read_at(int dir_fd, const char *name, struct pressure *ret)
{
	char text[256];
	int err = lines_read_at(dir_fd, name, text, sizeof(text));

	if (err)
		return err;
	return pressure_parse(text, ret) ? 0 : -EBADMSG;
}
