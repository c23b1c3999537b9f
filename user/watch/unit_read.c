/*
 * unit_read.c - a unit's properties, from D-Bus messages.
 */
#include "watch/systemd.h"

#include <errno.h>
#include <stdio.h>

#define OTHERS_MAX 8

/* The programs of its commands; one that is in two lists does not tell the main process. */
struct commands {
	bool told;
	size_t n_main;
	char *main; /* the last one */
	char *others[OTHERS_MAX];
	size_t n_others;
	bool too_many;
};

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static int replace(char **text, const char *with)
{
	char *copy = strdup(with);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

/* Each with the place of the facts that it fills. */
static const struct {
	const char *name;
	char type;
	size_t offset, size;
} plain[] = {
#define TEXT(property, field)                                                                      \
	{                                                                                          \
		property, 's', offsetof(struct unit_facts, field),                                 \
			sizeof(((struct unit_facts *)0)->field)                                    \
	}
#define VALUE(property, type, field)                                                               \
	{                                                                                          \
		property, type, offsetof(struct unit_facts, field), 0                              \
	}
	TEXT("LoadState", info.load_state),
	TEXT("ActiveState", info.active_state),
	TEXT("SubState", info.sub_state),
	TEXT("Result", info.result),
	TEXT("Type", info.type),
	TEXT("UnitFileState", info.file_state),
	VALUE("RemainAfterExit", 'b', info.remain_after_exit),
	VALUE("MainPID", 'u', info.main_pid),
	VALUE("NRestarts", 'u', info.restarts),
	VALUE("ExecMainPID", 'u', main.pid),
	VALUE("ExecMainStartTimestampMonotonic", 't', main.started_us),
	VALUE("ExecMainExitTimestampMonotonic", 't', main.ended_us),
	VALUE("ExecMainCode", 'i', main.code),
	VALUE("ExecMainStatus", 'i', main.status),
	VALUE("ActiveEnterTimestampMonotonic", 't', active_us),
};

static int read_plain(sd_bus_message *m, size_t row, struct unit_facts *facts)
{
	void *to = (char *)facts + plain[row].offset;
	const char *text;
	int flag, err;

	switch (plain[row].type) {
	case 's':
		err = sd_bus_message_read_basic(m, 's', &text);
		if (err >= 0)
			copy_text(to, plain[row].size, text);
		return err;
	case 'b':
		err = sd_bus_message_read_basic(m, 'b', &flag);
		if (err >= 0)
			*(bool *)to = flag;
		return err;
	default:
		return sd_bus_message_read_basic(m, plain[row].type, to);
	}
}

static int read_group(sd_bus_message *m, struct unit_facts *facts)
{
	const char *path;
	int err = sd_bus_message_read_basic(m, 's', &path);

	return err < 0 ? err : replace(&facts->control_group, path);
}

static int read_triggers(sd_bus_message *m, struct unit_facts *facts)
{
	const char *name;
	int err = sd_bus_message_enter_container(m, 'a', "s");

	while (facts->n_triggers)
		free(facts->triggers[--facts->n_triggers]);
	while (err >= 0 && (err = sd_bus_message_read_basic(m, 's', &name)) > 0) {
		if (facts->n_triggers == UNIT_TRIGGERS_MAX)
			continue;
		facts->triggers[facts->n_triggers] = strdup(name);
		if (!facts->triggers[facts->n_triggers])
			return -ENOMEM;
		facts->n_triggers++;
	}
	return err < 0 ? err : sd_bus_message_exit_container(m);
}

static int read_conditions(sd_bus_message *m, struct unit_facts *facts)
{
	int met;
	int err = sd_bus_message_read_basic(m, 'b', &met);

	facts->conditions_failed = err >= 0 && !met;
	return err;
}

static void note_command(struct commands *commands, bool is_main, const char *path)
{
	if (is_main) {
		commands->n_main++;
		commands->too_many |= replace(&commands->main, path) != 0;
	} else if (commands->n_others < OTHERS_MAX &&
		   (commands->others[commands->n_others] = strdup(path))) {
		commands->n_others++;
	} else {
		commands->too_many = true;
	}
}

/* a(sasbttttuii): path, arguments, and what became of it. */
static int read_commands(sd_bus_message *m, bool are_main, struct commands *commands)
{
	const char *path;
	int err = sd_bus_message_enter_container(m, 'a', "(sasbttttuii)");

	commands->told |= are_main;
	while (err >= 0 && (err = sd_bus_message_enter_container(m, 'r', "sasbttttuii")) > 0) {
		err = sd_bus_message_read_basic(m, 's', &path);
		if (err >= 0)
			note_command(commands, are_main, path);
		if (err >= 0)
			err = sd_bus_message_skip(m, "asbttttuii");
		if (err >= 0)
			err = sd_bus_message_exit_container(m);
	}
	return err < 0 ? err : sd_bus_message_exit_container(m);
}

/* The only command that can be the main process, if there is one. */
static void take_program(struct commands *commands, struct unit_facts *facts)
{
	bool is_clear = commands->n_main == 1 && !commands->too_many;

	for (size_t i = 0; i < commands->n_others; i++) {
		is_clear = is_clear && !streq(commands->others[i], commands->main);
		free(commands->others[i]);
	}
	if (commands->told) {
		free(facts->program);
		facts->program = is_clear ? TAKE(commands->main) : NULL;
	}
	free(commands->main);
}

static int read_property(
	sd_bus_message *m, const char *name, struct unit_facts *facts, struct commands *commands)
{
	static const char *const others[] = { "ExecCondition", "ExecStartPre", "ExecStartPost",
		"ExecReload", "ExecStop", "ExecStopPost" };

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (streq(name, plain[i].name))
			return read_plain(m, i, facts);
	}
	if (streq(name, "ControlGroup"))
		return read_group(m, facts);
	if (streq(name, "TriggeredBy"))
		return read_triggers(m, facts);
	if (streq(name, "ConditionResult"))
		return read_conditions(m, facts);
	if (streq(name, "ExecStart"))
		return read_commands(m, true, commands);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (streq(name, others[i]))
			return read_commands(m, false, commands);
	}
	return -ENOENT;
}

static int read_entry(sd_bus_message *m, struct unit_facts *facts, struct commands *commands)
{
	const char *name, *contents;
	char type;
	int err = sd_bus_message_read_basic(m, 's', &name);

	if (err >= 0)
		err = sd_bus_message_peek_type(m, &type, &contents);
	if (err >= 0)
		err = sd_bus_message_enter_container(m, 'v', contents);
	if (err >= 0)
		err = read_property(m, name, facts, commands);
	if (err == -ENOENT)
		err = sd_bus_message_skip(m, contents);
	return err < 0 ? err : sd_bus_message_exit_container(m);
}

int unit_read(sd_bus_message *m, struct unit_facts *facts)
{
	struct commands commands = { 0 };
	int err = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (err >= 0 && (err = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		err = read_entry(m, facts, &commands);
		if (err >= 0)
			err = sd_bus_message_exit_container(m);
	}
	if (err >= 0)
		err = sd_bus_message_exit_container(m);
	take_program(&commands, facts);
	return err < 0 ? err : 0;
}
