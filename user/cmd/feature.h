/*
 * feature.h - --enable-feature, of the commands that read settings.
 */
#ifndef TOLLD_CMD_FEATURE_H
#define TOLLD_CMD_FEATURE_H

#include <stddef.h>

/*
 * Takes a name, or several with commas between them: what they ask for is in force for all settings that are read
 * from now on. -EINVAL with what is wrong.
 */
int feature_enable(const char *value, char *error, size_t error_size);

#endif
